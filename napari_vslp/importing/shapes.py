"""Points, lines and polygons of annotations as pixels."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from napari_vslp.core.inputs import Box
from napari_vslp.importing.geojson import Point, Ring

STROKE = 5  # px: how wide a line is painted


def pixel_of(point: Point) -> tuple[int, int]:
    """Return row and column of the pixel in which a point lies."""
    return math.floor(point[1]), math.floor(point[0])


def fill(rings: tuple[Ring, ...], canvas: NDArray[np.uint8], value: int) -> int:
    """Paint the pixels whose centres lie inside a polygon and outside its holes.

    Parameters
    ----------
    rings
        The outline first.
    canvas
        (H, W) uint8, painted on.
    value
        What to paint.

    Returns
    -------
    int
        How many pixels were painted.
    """
    box = _box(rings[0], canvas.shape)
    top, left, bottom, right = box
    if bottom <= top or right <= left:
        return 0
    inside = np.zeros((bottom - top, right - left), bool)
    for number, ring in enumerate(rings):
        corners = np.array(ring, np.float64) - (left + 0.5, top + 0.5)
        inside[polygon(corners[:, 1], corners[:, 0], inside.shape)] = number == 0  # type: ignore[no-untyped-call]
    canvas[top:bottom, left:right][inside] = value
    return int(np.count_nonzero(inside))


def stroke(line: Ring, canvas: NDArray[np.uint8], value: int) -> int:
    """Paint the pixels along a line, `STROKE` px wide; return how many."""
    painted = 0
    half = STROKE / 2
    for (x, y), (to_x, to_y) in pairwise(line):
        length = math.hypot(to_x - x, to_y - y)
        if not length:
            continue
        along = np.array([to_x - x, to_y - y]) * (half / length)
        across = np.array([-along[1], along[0]])
        start, end = np.array([x, y]) - along, np.array([to_x, to_y]) + along
        corners = (start + across, end + across, end - across, start - across)
        painted += fill((tuple((float(a), float(b)) for a, b in corners),), canvas, value)
    return painted


def rectangle_of(ring: Ring) -> Box | None:
    """Return the pixels that an upright rectangle holds; None for any other polygon."""
    corners = {(x, y) for x, y in ring}
    columns, rows = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    if len(corners) != 4 or len(columns) != 2 or len(rows) != 2:
        return None
    top, bottom = (math.floor(row + 0.5) for row in rows)
    left, right = (math.floor(column + 0.5) for column in columns)
    return top, left, bottom, right


def clipped(box: Box, shape: tuple[int, int]) -> Box | None:
    """Return the part of a box that lies in an image; None if none does."""
    top, left = max(0, box[0]), max(0, box[1])
    bottom, right = min(shape[0], box[2]), min(shape[1], box[3])
    return (top, left, bottom, right) if top < bottom and left < right else None


def _box(ring: Ring, shape: tuple[int, ...]) -> Box:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    top, left = max(0, math.floor(min(ys))), max(0, math.floor(min(xs)))
    return top, left, min(shape[0], math.ceil(max(ys))), min(shape[1], math.ceil(max(xs)))
