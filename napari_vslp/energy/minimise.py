"""From costs and proportions to the certified minimiser, by the shortest safe way.

On the graphics card where there is one, and on the processor if its memory is full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.core.settings import Settings
from napari_vslp.encoders.devices import is_out_of_memory
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.multigrid import GRID_VALUES, Grid, coarse_start, follow, make_grid
from napari_vslp.energy.penalties.contract import Penalty
from napari_vslp.energy.problem import Array, Problem, State, without_absent
from napari_vslp.energy.proportion_curve import ProportionCurve, proportion_curve
from napari_vslp.energy.solver import Solution, Stop, make_legal, solve

# A slider's answer: what a fine grid of at most 512² × 4 values does in about 50 ms.
LIVE = Stop(tolerance=1e-3, max_iterations=30, check_every=30, windows=False)
# After a look-up for two tissues: a tenth of its gap for a few ms.
POLISH = Stop(tolerance=1e-3, max_iterations=20, check_every=10, windows=False)
COARSE = Stop(tolerance=1e-3, max_iterations=60, windows=False)


@dataclass
class Warm:
    """What one solve leaves for the next: its state and, for two tissues, the proportion curve.

    Attributes
    ----------
    state
        Of all K tissues.
    cost, tv_weight
        Those of `state`; the curve holds for these very arrays only.
    curve
        None until a two-tissue slider moves.
    penalty
        The proportions that `state` met.
    grid
        None until a slider moves on a large image.
    """

    state: State
    cost: Array
    tv_weight: Array
    curve: ProportionCurve | None = None
    penalty: Penalty | None = None
    grid: Grid | None = None


def solver_device(settings: Settings) -> str:
    """Return ``"cuda"`` (or the one named) if there is one and it may be used, else ``"cpu"``.

    Apple's GPU is left out: the fused kernel on its processor is the faster of the two.
    """
    device = settings.device
    if settings.backend == "numba" or not device.startswith(("auto", "cuda")):
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return "cuda" if device == "auto" else device


def minimise_on_device(
    problem: Problem, warm: Warm | None, settings: Settings, *, live: bool, job: Job
) -> tuple[Solution, Warm]:
    """Minimise where the settings say, and on the processor if the GPU's memory is full.

    Parameters
    ----------
    warm
        The previous state; left aside if it is of another size.
    live
        Whether a slider is moving; see `minimise_live`.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    if warm is not None and warm.cost.shape != problem.cost.shape:
        warm = None
    device = solver_device(settings)
    try:
        return _solve(device, problem, warm, settings, live, job)
    except (RuntimeError, MemoryError) as error:
        if device == "cpu" or not is_out_of_memory(error):
            raise
        job.say("The graphics card's memory is full: fusing on the processor instead.")
        return _solve("cpu", problem, warm, settings, live, job)


def _solve(  # noqa: PLR0917 - one call site above, in this order
    device: str, problem: Problem, warm: Warm | None, settings: Settings, live: bool, job: Job
) -> tuple[Solution, Warm]:
    backend = settings.backend
    if live and warm is not None:
        return minimise_live(problem, warm, backend=backend, device=device, job=job)
    stop = Stop(settings.tolerance, settings.max_iterations)
    return minimise(problem, warm=warm, stop=stop, backend=backend, device=device, job=job)


