r"""Measure the bundled network and the trivial floors on EBHI-Seg's validation images.

    python benchmarks/evaluate_bundled.py --data ../shared/data/ebhi_seg

Dice is that of gland, mIoU the mean of gland and other, both per image and then averaged; a
tissue that neither the mask nor the prediction has counts 1.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from ebhi_seg import normalise, read_images, read_masks, read_proportions, read_rows
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2hed
from skimage.filters import threshold_otsu
from torch import Tensor
from torch.nn import functional

from napari_vslp.encoders.weights import BUNDLED, Segmenter, file_hash, load_model
from napari_vslp.learning.proportions.views import turned_scores

Masks = NDArray[np.bool_]
Maps = NDArray[np.float64]
HAEMATOXYLIN_BLUR = 4.0


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    rows = read_rows(options.data, options.split)
    images, masks = read_images(options.data, rows), read_masks(options.data, rows)
    typed = read_proportions(rows)[:, 1].numpy().astype(np.float64)
    network, _ = load_model(options.weights)
    alone, turned = network_maps(network, images), network_maps(network, images, turns=True)
    blue = haematoxylin(images)
    print(f"{options.weights.name} sha256 {file_hash(options.weights)[:16]}, {len(rows)} images")
    print(f"{'':44}  Dice   mIoU")
    _print("all foreground", np.ones_like(masks), masks)
    _print("blurred haematoxylin, Otsu", np.stack([m > _otsu(m) for m in blue]), masks)
    _print("blurred haematoxylin, own proportion", matched(blue, typed), masks)
    _print("network alone", alone > 0, masks)
    _print("network, own proportion", matched(alone, typed), masks)
    _print("network, eight flips and turns", turned > 0, masks)
    _print("network, eight flips and turns, own prop.", matched(turned, typed), masks)
    print(f"one 512 x 512 forward pass: {seconds_512(network):.3f} s on {options.threads} threads")


def _otsu(values: NDArray[np.float64]) -> float:
    return float(threshold_otsu(values))  # type: ignore[no-untyped-call]


def network_maps(network: Segmenter, images: Tensor, *, turns: bool = False) -> Maps:
    """Return the log-odds of gland at the images' size, shape (N, H, W)."""
    parts = []
    with torch.inference_mode():
        for part in images.split(32):
            image = normalise(part)
            scores = turned_scores(network, image) if turns else network(image)
            odds = scores[:, 1:] - scores[:, :1]
            parts.append(functional.interpolate(odds, size=image.shape[-2:], mode="bilinear"))
    return torch.cat(parts)[:, 0].double().numpy()


def haematoxylin(images: Tensor) -> Maps:
    """Return the blurred haematoxylin of the images, shape (N, H, W)."""
    stained = (rgb2hed(image.permute(1, 2, 0).numpy())[..., 0] for image in images)
    return np.stack([gaussian_filter(one, HAEMATOXYLIN_BLUR) for one in stained])


def matched(maps: Maps, shares: NDArray[np.float64]) -> Masks:
    """Return each map cut where it covers the typed share of its image."""
    flat = maps.reshape(len(maps), -1)
    ranks = flat.argsort(axis=1).argsort(axis=1)
    chosen = ranks >= np.round((1 - shares) * flat.shape[1])[:, None]
    return chosen.reshape(maps.shape)


def dice_and_miou(found: Masks, truth: Masks) -> tuple[float, float]:
    """Return Dice of gland and mean IoU of gland and other, averaged over the images."""
    gland, other = _overlap(found, truth), _overlap(~found, ~truth)
    dice = 2 * gland / (1 + gland)
    return float(dice.mean()), float((gland + other).mean() / 2)


def seconds_512(network: Segmenter, repeats: int = 5) -> float:
    """Return the median time of one pass over a 512 × 512 image, after a first one, in seconds."""
    image, times = torch.randn(1, 3, 512, 512), []
    with torch.inference_mode():
        network(image)
        for _ in range(repeats):
            start = time.perf_counter()
            network(image)
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def _overlap(found: Masks, truth: Masks) -> NDArray[np.float64]:
    shared, either = (found & truth).sum(axis=(1, 2)), (found | truth).sum(axis=(1, 2))
    overlap: NDArray[np.float64] = np.where(either > 0, shared / np.maximum(either, 1), 1.0)
    return overlap


def _print(name: str, found: Masks, truth: Masks) -> None:
    dice, miou = dice_and_miou(found, truth)
    print(f"{name:44} {dice:.4f} {miou:.4f}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of EBHI-Seg")
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("--split", default="val")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
