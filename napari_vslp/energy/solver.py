"""The primal–dual loop: steps, checks, progress and cancel, over either backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.problem import Problem, State, start_state
from napari_vslp.energy.trust import Vector
from napari_vslp.progress import Job, Progress
from napari_vslp.settings import Backend

KAPPA = 1.0
TRANSPORT_KAPPA = 0.25
RELAXATION = 1.9
# Areas of the relaxed solution are met to this before the solver stops (fraction of the tissue).
AREA_TOLERANCE = 3e-4


class SolverBackend(Protocol):
    """What the loop needs of a backend."""

    name: str

    def area(self) -> Vector:
        """Return a(u)."""

    def step(self, price_bar: Vector, tau: float, sigma: float, relax: float, job: Job) -> Vector:
        """Run one iteration; return the new a(u)."""

    def certify(self, price: Vector, job: Job) -> Certificate:
        """Return the certificate of the present state."""

    def export(self, price: Vector) -> State:
        """Return the state with its prices."""


@dataclass(frozen=True)
class Solution:
    """A state, its certificate, and how many iterations it took."""

    state: State
    certificate: Certificate
    iterations: int


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
        Iterations between two certificates.
    """

    tolerance: float = 1e-4
    max_iterations: int = 3000
    check_every: int = 10


def step_sizes(problem: Problem) -> tuple[float, float, float]:
    """Return τ, σ and κ with τ(8σ + κ) = 0.99, σ/τ = 2, or 4 for strong smoothness (λ ≥ 8).

    Without boundaries the prices alone must travel, in larger steps of u and smaller ones of φ.
    """
    smoothness = 2 * float(problem.radius.max(initial=0.0))
    if smoothness == 0:
        return 0.99 / TRANSPORT_KAPPA, 0.0, TRANSPORT_KAPPA
    ratio = 4.0 if smoothness >= 8 else 2.0
    tau = (-KAPPA + np.sqrt(KAPPA**2 + 31.68 * ratio)) / (16 * ratio)
    return float(tau), float(ratio * tau), KAPPA


def clean_state(problem: Problem, start: State) -> State:
    """Return a copy of a start whose forces are legal here: none across or beyond a border."""
    inside = problem.radius >= 0
    p = start.p.copy()
    p[0, :, :, -1] = 0
    p[1, :, -1, :] = 0
    p[0, :, :, :-1] *= inside[:, :-1] & inside[:, 1:]
    p[1, :, :-1, :] *= inside[:-1] & inside[1:]
    return State(start.u.copy(), p, start.price.copy())


def make_backend(
    problem: Problem, start: State | None, backend: Backend, device: str
) -> SolverBackend:
    """Return the fused kernel on the CPU, or torch where a device or the user asks for it."""
    state = clean_state(problem, start) if start is not None else start_state(problem)
    if backend == "torch" or (backend == "auto" and device != "cpu"):
        from napari_vslp.energy.reference import TorchBackend

        return TorchBackend(problem, state, device)
    from napari_vslp.energy.fused import FusedBackend

    return FusedBackend(problem, state)


def solve(
    problem: Problem,
    *,
    start: State | None = None,
    stop: Stop | None = None,
    backend: Backend = "auto",
    device: str = "cpu",
    job: Job | None = None,
) -> Solution:
    """Minimise the energy to a relative duality gap.

    Parameters
    ----------
    start
        A state to go on from; None starts at the cheapest tissue everywhere.
    job
        Cancel is looked at between stripes of rows (about 10 ms); progress at each certificate.

    Raises
    ------
    Cancelled
        If the job was told to stop.

    Notes
    -----
    p~ = proj(p + σ∇u); φ~ = argmax D(r) − |r − φ + κa(u)|²/2κ;
    u~ = proj(u − τ(C + ∇ᵀ(2p~ − p) − (2φ~ − φ))); (u,p,φ) += 1.9 ((u~,p~,φ~) − (u,p,φ)).
    The step before a certificate is not relaxed, so that u is in the simplex, p in its ball and
    φ in the domain of D, as the certificate needs (DESIGN, section 2).
    """
    stop, job = stop or Stop(), job or Job()
    tau, sigma, kappa = step_sizes(problem)
    engine = make_backend(problem, start, backend, device)
    price = np.zeros(len(problem.cost)) if start is None else start.price.copy()
    area, done = engine.area(), 0
    while True:
        checking = (done + 1) % stop.check_every == 0 or done + 1 >= stop.max_iterations
        relax = 1.0 if checking else RELAXATION
        new = problem.trust.step(price - kappa * area, kappa)
        area = engine.step(2 * new - price, tau, sigma, relax, job)
        price = price + relax * (new - price)
        done += 1
        if checking:
            found = engine.certify(price, job)
            _report(job, found, done, stop)
            met = found.relative_gap <= stop.tolerance and found.violation <= AREA_TOLERANCE
            if met or done >= stop.max_iterations:
                return Solution(engine.export(price), found, done)


def _report(job: Job, found: Certificate, done: int, stop: Stop) -> None:
    # The gap falls about geometrically, so its logarithm tells how far along the solver is.
    logs = np.log10(max(found.relative_gap, stop.tolerance)) / np.log10(stop.tolerance)
    job.report(
        Progress(
            "Fusing",
            float(np.clip(max(logs, done / stop.max_iterations), 0, 1)),
            iteration=done,
            gap=found.relative_gap,
            fidelity=float(found.fidelity.sum(dtype=np.float64)),
            regularisation=float(found.regularisation.sum(dtype=np.float64)),
        )
    )
