"""Made-up sections whose tissues are known, and a recipe that learns them in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.encoders.weights import load_model
from napari_vslp.learning.proportions.learner import Recipe, ShallowRecipe, StudentRecipe

TISSUES = ("stroma", "nest")
TINY = Recipe(
    rounds=(6, 4),
    shallow=ShallowRecipe(
        heads=1,
        kept=1,
        hidden=16,
        bag_epochs=6,
        mixed_epochs=4,
        batch=4,
        cells=256,
        rate=1e-2,
        least_steps=1,
    ),
    student=StudentRecipe(batch=2, patch=64, rate=3e-3, average_decay=0.8, check_every=2),
)


def section(share: float, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nests of purple nuclei in pink fibres, and where they are, cut along a line."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] + 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along = rows * np.cos(angle) + columns * np.sin(angle)
    nest = along < np.quantile(along, share)
    fibres = (0.87, 0.62, 0.76) + 0.06 * np.sin(0.7 * columns + 0.2 * rows)[..., None]
    nuclei = np.hypot(rows % 8 - 4, columns % 8 - 4) < 2.6
    cells = np.where(nuclei[..., None], (0.38, 0.25, 0.55), (0.74, 0.57, 0.76))
    image = np.where(nest[..., None], cells, fibres) + rng.normal(0, 0.04, (side, side, 3))
    return (np.clip(image, 0, 1) * 255).astype(np.uint8), nest


def write_sections(folder: Path, count: int = 12, side: int = 64) -> Path:
    """Write images, their masks (in “masks”) and the table of their shares, which it returns."""
    (folder / "masks").mkdir(parents=True)
    lines = ["image,mask,stroma,nest"]
    for index in range(count):
        image, nest = section(0.1 + 0.8 * index / (count - 1), side, index)
        name = f"{index}.png"
        Image.fromarray(image).save(folder / name)
        Image.fromarray(nest.astype(np.uint8)).save(folder / "masks" / name)
        lines.append(f"{name},{name},{1 - nest.mean():.4f},{nest.mean():.4f}")
    table = folder / "cohort.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def with_student(recipe: Recipe, **changes: object) -> Recipe:
    """Return a recipe with other rules for its student."""
    return replace(recipe, student=replace(recipe.student, **changes))


def job_until(stage: str, step: int | None = None) -> Job:
    """Return a job that is told to stop at a stage, or at a step of it."""
    token = CancelToken()

    def look(progress: Progress) -> None:
        if progress.stage == stage and (step is None or progress.step == step):
            token.cancel()

    return Job(token, look)


class Followed(Job):
    """A job that keeps all its reports."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        super().__init__(on_progress=self.reports.append)

    @property
    def stages(self) -> list[str]:
        """Each stage once, in order."""
        return list(dict.fromkeys(one.stage for one in self.reports))

    def steps(self, stage: str) -> list[int]:
        """The steps of a stage, without those that a check repeats."""
        return [r.step for r in self.reports if r.stage == stage and r.kind == "round"]


def weights(model: Path) -> dict[str, np.ndarray]:
    """Return the weights in a model file."""
    return {name: value.numpy() for name, value in load_model(model)[0].state_dict().items()}


def alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Tell whether two sets of weights are the same, bit by bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)
