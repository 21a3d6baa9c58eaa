"""The solver's inner loops for the CPU, one pass over the memory an iteration (numba).

Each row is read once: its boundary forces p are stepped from the old u of this row and the next,
then its u is stepped from the new forces of this row and of the row above, kept in a small buffer.
All loops run along the row with the tissue outside, so that the compiler can vectorise them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - what numba makes of it
    """Compile a loop over rows of pixels on its first call.

    What was compiled is kept beside the package, or else in the user's cache. Where neither can be
    written, as in a container with a read-only home, each process compiles anew.
    """
    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # numba finds no folder that it may write to
        return numba.njit(**options)(function)


Rows = NDArray[np.float32]
Sums = NDArray[np.float64]


@compiled
def edges_of(tv_weight: Rows, y: int, right: Rows, down: Rows, inside: Rows, ball: Rows) -> None:
    """Fill one row's switches: 1 where the neighbour right or below is tissue like this pixel.

    Parameters
    ----------
    tv_weight
        (H, W) float32, λg/2 (nats), negative outside the tissue.
    y
        The row (px).
    right, down, inside, ball
        (W,) float32, filled: the two switches, the tissue mask, and max(tv_weight, 0).
    """
    height, width = tv_weight.shape
    below = min(y + 1, height - 1)
    last = np.float32(1.0 if y + 1 < height else 0.0)
    for x in range(width):
        here = np.float32(1.0) if tv_weight[y, x] >= 0 else np.float32(0.0)
        inside[x] = here
        ball[x] = max(tv_weight[y, x], np.float32(0.0))
        down[x] = here * last * (np.float32(1.0) if tv_weight[below, x] >= 0 else np.float32(0.0))
    for x in range(width - 1):
        right[x] = inside[x] * inside[x + 1]
    right[width - 1] = 0


@compiled
def step_round(
    u: Rows,
    below: Rows,
    px: Rows,
    py: Rows,
    right: Rows,
    down: Rows,
    ball: Rows,
    sigma: float,
    relax: float,
    bar_x: Rows,
    bar_y: Rows,
) -> None:
    """Step one row and one tissue of p: p~ = proj(p + σ∇u) onto |p|₂ ≤ λg/2.

    All arrays are rows, (W,) float32: u here and in the row below, p (changed), the switches and
    TV weight of `edges_of`; what the u step needs, 2p~ − p, is left in `bar_x` and `bar_y`.
    """
    width = u.shape[0]
    s, rho, tiny = np.float32(sigma), np.float32(relax), np.float32(1e-30)
    two = np.float32(2.0)
    for x in range(width - 1):
        bar_x[x] = (u[x + 1] - u[x]) * right[x]
    bar_x[width - 1] = 0
    for x in range(width):
        old_x, old_y = px[x], py[x]
        qx = old_x + s * bar_x[x]
        qy = old_y + s * (below[x] - u[x]) * down[x]
        shrink = ball[x] / max(math.sqrt(qx * qx + qy * qy), ball[x] + tiny)
        qx *= shrink
        qy *= shrink
        bar_x[x] = two * qx - old_x
        bar_y[x] = two * qy - old_y
        px[x] = old_x + rho * (qx - old_x)
        py[x] = old_y + rho * (qy - old_y)


@compiled
def step_box(
    u: Rows,
    below: Rows,
    px: Rows,
    py: Rows,
    right: Rows,
    down: Rows,
    ball: Rows,
    sigma: float,
    relax: float,
    bar_x: Rows,
    bar_y: Rows,
) -> None:
    """Step one row and one tissue of p as `step_round` does, onto the box |p|∞ ≤ λg/2."""
    width = u.shape[0]
    s, rho, two = np.float32(sigma), np.float32(relax), np.float32(2.0)
    for x in range(width - 1):
        bar_x[x] = (u[x + 1] - u[x]) * right[x]
    bar_x[width - 1] = 0
    for x in range(width):
        old_x, old_y = px[x], py[x]
        qx = min(max(old_x + s * bar_x[x], -ball[x]), ball[x])
        qy = min(max(old_y + s * (below[x] - u[x]) * down[x], -ball[x]), ball[x])
        bar_x[x] = two * qx - old_x
        bar_y[x] = two * qy - old_y
        px[x] = old_x + rho * (qx - old_x)
        py[x] = old_y + rho * (qy - old_y)


@compiled
def project_rows(v: Rows, theta: Rows, total: Rows, ordered: Rows) -> None:
    """Leave in `theta` the threshold with Σ_k max(v_k − θ, 0) = 1 at every x.

    Parameters
    ----------
    v
        (K, W) float32, what is to be projected onto the simplex.
    theta, total
        (W,) float32; the last is scratch.
    ordered
        (K, W) float32, scratch.

    Notes
    -----
    θ = max_j (v_(1) + … + v_(j) − 1) / j over the descending v_(j) (Held, Wolfe & Crowder 1974):
    the quotient rises as long as v_(j) lies above it, and falls from then on. Three and four
    tissues, the usual numbers, are sorted without leaving the registers.
    """
    tissues = v.shape[0]
    if tissues == 3:
        _threshold_of_three(v[0], v[1], v[2], theta)
    elif tissues == 4:
        _threshold_of_four(v[0], v[1], v[2], v[3], theta)
    else:
        _threshold_of_many(v, theta, total, ordered)


@compiled
def _threshold_of_three(a: Rows, b: Rows, c: Rows, theta: Rows) -> None:
    one, half, third = np.float32(1.0), np.float32(1 / 2), np.float32(1 / 3)
    for x in range(theta.shape[0]):
        high, low = max(a[x], b[x]), min(a[x], b[x])
        first = max(high, c[x])
        two = first + max(min(high, c[x]), low)
        three = a[x] + b[x] + c[x]
        theta[x] = max(first - one, (two - one) * half, (three - one) * third)


@compiled
def _threshold_of_four(a: Rows, b: Rows, c: Rows, d: Rows, theta: Rows) -> None:
    one, half = np.float32(1.0), np.float32(1 / 2)
    third, quarter = np.float32(1 / 3), np.float32(1 / 4)
    for x in range(theta.shape[0]):
        high_ab, low_ab = max(a[x], b[x]), min(a[x], b[x])
        high_cd, low_cd = max(c[x], d[x]), min(c[x], d[x])
        first, last = max(high_ab, high_cd), min(low_ab, low_cd)
        two = first + max(min(high_ab, high_cd), low_ab, low_cd)
        four = (a[x] + b[x]) + (c[x] + d[x])
        best = max(first - one, (two - one) * half)
        theta[x] = max(best, (four - last - one) * third, (four - one) * quarter)


@compiled
def _threshold_of_many(v: Rows, theta: Rows, total: Rows, ordered: Rows) -> None:
    tissues, width = v.shape
    one = np.float32(1.0)
    # Each row sinks through those sorted before it, at all x at once.
    for k in range(tissues):
        for x in range(width):
            total[x] = v[k, x]
        for j in range(k):
            for x in range(width):
                high = max(ordered[j, x], total[x])
                total[x] = min(ordered[j, x], total[x])
                ordered[j, x] = high
        for x in range(width):
            ordered[k, x] = total[x]
    for x in range(width):
        total[x] = ordered[0, x] - one
        theta[x] = total[x]
    for k in range(1, tissues):
        share = np.float32(1.0) / np.float32(k + 1)
        for x in range(width):
            total[x] += ordered[k, x]
            theta[x] = max(theta[x], total[x] * share)


@compiled
def iterate(
    u: Rows,
    p: Rows,
    cost: Rows,
    tv_weight: Rows,
    price_bar: Rows,
    tau: float,
    sigma: float,
    relax: float,
    diagonal: bool,
    first: int,
    stop: int,
    above: Rows,
    under: Rows,
    area: Sums,
) -> None:
    """Run one over-relaxed primal–dual iteration on the rows first…stop−1, in place.

    Parameters
    ----------
    u, p, cost
        (K, H, W), (2, K, H, W) and (K, H, W) float32; u and p are changed.
    tv_weight
        (H, W) float32, λg/2, negative outside the tissue.
    price_bar
        (K,) float32, 2φ~ − φ.
    above
        (K, W) float32, carries the forces of the row above from one call to the next.
    under
        (K, W) float32, the old u of row `stop`, which another thread may be changing.
    area
        (H, K) float64: the rows' Σ m u of the new u are written.
    """
    tissues, _, width = u.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    bar_x = np.empty(width, np.float32)
    bar_y = np.empty(width, np.float32)
    theta = np.empty(width, np.float32)
    total = np.empty(width, np.float32)
    v = np.empty((tissues, width), np.float32)
    ordered = np.empty((tissues, width), np.float32)
    t, rho, zero = np.float32(tau), np.float32(relax), np.float32(0.0)
    for y in range(first, stop):
        edges_of(tv_weight, y, right, down, inside, ball)
        for k in range(tissues):
            below = u[k, y + 1] if y + 1 < stop else under[k]
            px, py = p[0, k, y], p[1, k, y]
            if diagonal:
                step_round(u[k, y], below, px, py, right, down, ball, sigma, relax, bar_x, bar_y)
            else:
                step_box(u[k, y], below, px, py, right, down, ball, sigma, relax, bar_x, bar_y)
            price = price_bar[k]
            v[k, 0] = u[k, y, 0] - t * (cost[k, y, 0] - bar_x[0] - bar_y[0] + above[k, 0] - price)
            for x in range(1, width):
                v[k, x] = u[k, y, x] - t * (
                    cost[k, y, x] - bar_x[x] + bar_x[x - 1] - bar_y[x] + above[k, x] - price
                )
            for x in range(width):
                above[k, x] = bar_y[x]
        project_rows(v, theta, total, ordered)
        for k in range(tissues):
            row = zero
            for x in range(width):
                old = u[k, y, x]
                new = old + rho * (max(v[k, x] - theta[x], zero) - old)
                u[k, y, x] = new
                row += new * inside[x]
            area[y, k] = row


@compiled
def iterate_transport(
    u: Rows,
    cost: Rows,
    tv_weight: Rows,
    price_bar: Rows,
    tau: float,
    relax: float,
    first: int,
    stop: int,
    area: Sums,
) -> None:
    """Run one iteration without boundaries (λ = 0), where no forces need be read or written.

    Parameters are those of `iterate`.
    """
    tissues, _, width = u.shape
    theta = np.empty(width, np.float32)
    total = np.empty(width, np.float32)
    v = np.empty((tissues, width), np.float32)
    ordered = np.empty((tissues, width), np.float32)
    t, rho, zero = np.float32(tau), np.float32(relax), np.float32(0.0)
    for y in range(first, stop):
        for k in range(tissues):
            price = price_bar[k]
            for x in range(width):
                v[k, x] = u[k, y, x] - t * (cost[k, y, x] - price)
        project_rows(v, theta, total, ordered)
        for k in range(tissues):
            row = zero
            for x in range(width):
                old = u[k, y, x]
                new = old + rho * (max(v[k, x] - theta[x], zero) - old)
                u[k, y, x] = new
                row += new if tv_weight[y, x] >= 0 else zero
            area[y, k] = row


@compiled
def areas(u: Rows, tv_weight: Rows, area: Sums) -> None:
    """Write the rows' Σ m u, (H, K) float64, of (K, H, W) float32 labels; see `iterate`."""
    tissues, height, width = u.shape
    zero = np.float32(0.0)
    for k in range(tissues):
        for y in range(height):
            row = zero
            for x in range(width):
                row += u[k, y, x] if tv_weight[y, x] >= 0 else zero
            area[y, k] = row
