"""WSSS4LUAD in five folds: tables of shares, and what the five models reach on what they missed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from ebhi_measure import interval

from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.evaluation.figures import Bootstrap
from napari_vslp.evaluation.masks import read_mask
from napari_vslp.evaluation.metrics import Truth
from napari_vslp.pipeline import fuse, prepare
from napari_vslp.raster.contract import open_raster

FOLDS = 5
NAMES = ("tumor", "stroma", "background")
# Normal tissue is rare and counts as stroma here.
LABELS = {0: 0, 1: 1, 2: 1, 3: 2}


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of ``proportions.csv``."""
    with (folder / "proportions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def fold_of(count: int) -> np.ndarray:
    """Return the fold of each image, drawn once and for all."""
    return np.random.default_rng(0).permutation(count) % FOLDS


def folds(folder: Path, work: Path) -> list[Path]:
    """Write a table for each fold, with its images as split “test”."""
    rows = rows_of(folder)
    at, paths = fold_of(len(rows)), []
    for number in range(FOLDS):
        path = work / f"luad-{number}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", *NAMES, "split"])
            for row, fold in zip(rows, at, strict=True):
                stroma = float(row["stroma"]) + float(row["normal"])
                shares = [row["tumor"], f"{stroma:.4f}", row["background"]]
                writer.writerow([row["file"], *shares, "test" if fold == number else "train"])
        paths.append(path)
    return paths


def measure_folds(folder: Path, work: Path) -> dict[str, dict[str, list[float]]]:
    """Return the mIoU over the three tissues (mean, low, high) of every setting."""
    rows = rows_of(folder)
    values: dict[str, list[float]] = {}
    for row, fold in zip(rows, fold_of(len(rows)), strict=True):
        for name, miou in _measure(row, folder, work / f"luad-{fold}.safetensors").items():
            values.setdefault(name, []).append(miou)
    boot = Bootstrap([row["file"] for row in rows], seed=0)
    return {name: {"miou": interval(boot, found)} for name, found in values.items()}


def _measure(row: dict[str, str], folder: Path, model: Path) -> dict[str, float]:
    image = open_raster(folder / "images" / row["file"]).read()
    truth = Truth(read_mask(folder / "masks" / row["file"], image.shape[:2], 3, LABELS), 3)
    base = Settings(encoder=str(model), cache=False)
    prepared = prepare(image, settings=base)
    shares = dict(zip(NAMES, truth.shares, strict=True))
    unknown = [Tissue(name) for name in NAMES]
    found = {}
    for name, tissues, change in (
        ("network alone", unknown, {"smoothness": 0.0, "trust": "none"}),
        ("own shares", _typed(shares, 0.0), {"smoothness": 0.0, "trust": "measured"}),
        ("own shares and stage 2", _typed(shares, 0.0), {"trust": "measured"}),
        ("own shares ±5 % and stage 2", _typed(shares, 0.05), {}),
    ):
        settings = Settings(encoder=str(model), tolerance=1e-3, cache=False, **change)
        result = fuse(prepared, tissues, settings=settings)
        found[name] = float(truth.compare(result.labels.astype(np.int16) - 1).iou.mean())
    return found


def _typed(shares: dict[str, float], tolerance: float) -> list[Tissue]:
    return [Tissue(name, share, tolerance) for name, share in shares.items()]
