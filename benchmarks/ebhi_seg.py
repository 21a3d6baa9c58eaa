"""Read the folder of EBHI-Seg: images and proportions for training, masks for measuring only."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

# What the bundled network's images are normalised by.
MEAN, STD = 0.498, 0.502


def read_rows(folder: Path, split: str) -> list[dict[str, str]]:
    """Return the rows of ``index.csv`` of one split."""
    with (folder / "index.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def read_images(folder: Path, rows: list[dict[str, str]]) -> Tensor:
    """Return the images of some rows, shape (N, 3, 224, 224), uint8, RGB."""
    paths = [folder / "images" / row["image"] for row in rows]
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def read_proportions(rows: list[dict[str, str]]) -> Tensor:
    """Return the proportions of other and gland of some rows, shape (N, 2), float32."""
    gland = torch.tensor([float(row["gland"]) for row in rows])
    return torch.stack([1 - gland, gland], dim=1)


def read_masks(folder: Path, rows: list[dict[str, str]]) -> NDArray[np.bool_]:
    """Return the gland masks of some rows, shape (N, 224, 224); never used in training."""
    paths = [folder / "masks" / row["mask"] for row in rows]
    return np.stack([np.asarray(Image.open(path)) > 0 for path in paths])


def normalise(images: Tensor) -> Tensor:
    """Return uint8 images as the network wants them, float32."""
    return (images.float() / 255 - MEAN) / STD
