"""The step sizes of the primal–dual method, shared by every backend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_vslp.energy.problem import Problem

KAPPA = 1.0
TRANSPORT_KAPPA = 0.25
RELAXATION = 1.9


@dataclass(frozen=True)
class Steps:
    """τ of u, σ of the boundary forces p and κ of the prices φ, with τ(8σ + κ) = 0.99."""

    tau: float
    sigma: float
    kappa: float


def step_sizes(problem: Problem) -> Steps:
    """Return the steps with σ/τ = the largest λg, between 1 and 8.

    Of the ratios 1 to 64 that one needed the fewest iterations, or nearly, for every λ from 1 to
    8; a fixed ratio of 2 takes 1.5 times as many at λ = 8. Without boundaries the prices alone
    must travel, in larger steps of u and smaller ones of φ.
    """
    smoothness = 2 * float(problem.radius.max(initial=0.0))
    if smoothness == 0:
        return Steps(0.99 / TRANSPORT_KAPPA, 0.0, TRANSPORT_KAPPA)
    ratio = float(np.clip(smoothness, 1, 8))
    tau = (-KAPPA + np.sqrt(KAPPA**2 + 31.68 * ratio)) / (16 * ratio)
    return Steps(float(tau), float(ratio * tau), KAPPA)


def relaxations(iterations: int) -> list[float]:
    """Return the relaxation of each iteration of a block: the last one is left unrelaxed.

    So that u ends in the simplex, p in its ball and φ in the domain of D, as the certificate
    needs.
    """
    return [RELAXATION] * (iterations - 1) + [1.0]
