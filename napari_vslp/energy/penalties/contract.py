"""What a proportion penalty M·F(a(u)) is, and what all that are sums over the tissues share.

All vectors are float64, of as many entries as there are dual variables: one a tissue, so that the
whole transport has only K unknowns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.proportions import nearest_shares
from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.tissues import Tissue

if TYPE_CHECKING:
    from torch import Tensor

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
TensorStep = Callable[["Tensor"], "Tensor"]


class LevelSets(Protocol):
    """The segmentations {w > s} of two tissues, as `Penalty.balance` looks at them."""

    @property
    def ordered(self) -> NDArray[np.float32]:
        """W of the tissue pixels, ascending (nats)."""

    def share(self, threshold: float) -> float:
        """Return the first tissue's share at a threshold s (nats): it falls as s grows."""

    def threshold(self, share: float) -> float:
        """Return the s at which the first tissue has that share."""


class Penalty(Protocol):
    """How strongly the typed proportions bind the areas a(u), and the dual prices φ that result.

    F(a) = sup_φ D(φ) − φ·a with D(φ) = −F*(−φ), F convex. A price is positive where the image
    holds less of a tissue than was asked, negative where it holds more. `step` and `dual` take
    the whole vector, so that a penalty may couple tissues.

    Notes
    -----
    docs/energy.md, "The functional"; Chambolle & Pock, "An introduction to continuous
    optimization for imaging" (2016), section 3.
    """

    # Whether the typed numbers matter at all, and so have to add up to 100 %.
    uses_shares: ClassVar[bool]

    @classmethod
    def of(cls, low: Vector, high: Vector, typed: Vector, rho: float) -> Penalty:
        """Return the penalty of what was typed.

        Parameters
        ----------
        low, high
            (K,) intervals, in [0, 1].
        typed
            (K,) fractions; NaN where a tissue's share is unknown.
        rho
            ρ > 0, the strength (nats).
        """

    @property
    def target(self) -> Vector:
        """π, the (K,) proportions asked for; they sum to 1."""

    def asked(self) -> tuple[Vector, Vector]:
        """Return the (K,) lowest and highest shares that were asked for, bound to or not."""

    def bounds(self) -> tuple[Vector, Vector]:
        """Return the (K,) lowest and highest shares that the labels themselves must keep.

        A tissue whose highest share is 0 is left out of the problem.
        """

    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """Return the proximal step argmax_r D(r) − |r − z|²/2κ, of z's shape (nats)."""

    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """Return `step` on tensors, with everything on one device and nothing read back.

        Parameters
        ----------
        kappa
            κ, fixed for the whole solve.
        like
            A tensor whose device and dtype the prices have.
        """

    def dual(self, price: Vector) -> float:
        """Return D(φ) = −F*(−φ) for a feasible price φ (nats per px)."""

    def value(self, area: Vector, price: Vector) -> float:
        """Return F(a) (nats per px); where F is a constraint, its exact penalty |φ|·violation.

        The penalty's weight is the present price, the least for which constraint and penalty
        have the same solutions.
        """

    def gap(self, area: Vector, price: Vector) -> float:
        """Return F(a) − D(φ) + φ·a ≥ 0, the Fenchel–Young gap of the proportions (nats per px)."""

    def violations(self, area: Vector) -> Vector:
        """Return how far the areas lie outside what a constraint allows (fractions)."""

    def keep(self, kept: Mask) -> Penalty:
        """Return the penalty of the kept tissues alone, (K,) bool."""

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """Return the optimal s of two tissues' level sets {w > s}, and prices with φ₁ − φ₂ = −s.

        The optimal s is where the slope of F at the share of {w > s} balances it; the share
        falls and so that slope falls as s grows. It need be no more than a good start.
        """


