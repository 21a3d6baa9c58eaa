"""How far a state can be from the best one: the duality gap, as a number and as a map."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import Array, Problem


@dataclass(frozen=True)
class Certificate:
    """Energies, gap and maps of a state; every map is (H, W) float32 and ≥ 0.

    Attributes
    ----------
    fidelity, regularisation, gap_map, margin
        Maps; the first two sum to the two energies reported.
    objective, gap
        E(u) and the duality gap E(u) − D (nats, summed).
    area
        a(u), (K,) fractions.
    violation
        Largest distance of an area from what the constraint allows (fraction).
    relative_gap
        Gap over max(|E|, 0.001 nats per px): the floor keeps a noiseless image, whose optimal
        energy is 0, from dividing by it.
    fidelity_sum, regularisation_sum
        Sums of the two maps (nats), as the solver reports them while it runs.
    """

    fidelity: Array
    regularisation: Array
    gap_map: Array
    margin: Array
    objective: float
    gap: float
    area: Vector
    violation: float
    relative_gap: float
    fidelity_sum: float = 0.0
    regularisation_sum: float = 0.0


def certificate(
    problem: Problem, maps: list[Array], sums: Vector, area: Vector, price: Vector
) -> Certificate:
    """Put maps and sums together with the proportion term's value and gap.

    Parameters
    ----------
    maps
        Fidelity, regularisation, gap and margin, (H, W) float32 each.
    sums
        (4,) float64: Σ m⟨C, u⟩ and the sums of the maps of gap, regularisation and fidelity
        (nats).
    """
    fidelity, regularisation, gap_map, margin = maps
    pixels, penalty = problem.pixels, problem.penalty
    objective = float(sums[0]) + float(sums[2]) + pixels * penalty.value(area, price)
    gap = float(sums[1]) + pixels * penalty.gap(area, price)
    return Certificate(
        fidelity=fidelity,
        regularisation=regularisation,
        gap_map=gap_map,
        margin=margin,
        objective=objective,
        gap=gap,
        area=area,
        violation=float(penalty.violations(area).max(initial=0.0)),
        relative_gap=gap / max(abs(objective), 1e-3 * pixels, 1e-12),
        fidelity_sum=float(sums[3]),
        regularisation_sum=float(sums[2]),
    )
