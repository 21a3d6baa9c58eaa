"""The energy with further, non-convex terms: solved convex problem by convex problem.

E(u) = Σ m⟨C, u⟩ + TV + Σ_i R_i(u) + M·F. At u_t each R_i is replaced by its tangent, which is only
another cost: û = argmin ⟨C + Σ_i ∇R_i(u_t), u⟩ + TV + F, certified as any other. Then u_{t+1} is
the farthest of u_t + α(û − u_t), α = 1, ½, ¼ …, that does not raise the true E. This is the
generalised conditional gradient method (Bredies, Lorenz & Maass 2009) with backtracking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from napari_vslp.core.progress import Job, Progress
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.minimise import Warm
from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import FIXED_COST, Array, Problem, State, without_absent
from napari_vslp.energy.solver import Limit, Solution
from napari_vslp.energy.terms.contract import BoundTerm

# Minimises a convex problem, from what an earlier one left; the flag says: a slider is moving.
ConvexSolve = Callable[[Problem, Warm | None, bool], tuple[Solution, Warm]]
# A term's energy pixel by pixel, (H, W) float32 ≥ 0, and its sum (nats).
TermMap = tuple[Array, float]
MOST_ROUNDS = 8
SHORTEST_STEP = 1 / 32


@dataclass
class TermsWarm(Warm):
    """What a solve with further terms leaves for the next.

    Attributes
    ----------
    given
        The cost without the terms; `cost` is the one with their last tangents.
    gradient
        Σ_i ∇R_i at the last solution, (K, H, W) float32.
    names
        Of the terms.
    """

    given: Array | None = None
    gradient: Array | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TermsSolution:
    """A solution with the energy of each further term.

    Attributes
    ----------
    solution
        Its certificate's fidelity, regularisation and objective are those of the true E; gap, gap
        map and margin belong to the convex problem linearised at this very solution.
    maps
        The energy map of each term and its sum, by the term's name.
    energies
        E before the first round and after each: it never rises (nats).
    """

    solution: Solution
    maps: dict[str, TermMap]
    energies: tuple[float, ...]


def convex_energy(problem: Problem, u: Array, price: Vector) -> float:
    """Return Σ m⟨C, u⟩ + TV + M·F of u, (K, H, W), in float64 (nats).

    Constraints count as penalties at `price`, (K,).
    """
    inside = problem.tv_weight >= 0
    right = inside[:, 1:] & inside[:, :-1]
    down = inside[1:] & inside[:-1]
    total, areas = 0.0, np.zeros(len(u))
    for k, one in enumerate(u):
        across, along = np.zeros_like(one), np.zeros_like(one)
        across[:, :-1] = (one[:, 1:] - one[:, :-1]) * right
        along[:-1] = (one[1:] - one[:-1]) * down
        length = np.abs(across) + np.abs(along) if problem.anisotropic else np.hypot(across, along)
        total += float(np.sum(length * np.maximum(problem.tv_weight, 0), dtype=np.float64))
        total += float(np.sum(problem.cost[k] * one * inside, dtype=np.float64))
        areas[k] = np.sum(one * inside, dtype=np.float64) / max(1, problem.pixels)
    return total + problem.pixels * problem.penalty.value(areas, price)


def minimise_with_terms(
    problem: Problem,
    terms: Mapping[str, BoundTerm],
    solve: ConvexSolve,
    *,
    warm: Warm | None = None,
    live: bool = False,
    tolerance: float = 1e-4,
    rounds: int = MOST_ROUNDS,
    job: Job | None = None,
) -> tuple[TermsSolution, TermsWarm]:
    """Lower E round by round until a round promises less than the tolerance.

    Parameters
    ----------
    problem
        The convex part.
    terms
        One or several, by name.
    solve
        Minimises such a problem.
    warm
        What the previous solve left; with its tangents, if it had any.
    live
        Whether a slider is moving: the last tangents stay, and one convex solve answers.
    tolerance
        Relative decrease of E that is not worth a round.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    start = None
    if warm is not None and warm.cost.shape == problem.cost.shape:
        start = warm
    if live and isinstance(start, TermsWarm) and start.names == tuple(terms):
        return _follow(problem, terms, solve, start)
    found, state = solve(problem, start, False)
    # Violations of the shares are priced alike in all rounds, so that their energies compare.
    price = found.state.price
    u, iterations = found.state.u, found.iterations
    maps, gradient = _evaluate(terms, u)
    energy = convex_energy(problem, u, price) + _total(maps)
    energies: list[float] = [energy]
    limit: Limit = "rounds"
    for number in range(rounds):
        job.report(Progress("Fusing in rounds", number / rounds))
        found, state = solve(_linearised(problem, gradient), state, False)
        iterations += found.iterations
        step = found.state.u - u
        promised = energy - _total(maps) - convex_energy(problem, found.state.u, price)
        promised -= float(np.sum(gradient * step, dtype=np.float64))
        better = None
        if promised > tolerance * max(abs(energy), 1e-3 * problem.pixels):
            better = _backtrack(problem, terms, price, u, step, energy)
        if better is None:
            limit = found.limit
            break
        u, energy = better
        energies.append(energy)
        maps, gradient = _evaluate(terms, u)
    last = State(u, found.state.p, found.state.price)
    audit = _audit(problem, gradient, last, energies[-1], job)
    left = TermsWarm(
        last,
        _linearised(problem, gradient).cost,
        problem.tv_weight,
        given=problem.cost,
        gradient=gradient,
        names=tuple(terms),
    )
    answer = TermsSolution(Solution(last, audit, iterations, limit), maps, tuple(energies))
    return answer, left


