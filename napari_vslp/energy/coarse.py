"""A coarse-to-fine start: solve a quarter of the pixels first, then carry its state over.

On blocks of 2 × 2 px the cost is the block's mean and a boundary px counts twice as long beside
four times the pixels, so the coarse radius is half the fine one, and fine forces are twice the
coarse ones.
"""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
from numpy.typing import NDArray

from napari_vslp.energy.problem import OUTSIDE, Array, Problem, State
from napari_vslp.energy.solver import Stop, solve
from napari_vslp.progress import Job
from napari_vslp.settings import Backend

SMALLEST_SIDE = 48
# One contradicting pixel decides its block, yet must not drown the block's mean.
COST_CEILING = 20.0


def coarse_start(  # noqa: PLR0917 - calls itself in this order
    problem: Problem, start: State | None, stop: Stop, backend: Backend, device: str, job: Job
) -> State | None:
    """Return a start from coarser grids, or the given start where that would not pay.

    Parameters
    ----------
    stop
        When a coarse solve ends.
    """
    if start is not None or min(problem.radius.shape) < 2 * SMALLEST_SIDE:
        return start
    coarse = halve(problem)
    quiet = Job(job.cancel)
    below = coarse_start(coarse, None, stop, backend, device, quiet)
    found = solve(coarse, start=below, stop=stop, backend=backend, device=device, job=quiet)
    return refine(found.state, problem)


def halve(problem: Problem) -> Problem:
    """Return the problem on blocks of 2 × 2 px; blocks without tissue stay outside.

    Costs become (K, ⌈H/2⌉, ⌈W/2⌉) float32 and the radius (⌈H/2⌉, ⌈W/2⌉) float32.
    """
    inside: Array = (problem.radius >= 0).astype(np.float32)
    count = _block_sum(inside)
    shared: Array = np.maximum(count, np.float32(1))
    capped: Array = np.minimum(problem.cost, np.float32(COST_CEILING)) * inside
    cost: Array = np.stack([_block_sum(c) / shared for c in capped])
    radius: Array = _block_sum(np.maximum(problem.radius, 0)) / shared * np.float32(0.5)
    radius[count == 0] = OUTSIDE
    return replace(problem, cost=cost, radius=radius)


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


def _block_sum(values: Array) -> Array:
    height, width = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2)))
    rows = even[0::2] + even[1::2]
    return np.ascontiguousarray(rows[:, 0::2] + rows[:, 1::2])


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
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
