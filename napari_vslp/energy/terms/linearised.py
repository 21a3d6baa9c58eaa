"""The energy with a learned, non-convex part: solved convex problem by convex problem.

E(u) = Σ m⟨C, u⟩ + TV + R(u) + M·F. At u_t the learned R is replaced by its tangent, which is only
another cost: û = argmin ⟨C + ∇R(u_t), u⟩ + TV + F, certified as any other. Then u_{t+1} is the
farthest of u_t + α(û − u_t), α = 1, ½, ¼ …, that does not raise the true E. This is the
generalised conditional gradient method (Bredies, Lorenz & Maass 2009) with backtracking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from napari_vslp.core.progress import Job, Progress
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.minimise import Warm
from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import FIXED_COST, Array, Problem, State, without_absent
from napari_vslp.energy.solver import Solution

# Minimises a convex problem, from what an earlier one left; the flag says: a slider is moving.
ConvexSolve = Callable[[Problem, Warm | None, bool], tuple[Solution, Warm]]
MOST_TURNS = 8
SHORTEST_STEP = 1 / 32


class LearnedTerm(Protocol):
    """A differentiable R(u) ≥ 0 of one image."""

    def energy(self, u: Array) -> Array:
        """Return R pixel by pixel, (H, W) float32 ≥ 0, 0 outside the tissue (nats)."""

    def energy_and_slope(self, u: Array) -> tuple[Array, Array]:
        """Return the same and ∇R(u), (K, H, W) float32 (nats)."""


@dataclass
class LearnedWarm(Warm):
    """What a solve with a learned part leaves for the next.

    Attributes
    ----------
    given
        The cost without the learned part; `cost` is the one with the last tangent.
    slope
        ∇R at the last solution, (K, H, W) float32.
    """

    given: Array | None = None
    slope: Array | None = None


@dataclass(frozen=True)
class LearnedSolution:
    """A solution with its learned energy.

    Attributes
    ----------
    solution
        Its certificate's fidelity, regularisation and objective are those of the true E; gap, gap
        map and margin belong to the convex problem linearised at this very solution.
    learned
        (H, W) float32 ≥ 0, R pixel by pixel.
    energies
        E before the first turn and after each: it never rises (nats).
    """

    solution: Solution
    learned: Array
    energies: tuple[float, ...]


def convex_energy(problem: Problem, u: Array, price: Vector) -> float:
    """Return Σ m⟨C, u⟩ + TV + M·F of u, (K, H, W), in float64 (nats).

    Constraints count as penalties at `price`, (K,).
    """
    inside = problem.radius >= 0
    right = inside[:, 1:] & inside[:, :-1]
    down = inside[1:] & inside[:-1]
    total, areas = 0.0, np.zeros(len(u))
    for k, one in enumerate(u):
        across, along = np.zeros_like(one), np.zeros_like(one)
        across[:, :-1] = (one[:, 1:] - one[:, :-1]) * right
        along[:-1] = (one[1:] - one[:-1]) * down
        length = np.abs(across) + np.abs(along) if problem.anisotropic else np.hypot(across, along)
        total += float(np.sum(length * np.maximum(problem.radius, 0), dtype=np.float64))
        total += float(np.sum(problem.cost[k] * one * inside, dtype=np.float64))
        areas[k] = np.sum(one * inside, dtype=np.float64) / max(1, problem.pixels)
    return total + problem.pixels * problem.penalty.value(areas, price)


def minimise_learned(
    problem: Problem,
    term: LearnedTerm,
    solve: ConvexSolve,
    *,
    warm: Warm | None = None,
    live: bool = False,
    tolerance: float = 1e-4,
    turns: int = MOST_TURNS,
    job: Job | None = None,
) -> tuple[LearnedSolution, LearnedWarm]:
    """Lower E turn by turn until a turn promises less than the tolerance.

    Parameters
    ----------
    problem
        The convex part.
    solve
        Minimises such a problem.
    warm
        What the previous solve left; with its tangent, if it had one.
    live
        Whether a slider is moving: the last tangent stays, and one convex solve answers.
    tolerance
        Relative decrease of E that is not worth a turn.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    if live and isinstance(warm, LearnedWarm) and warm.slope is not None:
        return _follow(problem, term, solve, warm)
    start = None
    if warm is not None and warm.cost.shape == problem.cost.shape:
        start = warm
    found, state = solve(problem, start, False)
    # Violations of the shares are priced alike in all turns, so that their energies compare.
    price = found.state.price
    u, iterations = found.state.u, found.iterations
    learned, slope = term.energy_and_slope(u)
    energy = convex_energy(problem, u, price) + _sum(learned)
    energies = [energy]
    for turn in range(turns):
        job.report(Progress("Fusing with the learned shapes", turn / turns))
        found, state = solve(_tilted(problem, slope), state, False)
        iterations += found.iterations
        step = found.state.u - u
        promised = energy - _sum(learned) - convex_energy(problem, found.state.u, price)
        promised -= float(np.sum(slope * step, dtype=np.float64))
        if promised <= tolerance * max(abs(energy), 1e-3 * problem.pixels):
            break
        better = _backtrack(problem, term, price, u, step, energy)
        if better is None:
            break
        u, energy = better
        energies.append(energy)
        learned, slope = term.energy_and_slope(u)
    last = State(u, found.state.p, found.state.price)
    audit = _audit(problem, slope, last, energies[-1], job)
    answer = Solution(last, audit, iterations)
    tilted = _tilted(problem, slope)
    left = LearnedWarm(last, tilted.cost, problem.radius, given=problem.cost, slope=slope)
    return LearnedSolution(answer, learned, tuple(energies)), left


