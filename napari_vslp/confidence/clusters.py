"""A start where nothing tells tissues apart: clusters of features, as large as the shares.

Areas alone cannot tell which tissue is which, so this is a start only, and ``confidence_of`` asks
for one click a tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.confidence.contract import Context, Evidence, Need
from napari_vslp.confidence.white import white_on_grid

Points = NDArray[np.float64]

_SAMPLES = 1000
_ROUNDS = 8
_STARTS = 3
# A cosine of 0.6 more is one nat: a guess that stays a guess (`benchmarks/clicks.py`).
_TEMPERATURE = 0.6
_SMALLEST_SHARE = 1e-3
# By how much the only unclicked tissue of a group leads where nothing looks like a click (nats).
_UNCLICKED = 1.0


class Clusters:
    """A start for tissues that nothing else tells apart; a click in each makes it superfluous."""

    name = "clusters"
    level: Literal["grid"] = "grid"
    needs: frozenset[Need] = frozenset({"proportions"})

    def active(self, context: Context) -> bool:
        """Where some tissues of one meaning have no click."""
        return bool(context.unsplit) or bool(_left_over(context))

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the belief with the clusters' log-odds in each group that nothing splits."""
        weights = (belief + white_on_grid(context)).softmax(1).mean(0)
        vectors, seed = context.embedding.vectors[0], context.settings.seed
        for group in context.unsplit:
            free = list(group)
            shares = [context.tissues[i].value for i in free]
            split = balanced_clusters(vectors, weights[free].sum(0), shares, seed)
            belief[:, free] += split + torch.log(torch.tensor(float(len(free))))
        for one in _left_over(context):
            belief[:, [one]] += _UNCLICKED
        names = [[context.tissues[i].name for i in group] for group in context.unsplit]
        return Evidence(belief, notes=tuple(_ask_for_clicks(group) for group in names))


def _left_over(context: Context) -> list[int]:
    """Return the tissues that alone of their group have no click."""
    clicked = set(context.owners.tolist())
    free = [[i for i in group if i not in clicked] for group in context.groups.values()]
    sizes = [len(group) for group in context.groups.values()]
    return [f[0] for f, size in zip(free, sizes, strict=True) if len(f) == 1 and size > 1]


def _ask_for_clicks(names: Sequence[str]) -> str:
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Areas alone cannot tell which tissue is which: click once in each of {listed}."


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