def minimise(
    problem: Problem,
    *,
    warm: Warm | None = None,
    stop: Stop | None = None,
    backend: str = "auto",
    device: str = "cpu",
    job: Job | None = None,
) -> tuple[Solution, Warm]:
    """Minimise the energy, from a warm start or from coarse to fine.

    Tissues that may not occur are left out and come back empty, with price 0.

    Parameters
    ----------
    warm
        What the previous solve of an image of the same size and tissues left.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    stop, job = stop or Stop(), job or Job()
    reduced, kept = without_absent(problem)
    start = _restrict(warm.state, kept) if warm is not None else None
    cold = start is None
    start = coarse_start(reduced, start, COARSE, backend, device, job)
    found = solve(
        reduced, start=start, stop=stop, backend=backend, device=device, job=job, own_start=cold
    )
    del start
    whole = _expand(found, kept)
    after = Warm(whole.state, problem.cost, problem.tv_weight, penalty=problem.penalty)
    if warm is not None and _same(warm, problem):
        after.curve, after.grid = warm.curve, warm.grid
    if kept.all() and len(kept) > 1 and problem.cost.size > GRID_VALUES:
        # Made here, so that the first slider move need not wait for it; what is solved is kept.
        after.grid = make_grid(
            problem, whole.state, known=after.grid, backend=backend, device=device, job=Job()
        )
    return whole, after


def minimise_live(
    problem: Problem,
    warm: Warm,
    *,
    backend: str = "auto",
    device: str = "cpu",
    job: Job | None = None,
) -> tuple[Solution, Warm]:
    """Follow a moving slider: a look-up for two tissues, else a few iterations from the last state.

    On images of more than 512² × 4 values the iterations run on a coarser grid. The certificate
    is always that of the fine state: honest, but looser than `minimise`'s, which refines it once
    the hand rests.

    Parameters
    ----------
    warm
        What the last solve left, live or not.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    _, kept = without_absent(problem)
    if not kept.all() or len(kept) < 2:
        return minimise(problem, warm=warm, stop=LIVE, backend=backend, device=device, job=job)
    if problem.cost.size > GRID_VALUES:
        return _live_on_grid(problem, warm, backend, device, job)
    if len(kept) > 2:
        return minimise(problem, warm=warm, stop=LIVE, backend=backend, device=device, job=job)
    curve = warm.curve if _same(warm, problem) else None
    curve = curve or proportion_curve(problem, job=job)
    found = solve(
        problem, start=curve.look_up(problem.penalty), stop=POLISH,
        backend=backend, device=device, job=job, own_start=True,
    )  # fmt: skip
    return found, Warm(found.state, problem.cost, problem.tv_weight, curve, problem.penalty)


def _live_on_grid(
    problem: Problem, warm: Warm, backend: str, device: str, job: Job
) -> tuple[Solution, Warm]:
    """Follow a slider on the coarse grid of the last full solve, made at the first move."""
    grid = warm.grid if _same(warm, problem) else None
    if grid is None or grid.last is not warm.state:
        state = warm.state if _same(warm, problem) else make_legal(problem, warm.state.copy())
        solved = replace(problem, penalty=warm.penalty or problem.penalty)
        grid = make_grid(solved, state, known=grid, backend=backend, device=device, job=job)
    found, grid = follow(problem, grid, backend, device, job)
    return found, Warm(found.state, problem.cost, problem.tv_weight, None, problem.penalty, grid)


def _same(warm: Warm, problem: Problem) -> bool:
    return warm.cost is problem.cost and warm.tv_weight is problem.tv_weight


def _restrict(state: State, kept: NDArray[np.bool_]) -> State:
    if kept.all():
        return state
    u = state.u[kept]
    missing = (1 - u.sum(axis=0)) / len(u)
    return State(u + missing, np.ascontiguousarray(state.p[:, kept]), state.price[kept])


def _expand(found: Solution, kept: NDArray[np.bool_]) -> Solution:
    if kept.all():
        return found
    state, tissues = found.state, len(kept)
    u = np.zeros((tissues, *state.u.shape[1:]), np.float32)
    p = np.zeros((2, *u.shape), np.float32)
    price, area = np.zeros(tissues), np.zeros(tissues)
    u[kept], p[:, kept], price[kept] = state.u, state.p, state.price
    area[kept] = found.certificate.area
    certificate: Certificate = replace(found.certificate, area=area)
    return replace(found, state=State(u, p, price), certificate=certificate)


def stopped_early(found: Solution, settings: Settings) -> str:
    """Return a sentence if a limit ended a solve before it was as good as asked; else nothing."""
    if not found.limit:
        return ""
    audit, steps = found.certificate, found.iterations
    off = f"{audit.relative_gap:.2%} instead of {100 * settings.tolerance:.2g}% from the best one"
    if audit.relative_gap <= settings.tolerance:
        off = f"{100 * audit.violation:.2g} points off the shares asked for"
    more = "press Segment again in the window, which goes on from here"
    if found.limit == "steps":
        more = f"allow more steps (--max-iterations), or {more}"
    return (
        f"The search stopped after {steps} step{'s' if steps > 1 else ''}, before it was done: the "
        f"result may be {off}; {more}."
    )
