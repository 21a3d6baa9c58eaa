"""Measure a model on EBHI-Seg's validation images: alone, with typed shares, with stage 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ebhi_seg import normalise, read_images, read_masks, read_proportions, read_rows
from evaluate_bundled import matched
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.tissues import Tissue
from napari_vslp.encoders.weights import load_model
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.penalties.contract import penalty_of
from napari_vslp.energy.problem import Problem, cost_of, edge_weight
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop
from napari_vslp.evaluation.figures import Bootstrap
from napari_vslp.evaluation.metrics import Truth
from napari_vslp.learning.proportions.views import turned_scores

Maps = NDArray[np.float64]
Figures = dict[str, list[float]]
SMOOTHNESS = 2.0
NAMES = ("dice", "miou", "boundary_f1")


def measure(model: Path, folder: Path, *, noise: float = 0.0, seed: int = 0) -> dict[str, Figures]:
    """Return Dice, mIoU and boundary F1 (mean, low, high) of every setting.

    Parameters
    ----------
    model
        A file of this project.
    folder
        Of EBHI-Seg.
    noise
        Half width of the uniform error on the typed shares, which then serve as intervals.
    seed
        Of that error.
    """
    rows = read_rows(folder, "val")
    images, masks = read_images(folder, rows), read_masks(folder, rows)
    typed = read_proportions(rows)[:, 1].numpy().astype(np.float64)
    shown = np.clip(typed + np.random.default_rng(seed).uniform(-noise, noise, len(typed)), 0, 1)
    network, _ = load_model(model)
    one, eight = odds(network, images, 1), odds(network, images, 8)
    tolerance = noise or 0.05
    found = {
        "network alone": one > 0,
        "network alone, eight views": eight > 0,
        "own share": matched(eight, shown),
        "own share and stage 2": solved(eight, images, shown, 0.0, "measured"),
        f"own share ±{tolerance:.0%} and stage 2": solved(
            eight, images, shown, tolerance, "interval"
        ),
    }
    boot = Bootstrap([row["case"] for row in rows], seed=0)
    return {name: figures(one, masks, boot) for name, one in found.items()}


def odds(network: nn.Module, images: Tensor, views: int) -> Maps:
    """Return the log-odds of gland at the images' size, averaged over views, (N, H, W)."""
    parts = []
    with torch.inference_mode():
        for part in images.split(32):
            scores = turned_scores(network, normalise(part), views)
            score = scores[:, 1:] - scores[:, :1]
            parts.append(functional.interpolate(score, size=part.shape[-2:], mode="bilinear"))
    return torch.cat(parts)[:, 0].double().numpy()


def solved(
    maps: Maps, images: Tensor, shares: NDArray[np.float64], tolerance: float, trust: str
) -> NDArray[np.bool_]:
    """Return stage 2's segmentation of each image, (N, H, W)."""
    pairs = zip(maps, images.permute(0, 2, 3, 1).numpy(), shares, strict=True)
    return np.stack([_solved(*pair, tolerance, trust) for pair in pairs])


def _solved(
    one: NDArray[np.float64],
    image: NDArray[np.uint8],
    share: float,
    tolerance: float,
    trust: str,
) -> NDArray[np.bool_]:
    gland = (1 / (1 + np.exp(-one))).astype(np.float32)
    confidence = np.stack([1 - gland, gland])
    tissues = (Tissue("other", 1 - share, tolerance), Tissue("gland", share, tolerance))
    tv_weight = SMOOTHNESS / 2 * edge_weight(image)
    problem = Problem(cost_of(confidence), tv_weight, penalty_of(tissues, trust, 1.0))
    solution, _ = minimise(problem, stop=Stop(1e-3, 500))
    inside = np.ones(one.shape, np.bool_)
    labels = round_labels(solution.state.u, confidence, inside, *problem.penalty.bounds())
    return np.asarray(labels == 2)


def figures(found: NDArray[np.bool_], masks: NDArray[np.bool_], boot: Bootstrap) -> Figures:
    """Return the mean and the 95 % interval of each figure."""
    scores = [
        Truth(mask.astype(np.int16), 2).compare(one.astype(np.int16))
        for one, mask in zip(found, masks, strict=True)
    ]
    values = {
        "dice": [s.dice[1] for s in scores],
        "miou": [s.iou.mean() for s in scores],
        "boundary_f1": [s.boundary_f1[1] for s in scores],
    }
    return {name: interval(boot, values[name]) for name in NAMES}


def interval(boot: Bootstrap, values: Sequence[float]) -> list[float]:
    """Return mean, low and high."""
    found = boot.interval(np.asarray(values, np.float64))
    return [found.mean, found.low, found.high]


def as_text(values: Mapping[str, Sequence[float]]) -> str:
    """Return figures as 0.897 [0.889, 0.905]."""
    return "  ".join(f"{m:.3f} [{low:.3f}, {high:.3f}]" for m, low, high in values.values())