def _follow(
    problem: Problem, term: LearnedTerm, solve: ConvexSolve, warm: LearnedWarm
) -> tuple[LearnedSolution, LearnedWarm]:
    """Answer a moving slider with the last tangent, frozen."""
    slope = warm.slope
    assert slope is not None  # noqa: S101 - the caller asked
    tilted = _tilted(problem, slope)
    if warm.given is problem.cost:
        # The very same array: by it the solver knows that a two-tissue look-up still holds.
        tilted = replace(tilted, cost=warm.cost)
    found, state = solve(tilted, warm, True)
    u = found.state.u
    learned = term.energy(u)
    energy = convex_energy(problem, u, found.state.price) + _sum(learned)
    audit = _audit(problem, slope, found.state, energy, Job())
    left = LearnedWarm(**vars(state), given=problem.cost, slope=slope)
    answer = replace(found, certificate=audit)
    return LearnedSolution(answer, learned, (energy,)), left


def _backtrack(  # noqa: PLR0917 - one call site above, in this order
    problem: Problem, term: LearnedTerm, price: Vector, u: Array, step: Array, energy: float
) -> tuple[Array, float] | None:
    """Return the farthest point of the step that lowers E, with its E; None if there is none."""
    share = 1.0
    while share >= SHORTEST_STEP:
        tried = u + np.float32(share) * step
        reached = convex_energy(problem, tried, price) + _sum(term.energy(tried))
        if reached < energy:
            return tried, reached
        share /= 2
    return None


def _tilted(problem: Problem, slope: Array) -> Problem:
    return replace(problem, cost=problem.cost + slope)


def _audit(problem: Problem, slope: Array, state: State, energy: float, job: Job) -> Certificate:
    """Return the true E's maps, with the gap and the margin of the problem linearised here."""
    plain, tilted = (_certify(p, state, job) for p in (problem, _tilted(problem, slope)))
    floor = 1e-3 * problem.pixels
    return replace(
        plain,
        gap_map=tilted.gap_map,
        margin=tilted.margin,
        gap=tilted.gap,
        objective=energy,
        relative_gap=tilted.gap / max(abs(energy), floor, 1e-12),
    )


def _certify(problem: Problem, state: State, job: Job) -> Certificate:
    _, kept = without_absent(problem)
    cost = problem.cost
    if not kept.all():
        # A tissue that may not occur must not look like a pixel's cheapest.
        cost = cost.copy()
        cost[~kept] = FIXED_COST
    audited = replace(problem, cost=cost)
    return make_engine(audited, state).certify(job)


def _sum(values: Array) -> float:
    return float(values.sum(dtype=np.float64))