@dataclass(frozen=True)
class PerTissue(ABC):
    """A `Penalty` that is a sum over the tissues; a subclass says at least its step and its dual.

    Attributes
    ----------
    low, high
        (K,) intervals, in [0, 1].
    target
        (K,) π, summing to 1 (nearest point of the intervals to the typed values).
    rho
        ρ > 0 (nats).
    """

    low: Vector
    high: Vector
    target: Vector
    rho: float = 1.0

    uses_shares: ClassVar[bool] = True

    @classmethod
    def of(cls, low: Vector, high: Vector, typed: Vector, rho: float) -> Penalty:
        """See `Penalty.of`."""
        return cls(low, high, nearest_target(typed, low, high), rho)

    def asked(self) -> tuple[Vector, Vector]:
        """See `Penalty.asked`."""
        return self.low, self.high

    def bounds(self) -> tuple[Vector, Vector]:
        """See `Penalty.bounds`: any share, unless the penalty is a constraint."""
        return np.zeros_like(self.low), np.ones_like(self.high)

    @abstractmethod
    def step(self, z: Vector, kappa: float | Vector) -> Vector:
        """See `Penalty.step`."""

    @abstractmethod
    def step_on_device(self, kappa: float, like: Tensor) -> TensorStep:
        """See `Penalty.step_on_device`."""

    @abstractmethod
    def dual(self, price: Vector) -> float:
        """See `Penalty.dual`."""

    def value(self, area: Vector, price: Vector) -> float:
        """See `Penalty.value`: the exact penalty of a constraint."""
        return float(np.abs(price) @ self.violations(area))

    def gap(self, area: Vector, price: Vector) -> float:
        """See `Penalty.gap`."""
        return max(0.0, self.value(area, price) - self.dual(price) + float(price @ area))

    def violations(self, area: Vector) -> Vector:
        """See `Penalty.violations`: none, unless the penalty is a constraint."""
        return np.zeros_like(area)

    def keep(self, kept: Mask) -> Self:
        """See `Penalty.keep`."""
        low, high, target = self.low[kept], self.high[kept], self.target[kept]
        return replace(self, low=low, high=high, target=target)

    def balance(self, levels: LevelSets) -> tuple[float, Vector]:
        """See `Penalty.balance`: by bisection on the slope of F."""
        below, above = float(levels.ordered[0]) - 1, float(levels.ordered[-1]) + 1
        for _ in range(60):
            middle = (below + above) / 2
            if middle < self.exchange(levels.share(middle)):
                below = middle
            else:
                above = middle
        threshold = (below + above) / 2
        return threshold, np.array([-threshold / 2, threshold / 2])

    def exchange(self, share: float) -> float:
        """Return dF(a, 1 − a)/da at a = share, for two tissues (nats), from differences of F."""
        first, second = max(share - 1e-4, 0.0), min(share + 1e-4, 1.0)
        free = np.zeros(2)
        rise = self.value(np.array([second, 1 - second]), free)
        rise -= self.value(np.array([first, 1 - first]), free)
        return rise / (second - first)

    def on_device(self, values: Vector, like: Tensor) -> Tensor:
        """Return a vector of the penalty as a tensor of the same device and dtype as another."""
        import torch

        return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def penalty_of(tissues: tuple[Tissue, ...], name: str, rho: float) -> Penalty:
    """Return the proportion penalty of that name for a table of tissues.

    Raises
    ------
    VslpError
        If no penalty of that name is registered.
    """
    low = np.array([t.interval[0] for t in tissues])
    high = np.array([t.interval[1] for t in tissues])
    typed = np.array([np.nan if t.value is None else t.value for t in tissues])
    found: Penalty = PENALTIES.get(name).of(low, high, typed, rho)
    return found


def nearest_target(typed: Vector, low: Vector, high: Vector) -> Vector:
    """Return the proportions that sum to 1 inside the intervals and are nearest to those typed.

    Unknown values are passed as NaN and share what the others leave.

    Parameters
    ----------
    typed, low, high
        (K,) fractions.
    """
    known = np.where(np.isnan(typed), 0.0, typed)
    unknown = np.isnan(typed)
    if unknown.any():
        known[unknown] = max(0.0, 1 - known.sum()) / unknown.sum()
    return nearest_shares(known, low, high)
