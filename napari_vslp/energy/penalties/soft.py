"""Penalties that draw the areas towards the proportions, and let the image pull."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import rel_entr, wrightomega

from napari_vslp.energy.penalties.contract import LevelSets, PerTissue, TensorStep, Vector

if TYPE_CHECKING:
    from torch import Tensor

# Below this a target counts as zero in logarithms: a pixel of a gigapixel slide.
_TINY = 1e-12
# Newton's sweeps for the Kullback–Leibler step: quadratic convergence from the softplus, so a
# fixed number serves every price (tests/energy/test_penalties.py holds it to scipy's root).
_NEWTON_SWEEPS = 8
# Below this exponent exp() is zero in float32, and so is the tissue's pull.
_LOWEST = -80.0


class Robust(PerTissue):
    """ρ‖a − π‖₁: a proportion far off is overruled, at a price of at most ρ."""

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`."""
        return np.clip(z + kappa * self.target, -self.rho, self.rho)

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""
        target, rho = self.on_device(kappa * self.target, like), self.rho
        return lambda z: (z + target).clamp(-rho, rho)

    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""
        return float(price @ self.target)

    def value(self, area: Vector, price: Vector) -> float:  # noqa: ARG002 - the contract's
        """See `Penalty.value`."""
        return float(self.rho * np.abs(area - self.target).sum())

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """See `Penalty.balance`."""
        exact, limit = levels.threshold(float(self.target[0])), 2 * self.rho
        threshold = min(max(exact, -limit), limit)
        return threshold, np.array([-threshold / 2, threshold / 2])


class Quadratic(PerTissue):
    """ρ/2 ‖a − π‖²: near the proportions, and the image may pull."""

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`."""
        return (z + kappa * self.target) / (1 + kappa / self.rho)

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""
        target, shrink = self.on_device(kappa * self.target, like), 1 + kappa / self.rho
        return lambda z: (z + target) / shrink

    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""
        return float(price @ self.target - price @ price / (2 * self.rho))

    def value(self, area: Vector, price: Vector) -> float:  # noqa: ARG002 - the contract's
        """See `Penalty.value`."""
        return float(self.rho / 2 * np.square(area - self.target).sum())

    def exchange(self, share: float) -> float:
        """See `PerTissue.exchange`."""
        return 2 * self.rho * (share - float(self.target[0]))


class KullbackLeibler(PerTissue):
    """ρ KL(a‖π): near the proportions, and rare tissues are kept."""

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`: (r − z)/κ = π e^(−r/ρ) by r = z + ρ ω(log(κπ/ρ) − z/ρ)."""
        logs = np.log(np.maximum(kappa * self.target / self.rho, _TINY))
        return np.asarray(z + self.rho * wrightomega(logs - z / self.rho), dtype=np.float64)

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""
        target, rho = self.on_device(kappa * self.target, like), self.rho
        logs = (target / rho).clamp(min=_TINY).log()
        return lambda z: z + rho * _wright_omega(logs - z / rho)

    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""
        return float(self.rho * np.sum(self.target * -np.expm1(-price / self.rho)))

    def value(self, area: Vector, price: Vector) -> float:  # noqa: ARG002 - the contract's
        """See `Penalty.value`."""
        target = np.maximum(self.target, _TINY)
        return float(self.rho * np.sum(rel_entr(np.maximum(area, 0), target) - area + target))

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """See `Penalty.balance`."""
        threshold, _ = super().balance(levels)
        share = levels.share(threshold)
        area = np.array([share, 1 - share])
        return threshold, -self.rho * (np.log(area + 1e-9) - np.log(self.target + 1e-9))

    def exchange(self, share: float) -> float:
        """See `PerTissue.exchange`."""
        target = float(self.target[0])
        odds = np.log((share + 1e-9) / (1 - share + 1e-9))
        return float(self.rho * (odds - np.log((target + 1e-9) / (1 - target + 1e-9))))


def _wright_omega(y: Tensor) -> Tensor:
    """Return the ω with ω + log ω = y, of y's shape, by a fixed number of Newton's sweeps."""
    bounded = y.clamp(min=_LOWEST)
    omega = bounded.logaddexp(bounded.new_zeros(bounded.shape))
    for _ in range(_NEWTON_SWEEPS):
        omega = omega * (1 + bounded - omega.log()) / (1 + omega)
    return omega
