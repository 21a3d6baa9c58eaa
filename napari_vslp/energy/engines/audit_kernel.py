"""The certificate and the energy maps of a state, one pass on the CPU (numba)."""

from __future__ import annotations

import math

import numpy as np

from napari_vslp.energy.engines.kernels import Rows, Sums, compiled, edges_of


@compiled
def boundary_row(
    u: Rows,
    below: Rows,
    px: Rows,
    py: Rows,
    right: Rows,
    down: Rows,
    ball: Rows,
    diagonal: bool,
    slope: Rows,
    length: Rows,
    gap: Rows,
) -> None:
    """Add one tissue's (λg/2)|∇u| to `length`, and its excess over ⟨∇u, p⟩ to `gap` (nats).

    All arrays are rows, (W,) float32, as in `kernels.step_round`; `slope` is scratch.
    """
    width = u.shape[0]
    zero = np.float32(0.0)
    for x in range(width - 1):
        slope[x] = (u[x + 1] - u[x]) * right[x]
    slope[width - 1] = zero
    for x in range(width):
        across, along = slope[x], (below[x] - u[x]) * down[x]
        size = abs(across) + abs(along)
        if diagonal:
            size = math.sqrt(across * across + along * along)
        length[x] += ball[x] * size
        gap[x] += max(ball[x] * size - across * px[x] - along * py[x], zero)


@compiled
def push_row(px: Rows, py: Rows, higher: Rows, push: Rows) -> None:
    """Leave ∇ᵀp of one row and tissue in `push`, from its p and the p[1] of the row above.

    All arrays are rows, (W,) float32 (nats).
    """
    width = px.shape[0]
    push[0] = higher[0] - px[0] - py[0]
    for x in range(1, width):
        push[x] = px[x - 1] - px[x] - py[x] + higher[x]


@compiled
def weigh_row(
    u: Rows,
    cost: Rows,
    price: float,
    push: Rows,
    inside: Rows,
    spent: Rows,
    mean_q: Rows,
    best_c: Rows,
    best_q: Rows,
    next_q: Rows,
) -> np.float32:
    """Add one tissue to a row's sums ⟨u,C−φ⟩, ⟨u,Q⟩ and minima; return its Σ m u.

    All arrays are rows, (W,) float32; `push` is ∇ᵀp and `price` φ of this tissue (nats). Short
    loops, because one long one touches too many arrays to be vectorised.
    """
    width, total, phi = u.shape[0], np.float32(0.0), np.float32(price)
    for x in range(width):
        spent[x] += u[x] * (cost[x] - phi)
        mean_q[x] += u[x] * (cost[x] - phi + push[x])
    for x in range(width):
        c = cost[x] - phi
        q = c + push[x]
        next_q[x] = min(next_q[x], max(q, best_q[x]))
        best_q[x] = min(best_q[x], q)
        best_c[x] = min(best_c[x], c)
    for x in range(width):
        total += u[x] * inside[x]
    return total


@compiled
def audit_rows(
    u: Rows,
    p: Rows,
    cost: Rows,
    tv_weight: Rows,
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
    u, p, cost, tv_weight
        As in `kernels.iterate`; nothing is changed.
    price
        (K,) float32 φ.
    fidelity, regularisation, gap, margin
        (H, W) float32, filled.
    sums
        (4,) float64: Σ m⟨C − φ, u⟩ and the sums of gap, regularisation and fidelity are added.
    area
        (H, K) float64: the rows' Σ m u are written.

    Notes
    -----
    With Q = C + ∇ᵀp − φ: gap = ⟨u,Q⟩ − min Q + Σ_k (λg/2)|∇u_k| − ⟨∇u_k,p_k⟩, ≥ 0 term by term;
    fidelity = ⟨u, C−φ⟩ − min (C−φ); margin = second-lowest Q − lowest Q (docs/energy.md, "The
    maps"). A row is summed in float32, the rows in float64.
    """
    tissues, height, width = u.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    slope = np.empty(width, np.float32)
    mean_q = np.empty(width, np.float32)
    best_q = np.empty(width, np.float32)
    next_q = np.empty(width, np.float32)
    best_c = np.empty(width, np.float32)
    spent = np.empty(width, np.float32)
    length = np.empty(width, np.float32)
    excess = np.empty(width, np.float32)
    nothing = np.zeros(width, np.float32)
    push = np.empty(width, np.float32)
    huge, zero = np.float32(1e30), np.float32(0.0)
    for y in range(first, stop):
        edges_of(tv_weight, y, right, down, inside, ball)
        below = min(y + 1, height - 1)
        for x in range(width):
            mean_q[x] = spent[x] = length[x] = excess[x] = zero
            best_q[x] = next_q[x] = best_c[x] = huge
        for k in range(tissues):
            boundary_row(
                u[k, y], u[k, below], p[0, k, y], p[1, k, y],
                right, down, ball, diagonal, slope, length, excess,
            )  # fmt: skip
            push_row(p[0, k, y], p[1, k, y], p[1, k, y - 1] if y > 0 else nothing, push)
            area[y, k] = weigh_row(
                u[k, y], cost[k, y], price[k], push, inside,
                spent, mean_q, best_c, best_q, next_q,
            )  # fmt: skip
        for x in range(width):
            fidelity[y, x] = inside[x] * max(spent[x] - best_c[x], zero)
            gap[y, x] = inside[x] * (excess[x] + max(mean_q[x] - best_q[x], zero))
        for x in range(width):
            margin[y, x] = inside[x] * (next_q[x] - best_q[x]) if tissues > 1 else zero
            regularisation[y, x] = length[x]
        fees = gaps = lengths = losses = zero
        for x in range(width):
            fees += spent[x] * inside[x]
            gaps += gap[y, x]
        for x in range(width):
            lengths += length[x]
            losses += fidelity[y, x]
        sums[0] += fees
        sums[1] += gaps
        sums[2] += lengths
        sums[3] += losses
