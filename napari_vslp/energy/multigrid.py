"""Coarser grids: a cold solve begins on them, and a moving slider on a large image stays there.

On blocks of 2 × 2 px the cost is the block's mean and a boundary px counts twice as long beside
four times the pixels, so the coarse TV weight is half the fine one, and fine forces are twice the
coarse ones.

While a slider moves, the coarse grid is solved once as the image stands (the base) and again at
every move; what the move changes there is added to the fine labels of the last full solve. So fine
detail stays, and errors of the coarse grid, being in both of its solves, cancel (as in multigrid's
full approximation scheme: Brandt, 1977).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.engines.kernels import compiled
from napari_vslp.energy.problem import OUTSIDE, Array, Problem, State
from napari_vslp.energy.solver import Solution, Stop, solve
from napari_vslp.energy.transport import is_transport

SMALLEST_SIDE = 48
# One contradicting pixel decides its block, yet must not drown the block's mean.
COST_CEILING = 20.0
# A live solve's grid holds at most this many values: 512² × 4.
GRID_VALUES = 512 * 512 * 4
BASE = Stop(tolerance=1e-3, max_iterations=40, check_every=20, windows=False)
MOVE = Stop(tolerance=1e-3, max_iterations=30, check_every=30, windows=False)
# Fine iterations after a move, by values: 4 at 1024² × 4, 1 at 2048² × 4, none beyond.
FINE_VALUES = 1024 * 1024 * 4 * 4
FINE_ITERATIONS = 4


def coarse_start(  # noqa: PLR0917 - calls itself in this order
    problem: Problem, start: State | None, stop: Stop, backend: str, device: str, job: Job
) -> State | None:
    """Return a start from coarser grids, or the given start where that would not pay.

    Parameters
    ----------
    stop
        When a coarse solve ends.
    """
    if start is not None or min(problem.tv_weight.shape) < 2 * SMALLEST_SIDE:
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

    Costs become (K, ⌈H/2⌉, ⌈W/2⌉) float32 and the TV weight (⌈H/2⌉, ⌈W/2⌉) float32.
    """
    height, width = problem.tv_weight.shape
    shape = (height + 1) // 2, (width + 1) // 2
    cost = np.empty((len(problem.cost), *shape), np.float32)
    tv_weight = np.empty(shape, np.float32)
    _halve(np.ascontiguousarray(problem.cost), problem.tv_weight, cost, tv_weight)
    return replace(problem, cost=cost, tv_weight=tv_weight)


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


@dataclass
class Grid:
    """The coarse grid of one image's live solves.

    Attributes
    ----------
    problem
        Of blocks of 2ⁿ × 2ⁿ px.
    base
        The coarse u of the last full solve, (K, h, w) float32.
    fine
        The fine state of that solve.
    state
        Where the coarse solver stood last.
    last
        The fine state of the last move, by which a full solve since then is noticed.
    """

    problem: Problem
    base: Array
    fine: State
    state: State
    last: State


def levels_of(values: int) -> int:
    """Return how often an image of so many values (K·H·W) is halved for a live solve."""
    levels = 0
    while values > GRID_VALUES << (2 * levels):
        levels += 1
    return levels


def make_grid(
    problem: Problem,
    fine: State,
    *,
    known: Grid | None,
    backend: str,
    device: str,
    job: Job,
) -> Grid:
    """Return the grid of a full solve.

    Parameters
    ----------
    problem
        The fine problem of that solve, of more than `GRID_VALUES` values.
    fine
        The state it ended in.
    known
        A grid of the same costs and TV weights, whose coarse problem and state still serve.
    """
    coarse = known.problem if known is not None else problem
    state = known.state if known is not None else fine
    for _ in range(levels_of(problem.cost.size) if known is None else 0):
        coarse = halve(coarse)
        forces = np.stack([restrict(p) for p in state.p]) * np.float32(0.5)
        state = State(restrict(state.u), forces, fine.price)
    coarse = replace(coarse, penalty=problem.penalty)
    quiet = Job(job.cancel)
    found = solve(coarse, start=state, stop=BASE, backend=backend, device=device, job=quiet)
    return Grid(coarse, found.state.u, fine, found.state, fine)


def follow(
    problem: Problem, grid: Grid, backend: str, device: str, job: Job
) -> tuple[Solution, Grid]:
    """Return the fine state after a move, polished by a few fine iterations and certified.

    Those few halve the labels that are off; the rest is left to the release.
    """
    coarse = replace(grid.problem, penalty=problem.penalty)
    found = solve(coarse, start=grid.state, stop=MOVE, backend=backend, device=device, job=job)
    u = np.empty_like(problem.cost)
    factor = 1 << levels_of(problem.cost.size)
    add_change(grid.fine.u, found.state.u - grid.base, factor, u)
    state = State(u, grid.fine.p, found.state.price)
    polish = min(FINE_ITERATIONS, FINE_VALUES // problem.cost.size)
    if polish == 0:
        engine = make_engine(problem, state, backend, device)
        shown = Solution(state, engine.certify(job), found.iterations, "steps")
    else:
        stop = Stop(MOVE.tolerance, polish, polish)
        state.p = state.p.copy()
        shown = solve(
            problem, start=state, stop=stop, backend=backend, device=device, job=job, own_start=True
        )
    return shown, replace(grid, state=found.state, last=shown.state)


@compiled
def _halve(cost: Array, tv_weight: Array, coarse_cost: Array, coarse_tv_weight: Array) -> None:
    """Fill costs and TV weights of the blocks, means over their tissue pixels; see `halve`."""
    tissues, height, width = cost.shape
    rows, columns = coarse_tv_weight.shape
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
            weight[0, x] = one if tv_weight[top, 2 * x] >= 0 else zero
            weight[1, x] = beside if tv_weight[top, right] >= 0 else zero
            weight[2, x] = double if tv_weight[low, 2 * x] >= 0 else zero
            weight[3, x] = double * beside if tv_weight[low, right] >= 0 else zero
            count = weight[0, x] + weight[1, x] + weight[2, x] + weight[3, x]
            share[x] = one / max(count, one)
            mean = share[x] * (
                weight[0, x] * tv_weight[top, 2 * x]
                + weight[1, x] * tv_weight[top, right]
                + weight[2, x] * tv_weight[low, 2 * x]
                + weight[3, x] * tv_weight[low, right]
            )
            coarse_tv_weight[y, x] = half * mean if count > 0 else outside
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


@compiled
def add_change(base: Array, change: Array, factor: int, out: Array) -> None:
    """Fill `out` with base plus the bilinear interpolation of a coarse change, on the simplex.

    Parameters
    ----------
    base, out
        (K, H, W) float32.
    change
        (K, ⌈H/factor⌉, ⌈W/factor⌉) float32.
    """
    tissues, height, width = base.shape
    rows, columns = change.shape[1:]
    left = np.empty(width, np.int64)
    share = np.empty(width, np.float32)
    mixed = np.empty(columns + 1, np.float32)
    total = np.empty(width, np.float32)
    zero, one = np.float32(0), np.float32(1)
    for x in range(width):
        at = min(max((x + 0.5) / factor - 0.5, 0.0), columns - 1.0)
        left[x] = int(at)
        share[x] = at - left[x]
    for y in range(height):
        at = min(max((y + 0.5) / factor - 0.5, 0.0), rows - 1.0)
        above = int(at)
        below, part = min(above + 1, rows - 1), np.float32(at - above)
        total[:] = zero
        for k in range(tissues):
            for x in range(columns):
                mixed[x] = (one - part) * change[k, above, x] + part * change[k, below, x]
            mixed[columns] = mixed[columns - 1]
            for x in range(width):
                i = left[x]
                moved = base[k, y, x] + (one - share[x]) * mixed[i] + share[x] * mixed[i + 1]
                out[k, y, x] = max(moved, zero)
            for x in range(width):
                total[x] += out[k, y, x]
        for x in range(width):
            total[x] = one / max(total[x], np.float32(1e-6))
        for k in range(tissues):
            for x in range(width):
                out[k, y, x] *= total[x]
