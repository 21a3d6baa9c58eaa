"""Label images as paint, or as shares: 0 is free, i the i-th tissue, unless the file names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs, Paint
from napari_vslp.evaluation.masks import stored
from napari_vslp.importing.contract import Imported, Importer, count
from napari_vslp.importing.names import TOLERANCE, table_of, tissue_of

SUFFIXES = (".tif", ".tiff", ".png")


class LabelPaint(Importer):
    """Labels as paint."""

    name = "labels"
    title = "Label image as paint"
    suffixes = SUFFIXES

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read the labels; they take the place of what was painted."""
        labels, names = _read(path, inputs)
        table = inputs.tissues
        owners = [tissue_of(name, table, path).id for name in names.values()]
        places = np.zeros(256, np.uint8)
        places[list(names)] = np.arange(1, len(names) + 1)
        paint = Paint.of(places[labels], owners, inputs.image.shape)
        return Imported(
            f"Imported from {path.name}: paint of {count(len(names), 'tissue')}.",
            paint=paint,
            title="import labels",
        )


class LabelShares(Importer):
    """The areas of labels as shares of all that is labelled, within the region."""

    name = "label-shares"
    title = "Areas of a label image as shares"
    suffixes = SUFFIXES

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read the labels and count them."""
        labels, names = _read(path, inputs)
        top, left, bottom, right = inputs.region or (0, 0, *labels.shape)
        pixels = np.bincount(labels[top:bottom, left:right].ravel(), minlength=256)
        total = int(pixels[1:].sum())
        if not total:
            raise VslpError(
                f"“{path.name}” labels no pixel of the region: name a file of this image."
            )
        half = None if inputs.tissues else TOLERANCE
        shares: dict[str, tuple[float | None, float | None]] = {
            name: (int(pixels[value]) / total, half) for value, name in names.items()
        }
        return Imported(
            f"Imported from {path.name}: the shares of {count(len(names), 'tissue')}.",
            tissues=table_of(shares, inputs.tissues, path),
            title="import shares",
        )


def _read(path: Path, inputs: Inputs) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Return labels (H, W) and the name of each label that occurs."""
    raw, own = stored(path)
    shape = inputs.image.shape
    if raw.ndim != 2 or raw.dtype.kind not in "bui":
        raise VslpError(
            f"“{path.name}” is no image of labels, one whole number a pixel: save it as a grey or "
            "indexed PNG or TIFF."
        )
    if raw.shape != shape:
        raise VslpError(
            f"“{path.name}” is {raw.shape[1]} × {raw.shape[0]} px, the image {shape[1]} × "
            f"{shape[0]} px: export it at the image's size."
        )
    if int(raw.max(initial=0)) > 255 or int(raw.min(initial=0)) < 0:
        raise VslpError(f"“{path.name}” holds labels above 255: number its tissues from 1.")
    labels = raw.astype(np.uint8)
    found = [int(value) for value in np.unique(labels) if value]
    if not found:
        raise VslpError(f"“{path.name}” holds nothing but 0: paint on it, or choose another file.")
    return labels, _names(found, own, inputs, path)


def _names(
    found: list[int], own: dict[int, str] | None, inputs: Inputs, path: Path
) -> dict[int, str]:
    if own is not None and all(value in own for value in found):
        return {value: own[value] for value in found}
    if found[-1] > len(inputs.tissues):
        raise VslpError(
            f"“{path.name}” holds the label {found[-1]}, and there are "
            f"{count(len(inputs.tissues), 'tissue')}: add the missing ones to the table first."
        )
    return {value: inputs.tissues[value - 1].name for value in found}


label_paint, label_shares = LabelPaint(), LabelShares()
