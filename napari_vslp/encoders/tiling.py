"""Overlapping tiles whose results are blended smoothly, so that no tile grid shows.

All tiles lie on multiples of 16 px: the strides 4, 8 and 16 of a network then fall on the same
pixels in every tile, and only the context near a tile's edge differs, where its weight is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
    height, width = (_next(max(side, smallest), multiple) for side in image.shape[-2:])
    rows = _reflected(image.shape[-2], height, image.device)
    columns = _reflected(image.shape[-1], width, image.device)
    return image[..., rows, :][..., columns]


def tiles_of(shape: tuple[int, int], size: int, overlap: int = OVERLAP) -> list[Tile]:
    """Cover an image with overlapping tiles, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image (px), multiples of 16.
    size, overlap : int
        Side of a tile and least overlap of neighbours (px), multiples of 16.
    """
    tops, lefts = (_starts(side, size, overlap) for side in shape)
    height, width = min(size, shape[0]), min(size, shape[1])
    return [Tile(top, left, height, width) for top in tops for left in lefts]


def blend(
    tiles: list[Tile],
    shape: tuple[int, int],
    read: Callable[[Tile], Tensor],
    overlap: int = OVERLAP,
) -> Tensor:
    """Average what is read in each tile, with weights that rise smoothly from the tiles' edges.

    Parameters
    ----------
    tiles : list of Tile
        From `tiles_of` of the same image.
    shape : tuple of int
        Height and width of the image (px).
    read : callable
        Takes a tile and returns its map at stride 4, shape (C, height / 4, width / 4).
    overlap : int
        Least overlap of neighbours (px); the weight rises over this length.

    Returns
    -------
    Tensor
        Shape (C, H / 4, W / 4), float32, on the CPU.
    """
    if len(tiles) == 1:
        return read(tiles[0]).float().cpu()
    total, weights = torch.empty(0), torch.zeros(shape[0] // STRIDE, shape[1] // STRIDE)
    for tile in tiles:
        part = read(tile).float().cpu()
        if not total.numel():
            total = torch.zeros(part.shape[0], *weights.shape)
        weight = _weight(tile, shape, overlap)
        _at(tile, total).add_(part.mul_(weight))
        _at(tile, weights).add_(weight)
    return total.div_(weights)


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


def _next(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def _reflected(length: int, wanted: int, device: torch.device) -> Tensor:
    """Return the indices 0 … length−1 … 0 … that walk to and fro until there are enough."""
    period = max(1, 2 * (length - 1))
    steps = torch.arange(wanted, device=device) % period
    return torch.minimum(steps, period - steps) if length > 1 else steps


def _starts(length: int, size: int, overlap: int) -> list[int]:
    if length <= size:
        return [0]
    count = math.ceil((length - overlap) / (size - overlap))
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
