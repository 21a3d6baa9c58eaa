"""Algebra of proportions: points of the simplex {p ≥ 0, Σ p = 1}, boxes on it, whole counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Shares = NDArray[np.float64]
# Halving a bracket of a few units this often leaves less than a double can tell.
_HALVINGS = 64


def nearest_shares(reached: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Shares:
    """Project points onto {lower ≤ p ≤ upper, Σ p = 1}, the nearest ones in Euclid's sense.

    The projection is clip(reached − τ, lower, upper) with the one shift τ at which the shares
    sum to one; the sum falls with τ, so that τ is found by bisection.

    Parameters
    ----------
    reached : array_like
        Shape (…, K), any real numbers.
    lower, upper : array_like
        Broadcast against `reached`; lower ≤ upper and Σ lower ≤ 1 ≤ Σ upper in every row.

    Returns
    -------
    ndarray
        Shape (…, K), float64, each row summing to one.
    """
    points, low, high = np.broadcast_arrays(
        *(np.asarray(one, np.float64) for one in (reached, lower, upper))
    )
    # At the first shift every share is at its highest, at the second at its lowest.
    before = (points - high).min(axis=-1, keepdims=True)
    after = (points - low).max(axis=-1, keepdims=True)
    for _ in range(_HALVINGS):
        middle = (before + after) / 2
        too_much = np.clip(points - middle, low, high).sum(axis=-1, keepdims=True) > 1
        before = np.where(too_much, middle, before)
        after = np.where(too_much, after, middle)
    return np.asarray(np.clip(points - (before + after) / 2, low, high))


def tighten(lower: ArrayLike, upper: ArrayLike) -> tuple[Shares, Shares]:
    """Shrink intervals to the shares that are possible where all of them sum to one.

    Parameters
    ----------
    lower, upper : array_like
        Shape (…, K), in [0, 1]. Rows that miss one, Σ lower > 1 or Σ upper < 1, are taken for
        rounded and are scaled to it first.

    Returns
    -------
    tuple of ndarray
        Lowest and highest shares, shape (…, K), float64.
    """
    low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    low = low / np.maximum(low.sum(axis=-1, keepdims=True), 1)
    total = high.sum(axis=-1, keepdims=True)
    # Highest shares of nothing but zeros cannot be scaled to anything.
    high = high / np.where(total > 0, np.minimum(total, 1), 1)
    least = 1 - (high.sum(axis=-1, keepdims=True) - high)
    most = 1 - (low.sum(axis=-1, keepdims=True) - low)
    tight_low, tight_high = np.maximum(low, least), np.minimum(high, most)
    # Rounding may leave the two ends of a point the wrong way round, by 1e-16.
    middle = (tight_low + tight_high) / 2
    return np.minimum(tight_low, middle), np.maximum(tight_high, middle)


def largest_remainder(proportions: Shares, total: int) -> NDArray[np.int64]:
    """Round proportions to whole numbers of a sum, by the method of largest remainders.

    Parameters
    ----------
    proportions : ndarray
        Shape (K,), non-negative, not all zero.
    total : int
        What is shared out, such as a number of pixels.

    Returns
    -------
    ndarray
        Counts, shape (K,), int64, summing to `total`, each within one of its exact share.
    """
    exact = proportions / proportions.sum() * total
    counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts
