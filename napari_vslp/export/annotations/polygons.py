"""Outlines of labels along the sides of their pixels: exact areas, valid polygons, nested holes.

Each region, connected by the sides of pixels, is walked with its inside on the right. Walls are
found as straight runs in all four directions at once, by turning the image; a run ends where it
turns or where another neighbour begins, so that two neighbours have the same corners. At the end
of a run the walk turns left if the pixel ahead on the left is of the same region, goes straight on
if that on the right is, and turns right otherwise. So rings never touch themselves: regions that
meet at a corner are two, and a region closed at a corner has a hole there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]
Components = NDArray[np.int32]
_HEADINGS = 4  # right, down, left, up: to turn right is to add one


@dataclass(frozen=True)
class Part:
    """One connected region of a label.

    Attributes
    ----------
    label
        Its label.
    component
        Its number among `components_of`.
    rings
        Corners (n, 2) int64 as (x, y), the first again at the end: the outer ring, then the holes.
        Inside lies on the right as one walks down an image, on the left as GeoJSON draws it.
    """

    label: int
    component: int
    rings: tuple[Ring, ...]


def components_of(labels: NDArray[np.integer]) -> Components:
    """Return numbers of regions (h, w) int32 from 1, connected by sides; 0 where the label is 0."""
    from skimage.measure import label

    found = label(labels, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    numbered: Components = found.astype(np.int32)
    return numbered


def outlines(labels: NDArray[np.uint8], components: Components) -> list[Part]:
    """Return the outline of each connected region.

    Parameters
    ----------
    labels
        (h, w) uint8; 0 is nothing.
    components
        (h, w) int32 from `components_of`.

    Returns
    -------
    list of Part
        In the order of their numbers. Corners are in px, (0, 0) the upper left corner of the first
        pixel.
    """
    if not components.any():
        return []
    runs, following = _linked(np.pad(components, 1))
    order, starts = _walked(following)
    corners = runs.start[order] - 1  # without the padding
    owners = runs.component[order[starts]]
    label_of = np.zeros(int(components.max()) + 1, np.uint8)
    label_of[components] = labels
    found: dict[int, list[Ring]] = {}
    rings = np.split(corners, starts[1:])
    outer = _signed_areas(corners, starts) > 0
    # Outer rings first: each region has one.
    for index in np.lexsort((~outer, owners)):
        ring = rings[index]
        closed = np.concatenate([ring, ring[:1]])
        found.setdefault(int(owners[index]), []).append(closed)
    return [Part(int(label_of[number]), number, tuple(rs)) for number, rs in found.items()]


@dataclass(frozen=True)
class _Runs:
    """Straight stretches of walls.

    `component` (n,) is whose wall it is; `start` and `end` (n, 2) are corners as (x, y); `heading`
    (n,) and `turned` (n,), the heading of what follows.
    """

    component: NDArray[np.int32]
    start: Ring
    end: Ring
    heading: NDArray[np.int64]
    turned: NDArray[np.int64]


def _linked(padded: Components) -> tuple[_Runs, NDArray[np.int64]]:
    """Return all runs, and for each the index of the one that follows it."""
    parts = [_runs(padded, heading) for heading in range(_HEADINGS)]
    runs = _Runs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    width = padded.shape[1] + 1

    def key(corner: Ring, heading: NDArray[np.int64]) -> NDArray[np.int64]:
        keys: NDArray[np.int64] = (corner[:, 1] * width + corner[:, 0]) * _HEADINGS + heading
        return keys

    # From one corner at most one wall leaves in each direction, and each follows one other: in
    # order, the keys of what leaves and of what arrives are the same.
    following = np.empty(len(runs.start), np.int64)
    following[np.argsort(key(runs.end, runs.turned))] = np.argsort(key(runs.start, runs.heading))
    return runs, following


def _runs(padded: Components, heading: int) -> tuple[NDArray[np.integer], ...]:
    """Return the columns of `_Runs` of one heading, found as walls to the right in a turned image.

    A wall to the right has its region below it.
    """
    turned = np.ascontiguousarray(np.rot90(padded, heading))
    above, below = turned[:-1], turned[1:]
    wall = (above != below) & (below > 0)
    goes_on = np.zeros_like(wall)
    goes_on[:, 1:] = wall[:, 1:] & wall[:, :-1]
    goes_on[:, 1:] &= (below[:, 1:] == below[:, :-1]) & (above[:, 1:] == above[:, :-1])
    ends = wall.copy()
    ends[:, :-1] &= ~goes_on[:, 1:]
    row, first = np.nonzero(wall & ~goes_on)
    _, last = np.nonzero(ends)
    owner = below[row, first]
    ahead_left, ahead_right = above[row, last + 1], below[row, last + 1]
    turn = np.where(ahead_left == owner, -1, np.where(ahead_right == owner, 0, 1))
    start = _turned_back(row + 1, first, padded.shape, heading)
    end = _turned_back(row + 1, last + 1, padded.shape, heading)
    headings = np.full(row.shape, heading, np.int64)
    return owner, start, end, headings, (headings + turn) % _HEADINGS


def _turned_back(
    row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, ...], heading: int
) -> Ring:
    """Return corners (n, 2) as (x, y) of the image before it was turned."""
    height, width = shape
    x, y = (
        (column, row),
        (width - row, column),
        (width - column, height - row),
        (row, height - column),
    )[heading]
    return np.stack([x, y], axis=1)


def _walked(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the runs ring by ring, and where each ring starts in that order."""
    after: list[int] = following.tolist()
    walked = bytearray(len(after))
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(after)):
        if walked[first]:
            continue
        starts.append(len(order))
        here = first
        while not walked[here]:
            walked[here] = 1
            order.append(here)
            here = after[here]
    return np.array(order, np.int64), np.array(starts, np.int64)


def _signed_areas(corners: Ring, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return twice the area of each ring: above 0 for an outer one, below 0 for a hole."""
    following = np.roll(corners, -1, axis=0)
    last = np.append(starts[1:], len(corners)) - 1
    following[last] = corners[starts]
    cross = corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]
    areas: NDArray[np.int64] = np.add.reduceat(cross, starts)
    return areas
