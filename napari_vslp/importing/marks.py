"""Annotations as what the hand would have done: points as clicks, shapes as paint, the region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, Inputs, Paint
from napari_vslp.core.tissues import Click, Tissue, check_clicks, coloured
from napari_vslp.importing import shapes
from napari_vslp.importing.contract import Imported, Importer, count
from napari_vslp.importing.geojson import Annotation, read_annotations
from napari_vslp.importing.names import tissue_of
from napari_vslp.learning.table import key

# QuPath's own name for what is to be worked on has an asterisk.
_REGION = {"", "region", "region*", "roi"}
_MOST_PIXELS = 2**30


class AnnotationMarks(Importer):
    """Annotations as clicks, paint and region."""

    name = "annotations"
    title = "Annotations as clicks, paint and region"
    suffixes = (".geojson", ".json")

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read the annotations; later ones are painted over earlier ones."""
        found = read_annotations(path)
        regions = [one for one in found if key(one.tissue) in _REGION and one.kind == "polygon"]
        marks = [one for one in found if one not in regions]
        table = inputs.tissues or _classes(marks)
        taker = _Taker(path, inputs, table)
        for one in marks:
            taker.take(one)
        region = _region(regions, inputs.image.shape, path)
        clicks = tuple(dict.fromkeys((*inputs.clicks, *taker.clicks)))
        check_clicks(clicks, table, inputs.image.shape)
        parts = [count(len(taker.clicks), "click"), count(taker.painted, "painted shape")]
        parts += ["the region"] if region is not None else []
        return Imported(
            f"Imported from {path.name}: {', '.join(parts)}.",
            tissues=None if inputs.tissues else table,
            clicks=clicks,
            paint=taker.paint(),
            region=region,
            title="import annotations",
        )


def check_size(shape: tuple[int, int]) -> None:
    """Raise `VslpError` if an image is too large to be painted as a whole."""
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise VslpError("The image is too large to be painted on: choose a coarser level of it.")


class _Taker:
    """Takes one annotation after the other into clicks and paint."""

    def __init__(self, path: Path, inputs: Inputs, table: tuple[Tissue, ...]) -> None:
        self._path, self._table, self._shape = path, table, inputs.image.shape
        before = inputs.paint
        self._owners = list(before.owners) if before is not None else []
        self._canvas = before.whole() if before is not None else None
        self.clicks: list[Click] = []
        self.painted = 0

    def take(self, one: Annotation) -> None:
        if not one.tissue:
            raise VslpError(
                f"A {one.kind} in “{self._path.name}” has no class: give it the class of a tissue."
            )
        tissue = tissue_of(one.tissue, self._table, self._path)
        for shape in one.shapes:
            if one.kind == "point":
                self.clicks.append(Click(tissue.id, *shapes.pixel_of(shape[0][0])))
                continue
            canvas, value = self._on(tissue)
            if one.kind == "line":
                pixels = shapes.stroke(shape[0], canvas, value)
            else:
                pixels = shapes.fill(shape, canvas, value)
            if not pixels:
                raise VslpError(
                    f"A {one.kind} of {tissue.name} in “{self._path.name}” holds no pixel of the "
                    f"image of {self._shape[1]} × {self._shape[0]} px: name a file of this image."
                )
            self.painted += 1

    def paint(self) -> Paint | None:
        return None if self._canvas is None else Paint.of(self._canvas, self._owners, self._shape)

    def _on(self, tissue: Tissue) -> tuple[NDArray[np.uint8], int]:
        if self._canvas is None:
            check_size(self._shape)
            self._canvas = np.zeros(self._shape, np.uint8)
        if tissue.id not in self._owners:
            self._owners.append(tissue.id)
        return self._canvas, self._owners.index(tissue.id) + 1


def _classes(marks: list[Annotation]) -> tuple[Tissue, ...]:
    """Return the tissues of a file for an empty table, their shares unknown."""
    names = {key(one.tissue): one.tissue for one in reversed(marks) if one.tissue}
    order = dict.fromkeys(key(one.tissue) for one in marks if one.tissue)
    return tuple(coloured([Tissue(names[one]) for one in order]))


def _region(found: list[Annotation], shape: tuple[int, int], path: Path) -> Box | None:
    boxes = [shapes.rectangle_of(shape[0]) for one in found for shape in one.shapes]
    if not boxes:
        return None
    if len(boxes) > 1:
        raise VslpError(
            f"“{path.name}” holds {len(boxes)} shapes without the class of a tissue, and one "
            "rectangle can be the region: delete the others or give them a class."
        )
    if boxes[0] is None:
        raise VslpError(
            f"A shape in “{path.name}” has no class and is no rectangle: give it the class of a "
            "tissue, or draw the region as an upright rectangle."
        )
    box = shapes.clipped(boxes[0], shape)
    if box is None:
        raise VslpError(
            f"The region in “{path.name}” lies outside the image of {shape[1]} × {shape[0]} px: "
            "name a file of this image."
        )
    return box


annotation_marks = AnnotationMarks()
