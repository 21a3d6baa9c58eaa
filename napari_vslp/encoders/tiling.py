"""Overlapping tiles whose results are blended smoothly, so that no tile grid shows.

All tiles lie on multiples of 16 px: the strides 4, 8 and 16 of a network then fall on the same
pixels in every tile, and only the context near a tile's edge differs, where its weight is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

STRIDE = 4
OVERLAP = 96
_GRID = 16
_SMALLEST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Tile:
    """A square or smaller rectangle of an image, in pixels.

    Attributes
    ----------
    top, left
        Its corner.
    height, width
        Its size.
    """

    top: int
    left: int
    height: int
    width: int

    def cut(self, image: Tensor) -> Tensor:
        """Return this part of an image (…, H, W)."""
        return image[..., self.top : self.top + self.height, self.left : self.left + self.width]


def pad_to_multiple(image: Tensor, multiple: int, smallest: int = 0) -> Tensor:
    """Continue an image by reflection, to the right and below, up to a multiple of pixels.

    Parameters
    ----------
    image : Tensor
        Shape (N, C, H, W), floating point; any size from 1 × 1.
    multiple : int
        What height and width shall be divisible by (px).
    smallest : int
        Height and width are at least that (px).
    """
    height, width = (round_up(max(side, smallest), multiple) for side in image.shape[-2:])
    rows, columns = reflected(0, height, image.shape[-2]), reflected(0, width, image.shape[-1])
    return image[..., rows.to(image.device), :][..., columns.to(image.device)]


def tiles_of(shape: tuple[int, int], size: int, overlap: int = OVERLAP, fit: int = 0) -> list[Tile]:
    """Cover an image with overlapping tiles of one size, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image (px), multiples of 16.
    size, overlap : int
        Largest side of a tile and least overlap of neighbours (px), multiples of 16.
    fit : int
        Tiles are made as small as so many tiles can be, up to a multiple of that (px); 0: of the
        size given. Else their overlap may be half of them, which is read twice for nothing.
    """
    height, width = (_side(side, size, overlap, fit) for side in shape)
    tops, lefts = _starts(shape[0], height, overlap), _starts(shape[1], width, overlap)
    return [Tile(top, left, height, width) for top in tops for left in lefts]


@dataclass
class Canvas:
    """Maps at stride 4 that come tile by tile, with weights that rise smoothly from tiles' edges.

    Attributes
    ----------
    shape
        Height and width of the image (px).
    overlap
        Least overlap of neighbours (px); the weight rises over this length.
    """

    shape: tuple[int, int]
    overlap: int = OVERLAP
    _total: Tensor | None = field(default=None, init=False, repr=False)
    _weights: Tensor | None = field(default=None, init=False, repr=False)

    def add(self, tile: Tile, part: Tensor) -> None:
        """Put in a tile's map, shape (C, height / 4, width / 4); it may be changed in place."""
        part = part.float().cpu()
        if (tile.height, tile.width) == self.shape:
            self._total = part
            return
        if self._total is None or self._weights is None:
            self._weights = torch.zeros(self.shape[0] // STRIDE, self.shape[1] // STRIDE)
            self._total = torch.zeros(part.shape[0], *self._weights.shape)
        weight = _weight(tile, self.shape, self.overlap)
        _at(tile, self._total).add_(part.mul_(weight))
        _at(tile, self._weights).add_(weight)

    def average(self) -> Tensor:
        """Return the weighted mean of what was put in, (C, H / 4, W / 4) float32, on the CPU.

        To be called once, when every tile is there.
        """
        if self._total is None:
            raise ValueError("no tile was put in")
        return self._total if self._weights is None else self._total.div_(self._weights)


def blend(
    tiles: list[Tile],
    shape: tuple[int, int],
    read: Callable[[Tile], Tensor],
    overlap: int = OVERLAP,
) -> Tensor:
    """Average what is read in each tile, as a `Canvas` does.

    Parameters
    ----------
    tiles : list of Tile
        From `tiles_of` of the same image.
    shape : tuple of int
        Height and width of the image (px).
    read : callable
        Takes a tile and returns its map at stride 4, shape (C, height / 4, width / 4).
    overlap : int
        Least overlap of neighbours (px).

    Returns
    -------
    Tensor
        Shape (C, H / 4, W / 4), float32, on the CPU.
    """
    canvas = Canvas(shape, overlap)
    for tile in tiles:
        canvas.add(tile, read(tile))
    return canvas.average()


def upsample(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bring maps at stride 4 to full resolution, bilinearly and aligned below the pixel.

    The centre of cell i lies at pixel 4i + 1.5.

    Parameters
    ----------
    maps : Tensor
        Shape (N, C, ⌈H/4⌉, ⌈W/4⌉), float32.
    shape : tuple of int
        H and W (px).
    """
    size = [side * STRIDE for side in maps.shape[-2:]]
    full = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return full[..., : shape[0], : shape[1]]


def reflected(start: int, stop: int, length: int) -> Tensor:
    """Return the indices start … stop − 1 of a line of pixels that goes on by reflection.

    Parameters
    ----------
    start, stop : int
        From 0 on.
    length : int
        How many pixels there are.

    Returns
    -------
    Tensor
        int64, each in 0 … length − 1.
    """
    period = max(1, 2 * (length - 1))
    steps = torch.arange(start, stop) % period
    return torch.minimum(steps, period - steps) if length > 1 else steps


def round_up(length: int, multiple: int) -> int:
    """Return the least multiple that is not below a length."""
    return -(-length // multiple) * multiple


def _side(length: int, size: int, overlap: int, fit: int) -> int:
    if length <= size or not fit:
        return min(size, length)
    count = _count(length, size, overlap)
    return min(size, round_up(-(-(length + (count - 1) * overlap) // count), fit))


def _count(length: int, size: int, overlap: int) -> int:
    return math.ceil((length - overlap) / (size - overlap))


def _starts(length: int, size: int, overlap: int) -> list[int]:
    if length <= size:
        return [0]
    count = _count(length, size, overlap)
    last = length - size
    return sorted({round(i * last / (count - 1) / _GRID) * _GRID for i in range(count)})


def _ramp(start: int, size: int, length: int, overlap: int) -> Tensor:
    """Weight along one axis: a raised cosine towards inner edges, 1 at the image's own border."""
    centre = torch.arange(size // STRIDE) * STRIDE + STRIDE / 2
    rise, fall = centre / overlap, (size - centre) / overlap
    inner = torch.ones_like(centre)
    for distance, at_border in ((rise, start == 0), (fall, start + size >= length)):
        if not at_border:
            inner = inner * (0.5 - 0.5 * torch.cos(torch.pi * distance.clamp(0, 1)))
    return inner.clamp_min(_SMALLEST_WEIGHT)


def _weight(tile: Tile, shape: tuple[int, int], overlap: int) -> Tensor:
    rows = _ramp(tile.top, tile.height, shape[0], overlap)
    columns = _ramp(tile.left, tile.width, shape[1], overlap)
    return rows[:, None] * columns


def _at(tile: Tile, maps: Tensor) -> Tensor:
    top, left = tile.top // STRIDE, tile.left // STRIDE
    return maps[..., top : top + tile.height // STRIDE, left : left + tile.width // STRIDE]
