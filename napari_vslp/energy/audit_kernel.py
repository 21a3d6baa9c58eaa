"""The certificate and the energy maps of a state, one pass on the CPU (numba)."""

from __future__ import annotations

import math

import numba
import numpy as np

from napari_vslp.energy.kernels import Rows, Sums, edges_of


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def boundary_row(
    u: Rows,
    below: Rows,
    px: Rows,
    py: Rows,
    right: Rows,
    down: Rows,
    ball: Rows,
    diagonal: bool,
    length: Rows,
    gap: Rows,
) -> None:
    """Add one tissue's (λg/2)|∇u| to `length`, and its excess over ⟨∇u, p⟩ to `gap` (nats).

    All arrays are rows, (W,) float32, as in `kernels.step_round`.
    """
    width = u.shape[0]
    zero = np.float32(0.0)
    for x in range(width):
        slope_x = (u[min(x + 1, width - 1)] - u[x]) * right[x]
        slope_y = (below[x] - u[x]) * down[x]
        size = abs(slope_x) + abs(slope_y)
        if diagonal:
            size = math.sqrt(slope_x * slope_x + slope_y * slope_y)
        length[x] += ball[x] * size
        gap[x] += max(ball[x] * size - slope_x * px[x] - slope_y * py[x], zero)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def weigh_row(
    u: Rows,
    cost: Rows,
    price: float,
    push: Rows,
    inside: Rows,
    spent: Rows,
    mean_c: Rows,
    mean_q: Rows,
    best_c: Rows,
    best_q: Rows,
    next_q: Rows,
) -> float:
    """Add one tissue to a row's sums ⟨u,C⟩, ⟨u,C−φ⟩, ⟨u,Q⟩ and minima; return its Σ m u.

    All arrays are rows, (W,) float32; `push` is ∇ᵀp and `price` φ of this tissue (nats). Short
    loops, because one long one touches too many arrays to be vectorised.
    """
    width, total = u.shape[0], np.float32(0.0)
    for x in range(width):
        spent[x] += u[x] * cost[x]
        mean_c[x] += u[x] * (cost[x] - price)
        mean_q[x] += u[x] * (cost[x] - price + push[x])
    for x in range(width):
        c = cost[x] - price
        q = c + push[x]
        next_q[x] = min(next_q[x], max(q, best_q[x]))
        best_q[x] = min(best_q[x], q)
        best_c[x] = min(best_c[x], c)
    for x in range(width):
        total += u[x] * inside[x]
    return float(total)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def audit_rows(
    u: Rows,
    p: Rows,
    cost: Rows,
    radius: Rows,
    price: Rows,
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
    u, p, cost, radius
        As in `kernels.iterate`; nothing is changed.
    price
        (K,) float32 φ.
    fidelity, regularisation, gap, margin
        (H, W) float32, filled.
    sums
        (2,) float64: Σ m⟨C, u⟩ and Σ gap are added.
    area
        (K,) float64: Σ m u is added.

    Notes
    -----
    With Q = C + ∇ᵀp − φ: gap = ⟨u,Q⟩ − min Q + Σ_k (λg/2)|∇u_k| − ⟨∇u_k,p_k⟩, ≥ 0 term by term;
    fidelity = ⟨u, C−φ⟩ − min (C−φ); margin = second-lowest Q − lowest Q (DESIGN, section 2).
    """
    tissues, height, width = u.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    mean_q = np.empty(width, np.float32)
    best_q = np.empty(width, np.float32)
    next_q = np.empty(width, np.float32)
    mean_c = np.empty(width, np.float32)
    best_c = np.empty(width, np.float32)
    spent = np.empty(width, np.float32)
    left = np.empty(width, np.float32)
    push = np.empty(width, np.float32)
    huge, zero = np.float32(1e30), np.float32(0.0)
    for y in range(first, stop):
        edges_of(radius, y, right, down, inside, ball)
        below = min(y + 1, height - 1)
        upper = max(y - 1, 0)
        has_upper = np.float32(1.0 if y > 0 else 0.0)
        for x in range(width):
            mean_q[x] = mean_c[x] = spent[x] = zero
            best_q[x] = next_q[x] = best_c[x] = huge
            regularisation[y, x] = gap[y, x] = zero
        for k in range(tissues):
            boundary_row(
                u[k, y],
                u[k, below],
                p[0, k, y],
                p[1, k, y],
                right,
                down,
                ball,
                diagonal,
                regularisation[y],
                gap[y],
            )
            left[0] = zero
            left[1:] = p[0, k, y, :-1]
            for x in range(width):
                push[x] = left[x] - p[0, k, y, x] - p[1, k, y, x] + has_upper * p[1, k, upper, x]
            row = weigh_row(
                u[k, y], cost[k, y], price[k], push, inside,
                spent, mean_c, mean_q, best_c, best_q, next_q,
            )  # fmt: skip
            area[k] += row
        for x in range(width):
            fidelity[y, x] = inside[x] * max(mean_c[x] - best_c[x], zero)
            gap[y, x] = inside[x] * (gap[y, x] + max(mean_q[x] - best_q[x], zero))
        for x in range(width):
            margin[y, x] = inside[x] * (next_q[x] - best_q[x])
        for x in range(width):
            sums[0] += spent[x] * inside[x]
            sums[1] += gap[y, x]
