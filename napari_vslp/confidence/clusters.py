"""A start where nothing tells tissues apart: clusters of features, as large as the shares.

Areas alone cannot tell which tissue is which, so this is a start only, and ``confidence_of`` asks
for one click a tissue.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Points = NDArray[np.float64]

_SAMPLES = 1000
_ROUNDS = 8
_STARTS = 3
# A cosine of 0.6 more is one nat: a guess that stays a guess (`benchmarks/clicks.py`).
_TEMPERATURE = 0.6
_SMALLEST_SHARE = 1e-3


def balanced_clusters(
    vectors: Tensor, weight: Tensor, shares: Sequence[float | None], seed: int
) -> Tensor:
    """Return the odds of n clusters whose sizes are the shares.

    k-means with the assignment of points to centres replaced by optimal transport between the
    uniform measure on the points and the shares (`ot.emd`; Genevay et al., 2019,
    arXiv 1910.09036), the best of three starts.

    Parameters
    ----------
    vectors : Tensor
        Features of length 1, shape (d, h, w), float16.
    weight : Tensor
        Where the clusters are to be found, shape (h, w), float32 ≥ 0.
    shares : sequence of float or None
        Of the n tissues, in any unit; None where unknown.
    seed : int
        Of the sample and the starts.

    Returns
    -------
    Tensor
        Log-probabilities, shape (n, h, w), float32.
    """
    generator = np.random.default_rng(seed)
    flat = vectors.flatten(1).T.double().numpy()
    sizes = sizes_of(shares)
    odds = weight.flatten().double().numpy() + 1e-9
    count = min(_SAMPLES, len(flat))
    points = flat[generator.choice(len(flat), count, replace=False, p=odds / odds.sum())]
    tried = [_cluster(points, sizes, generator) for _ in range(_STARTS)]
    centres = min(tried, key=lambda one: one[0])[1]
    cosines = torch.from_numpy((flat @ centres.T).T).float()
    return (cosines / _TEMPERATURE).log_softmax(0).view(-1, *vectors.shape[1:])


def sizes_of(shares: Sequence[float | None]) -> Points:
    """Return positive sizes that sum to one; unknown shares take what the known ones leave."""
    known = sum(share for share in shares if share is not None)
    unknown = sum(share is None for share in shares)
    rest = max(0.0, 1 - known) / max(1, unknown)
    sizes = np.array([rest if share is None else share for share in shares], dtype=np.float64)
    sizes = np.maximum(sizes, _SMALLEST_SHARE)
    whole: Points = sizes / sizes.sum()
    return whole


def _cluster(points: Points, sizes: Points, generator: np.random.Generator) -> tuple[float, Points]:
    """Return the transport cost and the unit centres (n, d) from one random start."""
    import ot

    uniform = np.full(len(points), 1 / len(points))
    centres, cost = _far_apart(points, len(sizes), generator), np.inf
    for _ in range(_ROUNDS):
        costs = 1 - points @ centres.T
        plan = np.asarray(ot.emd(uniform, sizes, costs))
        cost = float((plan * costs).sum())
        centres = plan.T @ points
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    return cost, centres


def _far_apart(points: Points, count: int, generator: np.random.Generator) -> Points:
    """Choose points far from each other (k-means++; Arthur and Vassilvitskii, SODA 2007)."""
    chosen = [points[generator.integers(len(points))]]
    for _ in range(count - 1):
        distance = np.clip(1 - points @ np.stack(chosen).T, 0, None).min(axis=1) + 1e-9
        chosen.append(points[generator.choice(len(points), p=distance / distance.sum())])
    return np.stack(chosen)
