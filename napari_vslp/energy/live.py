"""A moving slider on a large image: solve what it changes on a coarser grid.

The coarse grid is solved once as the image stands (the base) and again at every move; what the
move changes there is added to the fine labels of the last full solve. So fine detail stays, and
errors of the coarse grid, being in both of its solves, cancel (as in multigrid's full
approximation scheme: Brandt, 1977).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_vslp.core.progress import Job
from napari_vslp.energy.coarse import halve, restrict
from napari_vslp.energy.engines.compiled import compiled
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.problem import Array, Problem, State
from napari_vslp.energy.solver import Solution, Stop, solve

# A live solve's grid holds at most this many values: 512² × 4.
GRID_VALUES = 512 * 512 * 4
BASE = Stop(tolerance=1e-3, max_iterations=40, check_every=20)
MOVE = Stop(tolerance=1e-3, max_iterations=30, check_every=30)
# Fine iterations after a move, by values: 4 at 1024² × 4, 1 at 2048² × 4, none beyond.
FINE_VALUES = 1024 * 1024 * 4 * 4
FINE_ITERATIONS = 4


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
        A grid of the same costs and radius, whose coarse problem and state still serve.
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
        shown = Solution(state, engine.certify(job), found.iterations)
    else:
        stop = Stop(MOVE.tolerance, polish, polish)
        state.p = state.p.copy()
        shown = solve(
            problem, start=state, stop=stop, backend=backend, device=device, job=job, own_start=True
        )
    return shown, replace(grid, state=found.state, last=shown.state)


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