def _follow(
    problem: Problem, terms: Mapping[str, BoundTerm], solve: ConvexSolve, warm: TermsWarm
) -> tuple[TermsSolution, TermsWarm]:
    """Answer a moving slider with the last tangents, frozen."""
    gradient = warm.gradient
    assert gradient is not None  # noqa: S101 - a warm state with names has one
    linearised = _linearised(problem, gradient)
    if warm.given is problem.cost:
        # The very same array: by it the solver knows that a two-tissue look-up still holds.
        linearised = replace(linearised, cost=warm.cost)
    found, state = solve(linearised, warm, True)
    u = found.state.u
    maps = {name: _summed(term.value(u)) for name, term in terms.items()}
    energy = convex_energy(problem, u, found.state.price) + _total(maps)
    audit = _audit(problem, gradient, found.state, energy, Job())
    left = TermsWarm(**vars(state), given=problem.cost, gradient=gradient, names=warm.names)
    answer = replace(found, certificate=audit)
    return TermsSolution(answer, maps, (energy,)), left


def _backtrack(  # noqa: PLR0917 - one call site above, in this order
    problem: Problem,
    terms: Mapping[str, BoundTerm],
    price: Vector,
    u: Array,
    step: Array,
    energy: float,
) -> tuple[Array, float] | None:
    """Return the farthest point of the step that lowers E, with its E; None if there is none."""
    share = 1.0
    while share >= SHORTEST_STEP:
        tried = u + np.float32(share) * step
        maps = {name: _summed(term.value(tried)) for name, term in terms.items()}
        reached = convex_energy(problem, tried, price) + _total(maps)
        if reached < energy:
            return tried, reached
        share /= 2
    return None


def _evaluate(terms: Mapping[str, BoundTerm], u: Array) -> tuple[dict[str, TermMap], Array]:
    """Return each term's map and sum, and the gradient of them all, (K, H, W) float32."""
    maps, gradients = {}, []
    for name, term in terms.items():
        values, gradient = term.value_and_gradient(u)
        maps[name] = _summed(values)
        gradients.append(gradient)
    whole = gradients[0]
    for gradient in gradients[1:]:
        whole = whole + gradient
    return maps, whole


def _summed(values: Array) -> TermMap:
    return values, float(values.sum(dtype=np.float64))


def _total(maps: Mapping[str, TermMap]) -> float:
    return sum(total for _, total in maps.values())


def _linearised(problem: Problem, gradient: Array) -> Problem:
    return replace(problem, cost=problem.cost + gradient)


def _audit(problem: Problem, gradient: Array, state: State, energy: float, job: Job) -> Certificate:
    """Return the true E's maps, with the gap and the margin of the problem linearised here."""
    plain, tangent = (_certify(p, state, job) for p in (problem, _linearised(problem, gradient)))
    floor = 1e-3 * problem.pixels
    return replace(
        plain,
        gap_map=tangent.gap_map,
        margin=tangent.margin,
        gap=tangent.gap,
        objective=energy,
        relative_gap=tangent.gap / max(abs(energy), floor, 1e-12),
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
