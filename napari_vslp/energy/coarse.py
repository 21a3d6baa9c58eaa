"""A coarse-to-fine start: solve a quarter of the pixels first, then carry its state over.

On blocks of 2 × 2 px the cost is the block's mean and a boundary px counts twice as long beside
four times the pixels, so the coarse radius is half the fine one, and fine forces are twice the
coarse ones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.energy.engines.compiled import compiled
from napari_vslp.energy.problem import OUTSIDE, Array, Problem, State
from napari_vslp.energy.solver import Stop, solve
from napari_vslp.energy.transport import is_transport

SMALLEST_SIDE = 48
# One contradicting pixel decides its block, yet must not drown the block's mean.
COST_CEILING = 20.0


def coarse_start(  # noqa: PLR0917 - calls itself in this order
    problem: Problem, start: State | None, stop: Stop, backend: str, device: str, job: Job
) -> State | None:
    """Return a start from coarser grids, or the given start where that would not pay.

    Parameters
    ----------
    stop
        When a coarse solve ends.
    """
    if start is not None or min(problem.radius.shape) < 2 * SMALLEST_SIDE:
        return start
    if is_transport(problem):
        # Newton's method on the prices is cheaper than any grid.
        return None
    coarse = halve(problem)
    quiet = Job(job.cancel)
    below = coarse_start(coarse, None, stop, backend, device, quiet)
    found = solve(
        coarse, start=below, stop=stop, backend=backend, device=device, job=quiet, own_start=True
    )
    return refine(found.state, problem)


def halve(problem: Problem) -> Problem:
    """Return the problem on blocks of 2 × 2 px; blocks without tissue stay outside.

    Costs become (K, ⌈H/2⌉, ⌈W/2⌉) float32 and the radius (⌈H/2⌉, ⌈W/2⌉) float32.
    """
    height, width = problem.radius.shape
    shape = (height + 1) // 2, (width + 1) // 2
    cost = np.empty((len(problem.cost), *shape), np.float32)
    radius = np.empty(shape, np.float32)
    _halve(np.ascontiguousarray(problem.cost), problem.radius, cost, radius)
    return replace(problem, cost=cost, radius=radius)


def restrict(values: Array) -> Array:
    """Return the means of blocks of 2 × 2 px, (K, ⌈H/2⌉, ⌈W/2⌉), of (K, H, W) float32 values."""
    tissues, height, width = values.shape
    found = np.empty((tissues, (height + 1) // 2, (width + 1) // 2), np.float32)
    _restrict(np.ascontiguousarray(values), found)
    return found


def refine(state: State, problem: Problem) -> State:
    """Return a coarse state on the fine grid, with bilinear forces and labels.

    Parameters
    ----------
    state
        Of `halve(problem)`: u (K, ⌈H/2⌉, ⌈W/2⌉), p (2, K, ⌈H/2⌉, ⌈W/2⌉), float32.
    problem
        The fine problem, whose (K, H, W) the result has.
    """
    u, p = np.empty_like(problem.cost), np.empty((2, *problem.cost.shape), np.float32)
    for k in range(len(u)):
        _double(state.u[k], u[k], 1.0)
        _double(state.p[0, k], p[0, k], 2.0)
        _double(state.p[1, k], p[1, k], 2.0)
    return State(u, p, state.price)


@compiled
def _halve(cost: Array, radius: Array, coarse_cost: Array, coarse_radius: Array) -> None:
    """Fill costs and radius of the blocks, means over their tissue pixels; see `halve`."""
    tissues, height, width = cost.shape
    rows, columns = coarse_radius.shape
    ceiling, zero, one = np.float32(COST_CEILING), np.float32(0), np.float32(1)
    half, outside = np.float32(0.5), np.float32(OUTSIDE)
    weight = np.empty((4, columns), np.float32)
    share = np.empty(columns, np.float32)
    for y in range(rows):
        top, low = 2 * y, min(2 * y + 1, height - 1)
        # An odd last row or column makes blocks of two pixels or one.
        double = one if low > top else zero
        for x in range(columns):
            right = min(2 * x + 1, width - 1)
            beside = one if right > 2 * x else zero
            weight[0, x] = one if radius[top, 2 * x] >= 0 else zero
            weight[1, x] = beside if radius[top, right] >= 0 else zero
            weight[2, x] = double if radius[low, 2 * x] >= 0 else zero
            weight[3, x] = double * beside if radius[low, right] >= 0 else zero
            count = weight[0, x] + weight[1, x] + weight[2, x] + weight[3, x]
            share[x] = one / max(count, one)
            mean = share[x] * (
                weight[0, x] * radius[top, 2 * x]
                + weight[1, x] * radius[top, right]
                + weight[2, x] * radius[low, 2 * x]
                + weight[3, x] * radius[low, right]
            )
            coarse_radius[y, x] = half * mean if count > 0 else outside
        for k in range(tissues):
            for x in range(columns):
                right = min(2 * x + 1, width - 1)
                coarse_cost[k, y, x] = share[x] * (
                    weight[0, x] * min(cost[k, top, 2 * x], ceiling)
                    + weight[1, x] * min(cost[k, top, right], ceiling)
                    + weight[2, x] * min(cost[k, low, 2 * x], ceiling)
                    + weight[3, x] * min(cost[k, low, right], ceiling)
                )


@compiled
def _restrict(fine: Array, coarse: Array) -> None:
    """Fill the block means; an odd last row or column counts twice."""
    tissues, height, width = fine.shape
    quarter = np.float32(0.25)
    for k in range(tissues):
        for y in range(coarse.shape[1]):
            low = min(2 * y + 1, height - 1)
            for x in range(coarse.shape[2]):
                right = min(2 * x + 1, width - 1)
                coarse[k, y, x] = quarter * (
                    fine[k, 2 * y, 2 * x]
                    + fine[k, 2 * y, right]
                    + fine[k, low, 2 * x]
                    + fine[k, low, right]
                )


@compiled
def _double(coarse: Array, fine: NDArray[np.float32], factor: float) -> None:
    """Fill the fine map with the bilinear interpolation of the coarse one, times a factor."""
    height, width = fine.shape
    rows, columns = coarse.shape
    near, far = np.float32(0.75 * factor), np.float32(0.25 * factor)
    mixed = np.empty(columns, np.float32)
    for y in range(height):
        other = min(max(y // 2 + (1 if y % 2 else -1), 0), rows - 1)
        for x in range(columns):
            mixed[x] = near * coarse[y // 2, x] + far * coarse[other, x]
        for x in range(width):
            side = min(max(x // 2 + (1 if x % 2 else -1), 0), columns - 1)
            fine[y, x] = np.float32(0.75) * mixed[x // 2] + np.float32(0.25) * mixed[side]
