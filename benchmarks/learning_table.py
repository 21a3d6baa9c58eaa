r"""Train and measure every row of docs/accuracy.md that needs a training of its own.

    python benchmarks/learning_table.py --data ../shared/data --work /tmp/vslp-table

Rows: three seeds, training shares with ±10 points of noise, 100 images only, the supervised
ceiling, and WSSS4LUAD in five folds. Each leaves a model and its figures in the folder of work
and is skipped when the script runs again; a training that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from ebhi_measure import as_text, measure
from luad_measure import folds, measure_folds

from napari_vslp.core.progress import Job, Progress
from napari_vslp.evaluation.masks import find_mask, read_mask
from napari_vslp.learning.cohort import Bag, Cohort, read_cohort
from napari_vslp.learning.contract import Event, Run
from napari_vslp.learning.proportions.learner import Recipe
from napari_vslp.learning.proportions.train import train

ROUNDS = (200, 150, 150, 150)
NOISE = 0.10
FEW = 100


@dataclass(frozen=True)
class Row:
    """One training on EBHI-Seg."""

    name: str
    seed: int = 0
    images: int | None = None
    noise: float = 0.0
    masks: bool = False


ROWS = (
    Row("seed 0", seed=0),
    Row("100 images", images=FEW),
    Row("noise of 10 points", noise=NOISE),
    Row("seed 1", seed=1),
    Row("seed 2", seed=2),
    Row("ceiling", masks=True),
)


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        if not options.only or row.name in options.only:
            _ebhi(row, options)
    if not options.only or "luad" in options.only:
        _luad(options)


def _ebhi(row: Row, options: argparse.Namespace) -> None:
    folder, name = options.data / "ebhi_seg", row.name.replace(" ", "-")
    model, figures = options.work / f"{name}.safetensors", options.work / f"{name}.json"
    if not model.exists():
        rounds = (sum(ROUNDS),) if row.masks else ROUNDS
        recipe = Recipe(encoder="imagenet", rounds=rounds, go_on=True, seed=row.seed)
        _train(_cohort(row, folder), model, recipe, folder, masks=row.masks)
    if not figures.exists():
        found = measure(model, folder, noise=row.noise, seed=row.seed)
        figures.write_text(json.dumps(found))
    found = json.loads(figures.read_text())
    print(f"{row.name}: Dice, mIoU, boundary F1 with 95 % intervals")
    for setting, values in found.items():
        print(f"  {setting:44} {as_text(values)}", flush=True)


def _cohort(row: Row, folder: Path) -> Cohort:
    """Return the training images, with fewer of them or with noise on their shares."""
    cohort = read_cohort(folder / "index.csv", tissues=["gland"], split="train")
    draw = np.random.default_rng(row.seed)
    bags = list(cohort.bags)
    if row.images:
        bags = [bags[i] for i in sorted(draw.permutation(len(bags))[: row.images])]
    if row.noise:
        bags = [_noisy(bag, draw.uniform(-row.noise, row.noise)) for bag in bags]
    return replace(cohort, bags=tuple(bags))


def _noisy(bag: Bag, error: float) -> Bag:
    gland = float(np.clip(bag.lower[1] + error, 0, 1))
    return replace(bag, lower=(1 - gland, gland), upper=(1 - gland, gland))


def _train(cohort: Cohort, model: Path, recipe: Recipe, folder: Path, *, masks: bool) -> None:
    def truth(bag: Bag) -> np.ndarray:
        return read_mask(find_mask(folder / "masks", bag.image, bag.mask), (224, 224), 2)

    print(model.stem, flush=True)
    cohort = replace(cohort, truth=truth if masks else None)
    job = Job(on_progress=_say)
    train(cohort, Run(model, precision="bf16-mixed"), recipe=recipe, job=job)


def _luad(options: argparse.Namespace) -> None:
    folder = options.data / "wsss4luad"
    for number, table in enumerate(folds(folder, options.work)):
        model = options.work / f"luad-{number}.safetensors"
        if not model.exists():
            cohort = read_cohort(table, images=folder / "images", split="train")
            _train(cohort, model, Recipe(rounds=(100, 100), go_on=True), folder, masks=False)
    print("WSSS4LUAD in five folds: mIoU with its 95 % interval")
    for setting, values in measure_folds(folder, options.work).items():
        print(f"  {setting:44} {as_text(values)}", flush=True)


def _say(progress: Progress) -> None:
    if isinstance(progress, Event) and progress.figures:
        print(progress.stage, progress.step, dict(progress.figures), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder shared/data")
    parser.add_argument("--work", type=Path, required=True, help="a folder for models and figures")
    parser.add_argument("--only", action="append", help="a row's name; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
