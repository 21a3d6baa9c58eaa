"""Values of a region laid on the whole image, read in tiles: the whole is never one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_vslp.core.inputs import Box
from napari_vslp.core.segmentation import Segmentation

_BAND_BYTES = 16 * 2**20  # read at once; lazy arrays decode a chunk anew for each reading


@dataclass(frozen=True, eq=False)
class Plane:
    """Values of a region on the whole image, 0 outside it.

    Attributes
    ----------
    values
        (h, w), of anything that slices to an array: NumPy's, a memmap, dask's, zarr's.
    region
        Top, left, bottom, right of the values (px of the whole image).
    shape
        Height and width of the whole image (px).
    """

    values: Any
    region: Box
    shape: tuple[int, int]

    @classmethod
    def of(cls, result: Segmentation, values: Any) -> Plane:  # noqa: ANN401 - any array
        """Return values (h, w) of the region of a result, such as its labels."""
        return cls(values, result.region, result.image_shape)

    @classmethod
    def whole(cls, values: Any) -> Plane:  # noqa: ANN401 - any array
        """Return values (H, W) of a whole image."""
        height, width = (int(side) for side in values.shape)
        return cls(values, (0, 0, height, width), (height, width))

    @property
    def dtype(self) -> DTypeLike:
        """Type of the values."""
        kind: DTypeLike = self.values.dtype
        return kind

    def read(self, box: Box, step: int = 1) -> NDArray[Any]:
        """Return the values of a box of the whole image, every `step`-th of them.

        Parameters
        ----------
        box
            Top, left, bottom, right (px); top and left are multiples of `step`.
        step
            1 for all, 2 for every second row and column, …

        Returns
        -------
        ndarray
            (⌈(bottom − top) / step⌉, ⌈(right − left) / step⌉).
        """
        rows, out_rows = _overlap(box[0], box[2], self.region[0], self.region[2], step)
        columns, out_columns = _overlap(box[1], box[3], self.region[1], self.region[3], step)
        size = (-(-(box[2] - box[0]) // step), -(-(box[3] - box[1]) // step))
        found = np.zeros(size, self.values.dtype)
        if rows.start < rows.stop and columns.start < columns.stop:
            # zarr slices only with a step of 1 at full speed
            part = np.asarray(self.values[rows, columns])
            found[out_rows, out_columns] = part[::step, ::step]
        return found

    def bands(self, rows: int, step: int = 1) -> Iterator[NDArray[Any]]:
        """Give the whole image from top to bottom in bands of a multiple of `rows` (last: fewer).

        Parameters
        ----------
        rows
            Of a tile, after the step.
        step
            As in `read`.
        """
        height, width = self.shape
        row_bytes = max(1, width * self.values.dtype.itemsize)
        high = max(1, _BAND_BYTES // (row_bytes * rows * step)) * rows * step
        for top in range(0, height, high):
            yield self.read((top, 0, min(top + high, height), width), step)

    def tiles(self, side: int, step: int = 1) -> Iterator[NDArray[Any]]:
        """Give tiles of `side` px, row by row; those at the end of a row or column are smaller."""
        for band in self.bands(side, step):
            for row in range(0, band.shape[0], side):
                for column in range(0, band.shape[1], side):
                    yield band[row : row + side, column : column + side]


def steps_of(shape: Sequence[int], smallest: int) -> tuple[int, ...]:
    """Return the steps of a pyramid: 1, 2, 4, … until no side is longer than `smallest` (px)."""
    steps = [1]
    while -(-max(shape) // steps[-1]) > smallest:
        steps.append(2 * steps[-1])
    return tuple(steps)


def _overlap(start: int, stop: int, low: int, high: int, step: int) -> tuple[slice, slice]:
    """Return which values of one side lie in a box, and where they go."""
    first = start + -(-max(0, low - start) // step) * step
    last = min(stop, high)
    count = max(0, -(-(last - first) // step))
    into = (first - start) // step
    return slice(first - low, max(first, last) - low), slice(into, into + count)
