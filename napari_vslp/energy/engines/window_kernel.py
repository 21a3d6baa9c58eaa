"""One iteration of the primal–dual method inside many small windows at once (numba).

Rows of a window are short, and a loop over each of them costs more than its arithmetic. So every
window lies in the memory row after row with a frozen ring of one pixel, and a whole window, or a
block of its rows, is stepped as one long row: the neighbour below lies one window's width further,
and no force crosses from the end of a row to the next one's start. What is stepped stays in the
processor's cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_vslp.energy.engines.kernels import (
    Rows,
    Sums,
    compiled,
    project_rows,
    step_box,
    step_round,
)

Index = NDArray[np.int64]

# Pixels stepped at a time: their ten fields of four tissues fill half of a usual second cache.
BLOCK = 2048


@compiled
def pack_windows(whole: Rows, boxes: Index, begins: Index, packed: Rows) -> None:
    """Copy the boxes of (F, H, W) float32 fields into (F, N), each row after row.

    Parameters
    ----------
    boxes
        (n, 4) int64: first row, stop row, first column, stop column (px), rings included.
    begins
        (n,) int64: where each window begins in `packed`.
    """
    for i in range(len(boxes)):
        top, stop, left, right = boxes[i]
        width = right - left
        for f in range(whole.shape[0]):
            for y in range(top, stop):
                at = begins[i] + (y - top) * width
                for x in range(width):
                    packed[f, at + x] = whole[f, y, left + x]


@compiled
def unpack_windows(packed: Rows, boxes: Index, inner: Index, begins: Index, whole: Rows) -> None:
    """Copy what is inside the rings back, the inverse of `pack_windows`.

    Parameters
    ----------
    inner
        (n, 4) int64: the boxes without their rings, where there are any.
    """
    for i in range(len(boxes)):
        top, left = boxes[i, 0], boxes[i, 2]
        width = boxes[i, 3] - left
        for f in range(whole.shape[0]):
            for y in range(inner[i, 0], inner[i, 1]):
                at = begins[i] + (y - top) * width - left
                for x in range(inner[i, 2], inner[i, 3]):
                    whole[f, y, x] = packed[f, at + x]


@compiled
def switch_windows(
    tv_weight: Rows,
    boxes: Index,
    inner: Index,
    begins: Index,
    right: Rows,
    down: Rows,
    free: Rows,
    ball: Rows,
) -> None:
    """Fill the packed switches of the windows, (N,) float32 each.

    `free` is 1 at tissue pixels inside the ring; `right` and `down` are 1 where such a pixel's
    neighbour right or below is tissue too, so that the forces of a ring stay as they are; `ball`
    is max(tv_weight, 0).
    """
    height, columns = tv_weight.shape
    one, zero = np.float32(1), np.float32(0)
    for i in range(len(boxes)):
        top, stop, left, end = boxes[i]
        width = end - left
        for y in range(top, stop):
            for x in range(left, end):
                at = begins[i] + (y - top) * width + x - left
                within = inner[i, 0] <= y < inner[i, 1] and inner[i, 2] <= x < inner[i, 3]
                here = within and tv_weight[y, x] >= 0
                beside = here and x + 1 < columns and tv_weight[y, x + 1] >= 0
                under = here and y + 1 < height and tv_weight[y + 1, x] >= 0
                free[at] = one if here else zero
                right[at] = one if beside else zero
                down[at] = one if under else zero
                ball[at] = max(tv_weight[y, x], zero)


@compiled
def close_rows(p: Rows, begins: Index, widths: Index, rows: Index) -> None:
    """Set the forces p[0], (F, N) float32, to 0 where they would reach the next row's first pixel.

    They are those of a ring, which no pixel inside it feels, or of the image's border.
    """
    for f in range(p.shape[0]):
        for i in range(len(widths)):
            for y in range(1, rows[i] + 1):
                p[f, begins[i] + y * widths[i] - 1] = 0


@compiled
def _descend(
    u: Rows, cost: Rows, bar_x: Rows, bar_y: Rows, above: Rows, price: float, tau: float, v: Rows
) -> None:
    """Leave u − τ(C + ∇ᵀp̄ − φ̄) of one tissue in `v`: a block of rows, each as long as `above`."""
    width, n = above.shape[0], u.shape[0]
    t, phi = np.float32(tau), np.float32(price)
    v[0] = cost[0] - bar_x[0] - bar_y[0]
    for j in range(1, n):
        v[j] = cost[j] - bar_x[j] + bar_x[j - 1] - bar_y[j]
    for j in range(width):
        v[j] += above[j]
    for j in range(n - width):
        v[j + width] += bar_y[j]
    for j in range(n):
        v[j] = u[j] - t * (v[j] - phi)
    for j in range(width):
        above[j] = bar_y[n - width + j]


@compiled
def _follow(u: Rows, v: Rows, theta: Rows, free: Rows, relax: float) -> None:
    """Move one tissue's free pixels by ρ towards max(v − θ, 0)."""
    rho, zero = np.float32(relax), np.float32(0)
    for j in range(u.shape[0]):
        u[j] += rho * free[j] * (max(v[j] - theta[j], zero) - u[j])


