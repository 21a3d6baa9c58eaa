"""How far a mean over images would move with other images: bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; the bounds are NaN where there is only one case."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain JSON values: None for NaN."""
        pairs = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: None if math.isnan(value) else value for name, value in pairs.items()}


class Bootstrap:
    """Percentile intervals of means, all from the same resamples.

    Whole cases are drawn, since images of one case are no independent witnesses: Efron and
    Tibshirani, "An introduction to the bootstrap" (1993), chapters 8 and 13; Davison and Hinkley,
    "Bootstrap methods and their application" (1997), section 3.8.

    Parameters
    ----------
    cases
        N names: which case each image is of.
    seed
        Of the draws.
    """

    def __init__(self, cases: Sequence[str], seed: int, resamples: int = RESAMPLES) -> None:
        names, self._case = np.unique(np.asarray(cases, dtype=str), return_inverse=True)
        self.cases = len(names)
        draws = np.random.default_rng(seed).integers(0, self.cases, (resamples, self.cases))
        # How often each image occurs in each resample.
        drawn = np.stack([np.bincount(draw, minlength=self.cases) for draw in draws])
        self._weights: NDArray[np.float64] = drawn[:, self._case].astype(np.float64)

    def interval(self, values: NDArray[np.float64]) -> Interval:
        """Return the mean of one figure over the N images, with its interval."""
        mean = float(np.mean(values))
        if self.cases < 2 or math.isnan(mean):
            return Interval(mean, math.nan, math.nan)
        means = self._weights @ values / self._weights.sum(1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(mean, float(low), float(high))
