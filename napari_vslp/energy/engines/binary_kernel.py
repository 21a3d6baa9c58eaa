"""Two tissues as one scalar field: half the memory and no simplex (numba).

With u₂ = 1 − u₁ and p₂ = −p₁ the general iteration keeps exactly this form: writing u = u₁,
p = p₁ and h = (C₁ − C₂)/2, the projection onto the simplex becomes a clip,

    u~ = clip(u − τ(h + ∇ᵀ(2p~ − p) − (2ψ~ − ψ)), 0, 1),   ψ = (φ₁ − φ₂)/2,

and the step of p is the one of `kernels`. 32 bytes a pixel move instead of 60.
"""

from __future__ import annotations

import math

import numpy as np

from napari_vslp.energy.engines.kernels import Rows, Sums, compiled, edges_of, step_box, step_round


@compiled
def iterate_two(
    u: Rows,
    p: Rows,
    half: Rows,
    tv_weight: Rows,
    price_bar: float,
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
    u, p, half
        (H, W), (2, H, W) and (H, W) float32: u₁, p₁ (both changed) and h (nats).
    tv_weight
        (H, W) float32, λg/2 (nats), negative outside the tissue.
    price_bar
        2ψ~ − ψ (nats).
    above
        (W,) float32, carries the forces of the row above from one call to the next.
    under
        (W,) float32, the old u of row `stop`, which another thread may be changing.
    area
        (H, 1) float64: the rows' Σ m u of the new u are written.
    """
    _, width = u.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    bar_x = np.empty(width, np.float32)
    bar_y = np.empty(width, np.float32)
    t, rho, price = np.float32(tau), np.float32(relax), np.float32(price_bar)
    zero, one = np.float32(0.0), np.float32(1.0)
    for y in range(first, stop):
        edges_of(tv_weight, y, right, down, inside, ball)
        below = u[y + 1] if y + 1 < stop else under
        px, py = p[0, y], p[1, y]
        if diagonal:
            step_round(u[y], below, px, py, right, down, ball, sigma, relax, bar_x, bar_y)
        else:
            step_box(u[y], below, px, py, right, down, ball, sigma, relax, bar_x, bar_y)
        row = u[y, 0]
        push = half[y, 0] - bar_x[0] - bar_y[0] + above[0] - price
        u[y, 0] = row + rho * (min(max(row - t * push, zero), one) - row)
        for x in range(1, width):
            old = u[y, x]
            push = half[y, x] - bar_x[x] + bar_x[x - 1] - bar_y[x] + above[x] - price
            u[y, x] = old + rho * (min(max(old - t * push, zero), one) - old)
        total = zero
        for x in range(width):
            total += u[y, x] * inside[x]
            above[x] = bar_y[x]
        area[y, 0] = total


@compiled
def audit_two(
    u: Rows,
    p: Rows,
    half: Rows,
    tv_weight: Rows,
    price: float,
    diagonal: bool,
    first: int,
    stop: int,
    fidelity: Rows,
    regularisation: Rows,
    gap: Rows,
    margin: Rows,
    sums: Sums,
    area: Sums,
) -> None:
    """Fill the four maps of the rows first…stop−1 and add up energies and areas.

    Parameters
    ----------
    u, p, half, tv_weight
        As in `iterate_two`; nothing is changed.
    price
        ψ (nats).
    fidelity, regularisation, gap, margin
        (H, W) float32, filled.
    sums
        (4,) float64: Σ m 2hu and the sums of gap, regularisation and fidelity are added.
    area
        (H, 1) float64: the rows' Σ m u are written.

    Notes
    -----
    With c = 2(h − ψ) and R = c + 2∇ᵀp, the difference of the two Q of `audit_kernel`:
    fidelity = uc − min(c, 0); gap = uR − min(R, 0) + 2[(λg/2)|∇u| − ⟨∇u, p⟩]; margin = |R|.
    """
    height, width = u.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    slope = np.empty(width, np.float32)
    left = np.empty(width, np.float32)
    higher = np.zeros(width, np.float32)
    zero, two, shift = np.float32(0.0), np.float32(2.0), np.float32(2.0 * price)
    for y in range(first, stop):
        edges_of(tv_weight, y, right, down, inside, ball)
        below = min(y + 1, height - 1)
        if y > 0:
            higher[:] = p[1, y - 1]
        slope[width - 1] = left[0] = zero
        for x in range(width - 1):
            slope[x] = (u[y, x + 1] - u[y, x]) * right[x]
            left[x + 1] = p[0, y, x]
        for x in range(width):
            across, along = slope[x], (u[below, x] - u[y, x]) * down[x]
            size = abs(across) + abs(along)
            if diagonal:
                size = math.sqrt(across * across + along * along)
            length = two * ball[x] * size
            regularisation[y, x] = length
            gap[y, x] = max(length - two * (across * p[0, y, x] + along * p[1, y, x]), zero)
        for x in range(width):
            c = two * half[y, x] - shift
            q = c + two * (left[x] - p[0, y, x] - p[1, y, x] + higher[x])
            fidelity[y, x] = inside[x] * (u[y, x] * c - min(c, zero))
            gap[y, x] = inside[x] * (gap[y, x] + max(u[y, x] * q - min(q, zero), zero))
            margin[y, x] = inside[x] * abs(q)
        spent = share = gaps = lengths = losses = zero
        for x in range(width):
            spent += inside[x] * two * half[y, x] * u[y, x]
            share += inside[x] * u[y, x]
        for x in range(width):
            gaps += gap[y, x]
            lengths += regularisation[y, x]
            losses += fidelity[y, x]
        area[y, 0] = share
        sums[0] += spent
        sums[1] += gaps
        sums[2] += lengths
        sums[3] += losses
