"""Penalties that hold the proportions exactly, within their intervals, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_vslp.energy.penalties.contract import (
    LevelSets,
    Penalty,
    PerTissue,
    TensorStep,
    Vector,
    nearest_target,
)

if TYPE_CHECKING:
    from torch import Tensor


class Measured(PerTissue):
    """a = π: the proportions are met exactly."""

    @classmethod
    def of(cls, low: Vector, high: Vector, typed: Vector, rho: float) -> Penalty:
        """See `Penalty.of`: with unknown tissues the known ones are met, as narrow intervals."""
        unknown = np.isnan(typed)
        if not unknown.any():
            return cls(low, high, typed / typed.sum() if typed.sum() > 0 else typed, rho)
        target = nearest_target(typed, low, high)
        exact = np.where(unknown, 0.0, typed), np.where(unknown, 1.0, typed)
        return Interval(*exact, target, rho)

    def asked(self) -> tuple[Vector, Vector]:
        """See `Penalty.asked`."""
        return self.target, self.target

    def bounds(self) -> tuple[Vector, Vector]:
        """See `Penalty.bounds`."""
        return self.target, self.target

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`."""
        return z + kappa * self.target

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""
        target = self.on_device(kappa * self.target, like)
        return lambda z: z + target

    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""
        return float(price @ self.target)

    def violations(self, area: Vector) -> Vector:
        """See `Penalty.violations`."""
        return np.abs(area - self.target)

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """See `Penalty.balance`."""
        threshold = levels.threshold(float(self.target[0]))
        return threshold, np.array([-threshold / 2, threshold / 2])


class Interval(PerTissue):
    """lo ≤ a ≤ hi: each proportion stays within its interval."""

    def bounds(self) -> tuple[Vector, Vector]:
        """See `Penalty.bounds`."""
        return self.low, self.high

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`."""
        return np.maximum(z + kappa * self.low, 0) + np.minimum(z + kappa * self.high, 0)

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""
        low, high = (self.on_device(kappa * end, like) for end in (self.low, self.high))
        return lambda z: (z + low).clamp(min=0) + (z + high).clamp(max=0)

    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""
        return float(np.sum(np.where(price > 0, self.low, self.high) * price))

    def violations(self, area: Vector) -> Vector:
        """See `Penalty.violations`."""
        return np.maximum(0, np.maximum(self.low - area, area - self.high))

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """See `Penalty.balance`; only the bound that binds has a price: the other tissue's is 0."""
        lowest = max(float(self.low[0]), 1 - float(self.high[1]))
        highest = min(float(self.high[0]), 1 - float(self.low[1]))
        threshold = levels.threshold(min(max(levels.share(0.0), lowest), highest))
        if threshold < 0:
            first_binds = self.low[0] >= 1 - self.high[1]
        else:
            first_binds = self.high[0] <= 1 - self.low[1]
        price = [-threshold, 0.0] if first_binds else [0.0, threshold]
        return threshold, np.array(price)


class Free(PerTissue):
    """0: the proportions are ignored."""

    uses_shares: ClassVar[bool] = False

    def step(self, z: Vector, kappa: float | Vector) -> Vector:  # noqa: ARG002 - the contract's
        """See `Penalty.step`."""
        return np.zeros_like(z)

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:  # noqa: ARG002 - likewise
        """See `Penalty.step_on_device`."""
        return lambda z: z.new_zeros(z.shape)

    def dual(self, price: Vector) -> float:  # noqa: ARG002 - likewise
        """See `Penalty.dual`."""
        return 0.0

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:  # noqa: ARG002 - likewise
        """See `Penalty.balance`."""
        return 0.0, np.zeros(2)
