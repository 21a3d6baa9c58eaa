"""Regions cut until none has a hole, for formats whose polygons cannot have any.

A region is cut along the upper side of each of its holes, from border to border: the hole is then
open to the outside of the part below. The parts together hold exactly the region's pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.export.annotations.polygons import Components, Part, Ring, components_of, outlines


@dataclass(frozen=True)
class Piece:
    """A part of a tissue without holes.

    Attributes
    ----------
    tissue
        Whose it is.
    ring
        Corners (n, 2) int64 as (x, y), px of the whole image, the first not again at the end.
    """

    tissue: Tissue
    ring: Ring

    @property
    def area(self) -> int:
        """Its area (px)."""
        x, y = self.ring.T
        return int(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) // 2


def pieces_of(result: Segmentation) -> list[Piece]:
    """Return the tissues of a result as polygons without holes, tissue by tissue.

    Raises
    ------
    VslpError
        If the image was segmented at a coarser level than the finest.
    """
    check_level(result)
    corner = np.array(result.region[1::-1], np.int64)
    parts = sorted(without_holes(result.labels), key=lambda part: part.label)
    return [Piece(result.tissues[part.label - 1], part.rings[0][:-1] + corner) for part in parts]


def check_level(result: Segmentation) -> None:
    """Raise `VslpError` unless the pixels are those of the finest level, as outlines must be."""
    if result.inputs.image.level:
        raise VslpError(
            "The image was segmented at a coarser level of its pyramid, and outlines are given "
            "in pixels of the finest: segment that one."
        )


def without_holes(labels: NDArray[np.uint8]) -> list[Part]:
    """Return parts of regions, each of one ring, that together are exactly the labels.

    Parameters
    ----------
    labels
        (h, w) uint8; 0 is nothing.
    """
    labels = np.asarray(labels)
    components = components_of(labels)
    while True:
        parts = outlines(labels, components)
        cuts = [
            (part.component, int(hole[:, 1].min())) for part in parts for hole in part.rings[1:]
        ]
        if not cuts:
            return parts
        components = components_of(_cut(components, cuts))


def _cut(components: Components, cuts: list[tuple[int, int]]) -> Components:
    """Return other numbers for the pixels of a region above and below each cut (region, row)."""
    height = components.shape[0]
    size = int(components.max()) + 1
    starts = np.arange(size, dtype=np.int64) * (height + 1)
    keys = np.sort([*starts, *(number * (height + 1) + row for number, row in cuts)])
    rows = np.arange(height, dtype=np.int64)[:, None]
    # How many starts and cuts lie at or before a pixel: another number for each part of a region.
    found = np.searchsorted(keys, components.astype(np.int64) * (height + 1) + rows, side="right")
    numbered: Components = np.where(components > 0, found, 0).astype(np.int32)
    return numbered
