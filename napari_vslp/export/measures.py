"""What is measured of tissues and of their regions, for polygons and tables alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.export.annotations.polygons import Components, components_of

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measures:
    """Numbers of each group of pixels of a result: of each tissue, or of each region.

    Attributes
    ----------
    result
        The result.
    groups
        (h, w) integers, 0 for none.
    count
        How many groups there are; arrays below are (count + 1,), the place 0 of no meaning.
    """

    result: Segmentation
    groups: NDArray[np.integer]
    count: int

    @classmethod
    def of_tissues(cls, result: Segmentation) -> Measures:
        """Return the numbers of each tissue, i + 1 for `result.tissues[i]`."""
        return cls(result, result.labels, len(result.tissues))

    @classmethod
    def of_regions(cls, result: Segmentation, components: Components) -> Measures:
        """Return the numbers of each region of `polygons.components_of`."""
        return cls(result, components, int(components.max(initial=0)))

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """How many pixels there are."""
        return np.bincount(self.groups.ravel(), minlength=self.count + 1)

    @cached_property
    def mm2(self) -> Numbers | None:
        """Area (mm²); None if the pixel size is unknown."""
        size = self.result.pixel_size_um
        return None if size is None else self.pixels.astype(np.float64) * (size[0] * size[1] * 1e-6)

    def mean(self, values: FloatMap) -> Numbers:
        """Return the mean of a map (h, w); NaN for a group without pixels."""
        total = np.bincount(self.groups.ravel(), values.ravel(), self.count + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means: Numbers = total / self.pixels
        return means

    @cached_property
    def terms(self) -> dict[str, Numbers]:
        """Term of the energy → mean of its map (nats per px)."""
        return {name: self.mean(term.map) for name, term in self.result.terms.items()}

    @property
    def doubt(self) -> Numbers:
        """Mean of all terms of the energy together (nats per px): what the doubt costs a pixel."""
        means = list(self.terms.values())
        return np.sum(means, axis=0) if means else np.full(self.count + 1, np.nan)

    @cached_property
    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many sides of pixels border on something else: horizontal and vertical ones."""
        padded = np.pad(self.groups, 1)
        return self._sides(padded), self._sides(padded.T)

    def _sides(self, padded: NDArray[np.integer]) -> NDArray[np.int64]:
        above, below = padded[:-1], padded[1:]
        border = above != below
        size = self.count + 1
        both = np.concatenate([above[border], below[border]])
        return np.bincount(both, minlength=size)

    @property
    def perimeter_px(self) -> NDArray[np.int64]:
        """Length along the sides of pixels (px), borders of holes and of the region included."""
        horizontal, vertical = self.sides
        return horizontal + vertical

    @property
    def perimeter_um(self) -> Numbers | None:
        """The same (µm); None if the pixel size is unknown."""
        size = self.result.pixel_size_um
        horizontal, vertical = self.sides
        return None if size is None else horizontal * size[1] + vertical * size[0]


def regions_of_tissues(result: Segmentation) -> NDArray[np.int64]:
    """Return how many regions, connected by sides, each tissue has, (K,)."""
    components = components_of(np.asarray(result.labels))
    label_of = np.zeros(int(components.max(initial=0)) + 1, np.uint8)
    label_of[components] = result.labels
    return np.bincount(label_of[1:], minlength=len(result.tissues) + 1)[1:]


def finite(numbers: dict[str, float | None]) -> dict[str, float]:
    """Return plain floats without those that are unknown, NaN or infinite."""
    told = {name: float(value) for name, value in numbers.items() if value is not None}
    return {name: value for name, value in told.items() if math.isfinite(value)}
