"""From costs and proportions to the certified minimiser, by the shortest safe way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_vslp.energy.binary import ProportionCurve, proportion_curve
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.coarse import coarse_start
from napari_vslp.energy.problem import Array, Problem, State, without_absent
from napari_vslp.energy.solver import Solution, Stop, make_backend, solve
from napari_vslp.energy.trust import Vector
from napari_vslp.progress import Job
from napari_vslp.settings import Backend

# A slider's answer may take about this many values' worth of work: 30 iterations at 512² × 4.
LIVE_VALUES = 30 * 512 * 512 * 4
COARSE = Stop(tolerance=1e-3, max_iterations=60)


@dataclass
class Warm:
    """What one solve leaves for the next: its state and, for two tissues, the proportion curve.

    Attributes
    ----------
    state
        Of all K tissues.
    cost, radius
        Those of `state`; the curve holds for these very arrays only.
    curve
        None until a two-tissue slider moves.
    """

    state: State
    cost: Array
    radius: Array
    curve: ProportionCurve | None = None


def minimise(
    problem: Problem,
    *,
    warm: Warm | None = None,
    stop: Stop | None = None,
    backend: Backend = "auto",
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
    start = coarse_start(reduced, start, COARSE, backend, device, job)
    found = solve(reduced, start=start, stop=stop, backend=backend, device=device, job=job)
    whole = _expand(found, kept)
    curve = warm.curve if warm is not None and _same(warm, problem) else None
    return whole, Warm(whole.state, problem.cost, problem.radius, curve)


def minimise_live(
    problem: Problem,
    warm: Warm,
    *,
    backend: Backend = "auto",
    device: str = "cpu",
    job: Job | None = None,
) -> tuple[Solution, Warm]:
    """Follow a moving slider: a few iterations from the last state, or a look-up for two tissues.

    Its certificate is honest but looser than `minimise`'s, which refines it once the hand rests.
    """
    job = job or Job()
    _, kept = without_absent(problem)
    if len(problem.cost) != 2 or not kept.all():
        stop = live_stop(problem.cost.size)
        return minimise(problem, warm=warm, stop=stop, backend=backend, device=device, job=job)
    curve = warm.curve if _same(warm, problem) else None
    curve = curve or proportion_curve(problem, job=job)
    state = curve.look_up(problem.trust)
    engine = make_backend(problem, state, backend, device)
    found = Solution(state, engine.certify(state.price, job), 0)
    return found, Warm(state, problem.cost, problem.radius, curve)


def live_stop(values: int) -> Stop:
    """Return when a live solve ends: after 30 iterations, fewer (but 8) on large images.

    Parameters
    ----------
    values
        K·H·W.
    """
    iterations = int(min(30, max(8, LIVE_VALUES // max(1, values))))
    return Stop(tolerance=1e-3, max_iterations=iterations, check_every=iterations)


def _same(warm: Warm, problem: Problem) -> bool:
    return warm.cost is problem.cost and warm.radius is problem.radius


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


def bounds(problem: Problem) -> tuple[Vector, Vector]:
    """Return the lowest and highest share that the labels themselves must keep."""
    trust = problem.trust
    if trust.mode == "measured":
        return trust.target, trust.target
    if trust.mode == "interval":
        return trust.low, trust.high
    return np.zeros_like(trust.low), np.ones_like(trust.high)
