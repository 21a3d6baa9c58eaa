"""A term of the energy: the first tissue is drawn to where it is expected, on the left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_vslp.core.options import option


@dataclass(frozen=True)
class LeftOptions:
    """How strongly it draws."""

    weight: float = option(
        0.0,
        "Expected on the left",
        "How strongly the first tissue is drawn to the left",
        flag="--weight",
        low=0.0,
        high=100.0,
    )


class BoundLeft:
    """R(u) = w/2 Σ_x m (u_1 − q)², q falling from 1 on the left to 0 on the right."""

    notes = ("The first tissue was expected on the left.",)

    def __init__(self, mask, weight):
        self._mask, self._weight = mask, np.float32(weight)
        self._prior = np.linspace(1, 0, mask.shape[1], dtype=np.float32)

    def value(self, u):
        return self._weight / 2 * self._mask * (u[0] - self._prior) ** 2

    def value_and_gradient(self, u):
        gradient = np.zeros_like(u)
        gradient[0] = self._weight * self._mask * (u[0] - self._prior)
        return self.value(u), gradient


class Left:
    """A smooth quadratic attraction to a map given beforehand."""

    name = "left"
    title = "doubt: place"
    Options = LeftOptions

    def active(self, settings):
        return settings.of(self.name, LeftOptions).weight > 0

    def bind(self, context):
        return BoundLeft(context.mask, context.settings.of(self.name, LeftOptions).weight)