@compiled
def _return(values: Rows, first: Rows, pull: float) -> None:
    """Pull values towards those at the start by a share."""
    w = np.float32(pull)
    for j in range(values.shape[0]):
        values[j] += w * (first[j] - values[j])


@compiled
def _count(u: Rows, free: Rows) -> np.float32:
    total = np.float32(0)
    for j in range(u.shape[0]):
        total += free[j] * u[j]
    return total


@compiled
def iterate_windows(
    u: Rows,
    p: Rows,
    cost: Rows,
    right: Rows,
    down: Rows,
    free: Rows,
    ball: Rows,
    begins: Index,
    widths: Index,
    rows: Index,
    price_bar: Rows,
    tau: float,
    sigma: float,
    relax: float,
    diagonal: bool,
    scalar: bool,
    pull: float,
    first_u: Rows,
    first_p: Rows,
    area: Sums,
) -> None:
    """Run one iteration z ← (1 − w)(z + ρ(T(z) − z)) + w z₀ in every window, in place.

    Parameters
    ----------
    u, p, cost
        (F, N), (2, F, N) and (F, N) float32, packed; the first two are changed. F is the number
        of tissues, or 1 for the scalar field of two tissues (`binary_kernel`).
    right, down, free, ball
        (N,) float32, of `switch_windows`.
    begins, widths, rows
        (n,) int64: where a window begins, its width (px), and how many rows follow, rings
        included. Behind the last one there is room for another row.
    price_bar
        (F,) float32, 2φ~ − φ, or of the scalar field 2ψ~ − ψ (nats).
    tau, sigma, relax
        τ, σ and ρ.
    scalar
        Whether u is clipped to [0, 1] instead of projected onto the simplex.
    pull
        w.
    first_u, first_p
        (F, N) and (2, F, N) float32: z₀.
    area
        (F,) float64: Σ m u over the pixels inside the rings is written.

    Notes
    -----
    Halpern's iteration (1967) of the reflected map 2T − 1 is w = 1/(k + 2) and ρ = 2: Lieder, "On
    the convergence rate of the Halpern iteration" (2021); Lu & Yang, "Restarted Halpern PDHG for
    linear programming" (2024).
    """
    fields = u.shape[0]
    longest = BLOCK
    for i in range(len(widths)):
        longest = max(longest, widths[i])
    bar_x = np.empty(longest, np.float32)
    bar_y = np.empty((fields, longest), np.float32)
    above = np.empty((fields, longest), np.float32)
    v = np.empty((fields, longest), np.float32)
    ordered = np.empty((fields, longest), np.float32)
    theta = np.empty(longest, np.float32)
    total = np.empty(longest, np.float32)
    zero, one = np.float32(0.0), np.float32(1.0)
    area[:] = 0
    for i in range(len(widths)):
        width = widths[i]
        height = max(1, BLOCK // width)
        for k in range(fields):
            above[k, :width] = zero
        for row in range(0, rows[i], height):
            a = begins[i] + row * width
            b = begins[i] + min(row + height, rows[i]) * width
            n = b - a
            for k in range(fields):
                uk, px, py = u[k, a:b], p[0, k, a:b], p[1, k, a:b]
                below = u[k, a + width : b + width]
                by = bar_y[k, :n]
                if diagonal:
                    step_round(
                        uk, below, px, py, right[a:b], down[a:b], ball[a:b],
                        sigma, relax, bar_x[:n], by,
                    )  # fmt: skip
                else:
                    step_box(
                        uk, below, px, py, right[a:b], down[a:b], ball[a:b],
                        sigma, relax, bar_x[:n], by,
                    )  # fmt: skip
                _return(px, first_p[0, k, a:b], pull)
                _return(py, first_p[1, k, a:b], pull)
                _descend(
                    uk, cost[k, a:b], bar_x[:n], by, above[k, :width], price_bar[k], tau, v[k, :n]
                )
            if scalar:
                for j in range(n):
                    v[0, j] = min(v[0, j], one)
                    theta[j] = zero
            else:
                project_rows(v[:, :n], theta[:n], total[:n], ordered[:, :n])
            for k in range(fields):
                _follow(u[k, a:b], v[k, :n], theta[:n], free[a:b], relax)
                _return(u[k, a:b], first_u[k, a:b], pull)
                area[k] += _count(u[k, a:b], free[a:b])
