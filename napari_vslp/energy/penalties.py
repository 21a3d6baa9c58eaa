"""The proportion term M·F(a(u)) in its six forms, each with its dual, step and gap.

All vectors have K entries and are float64: the whole transport has only K unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr, wrightomega

Vector = NDArray[np.float64]
# Below this a target counts as zero in logarithms: a pixel of a gigapixel slide.
_TINY = 1e-12


@dataclass(frozen=True)
class TrustTerm:
    """How strongly the typed proportions bind the areas a(u), and the dual price φ that results.

    Attributes
    ----------
    mode
        ``measured``: a = π; ``interval``: lo ≤ a ≤ hi; ``robust``: ρ‖a − π‖₁;
        ``quadratic``: ρ/2 ‖a − π‖²; ``kl``: ρ KL(a‖π); ``none``: 0.
    low, high
        Interval, in [0, 1].
    target
        π, summing to 1 (nearest point of the interval to the typed values).
    rho
        ρ, nats.

    Notes
    -----
    F(a) = sup_φ D(φ) − φ·a with D(φ) = −F*(−φ): DESIGN section 2, and Chambolle & Pock,
    "An introduction to continuous optimization for imaging" (2016), section 3.
    """

    mode: str
    low: Vector
    high: Vector
    target: Vector
    rho: float = 1.0

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """Return the proximal step argmax_r D(r) − |r − z|²/2κ, tissue by tissue (nats)."""
        if self.mode == "measured":
            return z + kappa * self.target
        if self.mode == "interval":
            return np.maximum(z + kappa * self.low, 0) + np.minimum(z + kappa * self.high, 0)
        if self.mode == "robust":
            return np.clip(z + kappa * self.target, -self.rho, self.rho)
        if self.mode == "quadratic":
            return (z + kappa * self.target) / (1 + kappa / self.rho)
        if self.mode == "kl":
            # (r − z)/κ = π e^(−r/ρ) has the closed form r = z + ρ ω(log(κπ/ρ) − z/ρ).
            logs = np.log(np.maximum(kappa * self.target / self.rho, _TINY))
            return np.asarray(z + self.rho * wrightomega(logs - z / self.rho), dtype=np.float64)
        return np.zeros_like(z)

    def dual(self, price: Vector) -> float:
        """Return D(φ) = −F*(−φ) for a feasible price φ (nats per px)."""
        if self.mode == "interval":
            return float(np.sum(np.where(price > 0, self.low, self.high) * price))
        if self.mode in ("measured", "robust"):
            return float(price @ self.target)
        if self.mode == "quadratic":
            return float(price @ self.target - price @ price / (2 * self.rho))
        if self.mode == "kl":
            return float(self.rho * np.sum(self.target * -np.expm1(-price / self.rho)))
        return 0.0

    def value(self, area: Vector, price: Vector) -> float:
        """Return F(a) (nats per px); where F is a constraint, its exact penalty |φ|·violation.

        The penalty's weight is the present price, the least for which constraint and penalty
        have the same solutions.
        """
        if self.mode in ("measured", "interval"):
            return float(np.abs(price) @ self.violations(area))
        if self.mode == "robust":
            return float(self.rho * np.abs(area - self.target).sum())
        if self.mode == "quadratic":
            return float(self.rho / 2 * np.square(area - self.target).sum())
        if self.mode == "kl":
            target = np.maximum(self.target, _TINY)
            return float(self.rho * np.sum(rel_entr(np.maximum(area, 0), target) - area + target))
        return 0.0

    def gap(self, area: Vector, price: Vector) -> float:
        """Return F(a) − D(φ) + φ·a ≥ 0, the Fenchel–Young gap of the proportions (nats per px)."""
        return max(0.0, self.value(area, price) - self.dual(price) + float(price @ area))

    def violations(self, area: Vector) -> Vector:
        """Return how far each area lies outside what a constraint allows (fraction)."""
        if self.mode == "measured":
            return np.abs(area - self.target)
        if self.mode == "interval":
            return np.maximum(0, np.maximum(self.low - area, area - self.high))
        return np.zeros_like(area)

    def keep(self, kept: NDArray[np.bool_]) -> TrustTerm:
        """Return the term of the kept tissues alone."""
        return TrustTerm(self.mode, self.low[kept], self.high[kept], self.target[kept], self.rho)


def nearest_target(typed: Vector, low: Vector, high: Vector) -> Vector:
    """Return the proportions that sum to 1 inside the intervals and are nearest to those typed.

    Projection onto {low ≤ π ≤ high, Σπ = 1}: clip(typed + t) with the scalar t found by
    bisection. Unknown values are passed as NaN and share what the others leave.

    Parameters
    ----------
    typed, low, high
        (K,) fractions.
    """
    known = np.where(np.isnan(typed), 0.0, typed)
    unknown = np.isnan(typed)
    if unknown.any():
        known[unknown] = max(0.0, 1 - known.sum()) / unknown.sum()
    below, above = -2.0, 2.0
    for _ in range(60):
        middle = (below + above) / 2
        if np.clip(known + middle, low, high).sum() < 1:
            below = middle
        else:
            above = middle
    return np.asarray(np.clip(known + above, low, high), dtype=np.float64)
