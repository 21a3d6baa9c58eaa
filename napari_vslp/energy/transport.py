"""Without boundaries only the prices are unknown: K of them, found by Newton's method.

The dual of optimal transport to K tissues is V(φ) = mean_x min_k (C_k − φ_k) + D(φ). Its gradient
is what the proportions ask for less the areas of the cells {x : k is cheapest}; its curvature is
how fast pixels change cells, the density of pixels at each pair's border (Kitagawa, Mérigot &
Thibert, "Convergence of a Newton algorithm for semi-discrete optimal transport", 2019).
"""

from __future__ import annotations

import numpy as np

from napari_vslp.core.progress import Job
from napari_vslp.energy.engines.kernels import Rows, Sums, compiled
from napari_vslp.energy.penalties.contract import Penalty, Vector
from napari_vslp.energy.problem import Problem, State

ROUNDS = 40
HALVINGS = 6
INNER_STEPS = 60
# The dual is settled when a step raises it by less than this share.
SETTLED = 1e-7
# How near to a border a pixel must be at first to tell the density there (nats).
FIRST_WIDTH = 0.25


@compiled
def cells(  # noqa: PLR0917 - numba takes no keywords
    cost: Rows, tv_weight: Rows, price: Rows, width: float, area: Sums, pairs: Sums
) -> float:
    """Return Σ m min_k (C_k − φ_k) and count the pixels of every cell and near every border.

    Parameters
    ----------
    cost, tv_weight
        (K, H, W) and (H, W) float32, as in `Problem`.
    price
        (K,) float32 φ (nats).
    width
        How near to a border counts (nats).
    area
        (K,) float64: pixels where tissue k is cheapest are written; a tie counts for each.
    pairs
        (K, K) float64: pixels whose two cheapest are j and k, by less than `width`, are written,
        in both places.
    """
    tissues, height, columns = cost.shape
    priced = np.empty((tissues, columns), np.float32)
    best = np.empty(columns, np.float32)
    second = np.empty(columns, np.float32)
    huge, zero, one = np.float32(1e30), np.float32(0.0), np.float32(1.0)
    near = np.float32(width)
    value = 0.0
    area[:] = 0
    pairs[:] = 0
    for y in range(height):
        for x in range(columns):
            best[x] = second[x] = huge
        for k in range(tissues):
            phi = price[k]
            for x in range(columns):
                c = cost[k, y, x] - phi
                priced[k, x] = c
                second[x] = min(second[x], max(best[x], c))
                best[x] = min(best[x], c)
        row = zero
        for x in range(columns):
            row += best[x] if tv_weight[y, x] >= 0 else zero
            # From here on, what lies outside is in no cell and near no border.
            best[x] = best[x] if tv_weight[y, x] >= 0 else -huge
            second[x] = second[x] if second[x] - best[x] < near else -huge
        value += float(row)
        for k in range(tissues):
            count = zero
            for x in range(columns):
                count += one if priced[k, x] <= best[x] else zero
            area[k] += count
            for j in range(k):
                count = zero
                for x in range(columns):
                    count += one if max(priced[j, x], priced[k, x]) <= second[x] else zero
                pairs[j, k] += count
                pairs[k, j] += count
    return value


def is_transport(problem: Problem) -> bool:
    """Whether there are no boundaries (λ = 0) but several tissues and proportions to meet."""
    smooth = problem.tv_weight.max(initial=0.0) > 0
    return not smooth and len(problem.cost) > 1 and problem.pixels > 0


def transport_start(problem: Problem, job: Job) -> State:
    """Return the cells of the best prices as a state; the pixels that tie are left to the solver.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    price = transport_prices(problem, job)
    priced = problem.cost - price[:, None, None].astype(np.float32)
    u = (priced == priced.min(axis=0)).astype(np.float32)
    u /= u.sum(axis=0)
    return State(u, np.zeros((2, *u.shape), np.float32), price)


def transport_prices(problem: Problem, job: Job) -> Vector:
    """Return prices that (nearly) maximise the dual V, by damped Newton steps.

    Where pixels tie in masses, as in an image of few grey levels, V has kinks and Newton's steps
    may stall; the primal–dual loop then goes on from the prices reached.
    """
    penalty, pixels = problem.penalty, problem.pixels
    tissues = len(problem.cost)
    area, pairs = np.zeros(tissues), np.zeros((tissues, tissues))
    cost, width = np.ascontiguousarray(problem.cost), FIRST_WIDTH

    def look(price: Vector, width: float) -> float:
        job.check()
        found = float(cells(cost, problem.tv_weight, price.astype(np.float32), width, area, pairs))
        return found / pixels + penalty.dual(price)

    price = penalty.step(np.zeros(tissues), 1e-9)
    value = look(price, width)
    for _ in range(ROUNDS):
        density = pairs / (2 * width * pixels)
        # Ties count for several cells; as shares they leave the common level of prices alone.
        move = _newton(penalty, price, area / area.sum(), density) - price
        for _ in range(HALVINGS):
            size = float(np.abs(move).max())
            # The density is looked for as far from the borders as the next step may reach.
            width = float(np.clip(size, width / 8, width))
            trial = look(price + move, width)
            if trial >= value:
                break
            move = move / 2
        else:
            return price
        gain, price, value = trial - value, price + move, trial
        if gain < SETTLED * max(abs(value), 1e-3):
            return price
    return price


def _newton(penalty: Penalty, price: Vector, area: Vector, density: Vector) -> Vector:
    """Return argmax_r D(r) − a·(r − φ) − ½(r − φ)ᵀL(r − φ), L the Laplacian of the densities.

    By accelerated proximal steps with the diagonal 2·diag(L) ≥ L, so that the table of
    `penalty.step` serves for every F.
    """
    floor = 1e-3
    laplacian = np.diag(density.sum(axis=1) + floor) - density
    kappa = 1 / (2 * np.diag(laplacian))
    found, ahead = price, price
    for n in range(INNER_STEPS):
        uphill = -area - laplacian @ (ahead - price)
        new = penalty.step(ahead + kappa * uphill, kappa)
        ahead = new + n / (n + 3) * (new - found)
        found = new
    return found
