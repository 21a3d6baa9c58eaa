"""The primal–dual loop: steps, checks, progress and cancel, over any engine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_vslp.core.progress import Job, Progress
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.engines.contract import WindowEngine, make_engine
from napari_vslp.energy.problem import Problem, State, start_state
from napari_vslp.energy.transport import is_transport, transport_start
from napari_vslp.energy.windows import FIRST, WindowSearch

# Areas of the relaxed solution are met to this before the solver stops (fraction of the tissue).
AREA_TOLERANCE = 3e-4
Limit = Literal["", "steps", "rounds"]


@dataclass(frozen=True)
class Solution:
    """A state, its certificate, and how many iterations it took.

    Attributes
    ----------
    limit
        What ended it before it was as good as asked, in energy and areas: ``"steps"``, the
        ``"rounds"`` with further terms of the energy, or, if empty, nothing did.
    """

    state: State
    certificate: Certificate
    iterations: int
    limit: Limit = ""


@dataclass(frozen=True)
class Stop:
    """When the loop ends.

    Attributes
    ----------
    tolerance
        Relative duality gap that is good enough.
    max_iterations
        Iterations after which the loop ends all the same.
    check_every
        Iterations between two certificates, as long as all are of the whole image.
    windows
        Whether, after the first ones, iterations may be in windows where the gap sits.
    """

    tolerance: float = 1e-4
    max_iterations: int = 3000
    check_every: int = 10
    windows: bool = True


def make_legal(problem: Problem, state: State) -> State:
    """Drop, in place, forces that cannot be here: across or beyond a border, or without λ."""
    inside, p = problem.tv_weight >= 0, state.p
    if problem.tv_weight.max(initial=0.0) <= 0:
        p[:] = 0
    p[0, :, :, -1] = 0
    p[1, :, -1, :] = 0
    if not inside.all():
        p[0, :, :, :-1] *= inside[:, :-1] & inside[:, 1:]
        p[1, :, :-1, :] *= inside[:-1] & inside[1:]
    return state


def solve(
    problem: Problem,
    *,
    start: State | None = None,
    stop: Stop | None = None,
    backend: str = "auto",
    device: str = "cpu",
    job: Job | None = None,
    threads: int = 0,
    own_start: bool = False,
) -> Solution:
    """Minimise the energy to a relative duality gap.

    Parameters
    ----------
    start
        A state to go on from; None starts at the cheapest tissue everywhere.
    job
        Cancel is looked at between chunks of rows (about 10 ms); progress at each certificate.
    threads
        Of the CPU's kernel; 0 chooses by measuring.
    own_start
        Whether the start's arrays may be changed, which saves a copy of 12K bytes a pixel.

    Raises
    ------
    Cancelled
        If the job was told to stop.

    Notes
    -----
    p~ = proj(p + σ∇u); φ~ = argmax D(r) − |r − φ + κa(u)|²/2κ;
    u~ = proj(u − τ(C + ∇ᵀ(2p~ − p) − (2φ~ − φ))); (u,p,φ) += 1.9 ((u~,p~,φ~) − (u,p,φ)).
    The step before a certificate is not relaxed, so that u is in the simplex, p in its ball and
    φ in the domain of D, as the certificate needs (docs/energy.md, "The method"). Iterations in
    windows count by what they cost beside whole ones.
    """
    stop, job = stop or Stop(), job or Job()
    if start is None:
        state = transport_start(problem, job) if is_transport(problem) else start_state(problem)
    else:
        state = make_legal(problem, start if own_start else start.copy())
    del start
    engine = make_engine(problem, state, backend, device, threads)
    del state
    search = None
    if stop.windows and isinstance(engine, WindowEngine) and not is_transport(problem):
        search = WindowSearch(engine, stop.tolerance, problem.cost.shape)
    done, spent = 0, 0.0
    found: Certificate | None = None
    while True:
        if search is None or found is None or done < FIRST:
            block = min(stop.check_every, stop.max_iterations - done)
            engine.advance(block, job)
            spent += block
        else:
            spent += search.advance(found, stop.max_iterations - spent, job)
        done = math.ceil(spent)
        found = engine.certify(job)
        _report(job, found, done, stop)
        met = found.relative_gap <= stop.tolerance and found.violation <= AREA_TOLERANCE
        if met or done >= stop.max_iterations:
            return Solution(engine.export(), found, done, "" if met else "steps")


def _report(job: Job, found: Certificate, done: int, stop: Stop) -> None:
    # The gap falls about geometrically, so its logarithm tells how far along the solver is.
    logs = np.log10(max(found.relative_gap, stop.tolerance)) / np.log10(stop.tolerance)
    job.report(
        Progress(
            "Fusing",
            float(np.clip(max(logs, done / stop.max_iterations), 0, 1)),
            iteration=done,
            gap=found.relative_gap,
            fidelity=found.fidelity_sum,
            regularisation=found.regularisation_sum,
        )
    )
