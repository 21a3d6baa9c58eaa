"""What is known before any click: the head's tissues, white background, clusters as a last resort.

Tissues that mean the same to the head (or to the pixel rule) form a group and share its
probability; only clicks, or else clusters, tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from napari_vslp.confidence.clusters import balanced_clusters
from napari_vslp.confidence.names import WHITE, Meaning, match_tissues
from napari_vslp.core.tissues import Tissue
from napari_vslp.encoders.features import Features
from napari_vslp.encoders.tiling import STRIDE

# The head and the pixel rule are believed up to these odds, so that a click can overrule them.
_LEAST = 1e-3
# By how much the only unclicked tissue of a group leads where nothing looks like a click (nats).
_UNCLICKED = 1.0


@dataclass(frozen=True)
class Prior:
    """Logits before any click.

    Attributes
    ----------
    views
        (V, K, h, w) float32 at stride 4, white background not yet regarded.
    is_white
        (K,) bool: which tissues are white background.
    white
        (H, W) float32: how surely white; None where no tissue is white background.
    unsplit
        Groups of at least two tissues that nothing but clusters tells apart.
    informed
        Whether the head or the pixel rule tells any tissues apart.
    told
        Whether a trained head, with the pixel rule, tells all of them apart.
    """

    views: Tensor
    is_white: Tensor
    white: Tensor | None
    unsplit: tuple[tuple[int, ...], ...]
    informed: bool
    told: bool = False

    def white_logits(self, white: Tensor) -> Tensor:
        """Return log w for white tissues and log (1 − w) for others, shape (K, …)."""
        return torch.where(
            self.is_white.view(-1, *[1] * white.ndim), white.log(), torch.log1p(-white)
        )

    def white_on_grid(self, grid: tuple[int, int]) -> Tensor:
        """Return the pixel rule's logits at stride 4, shape (K, h, w), or zeros of that shape."""
        if self.white is None:
            return torch.zeros(len(self.is_white), *grid)
        # The last cells may reach beyond the image.
        below, right = (grid[i] * STRIDE - self.white.shape[i] for i in range(2))
        padded = functional.pad(self.white[None, None], (0, right, 0, below), "replicate")
        return self.white_logits(functional.avg_pool2d(padded, STRIDE)[0, 0])


def prior_of(
    features: Features, tissues: Sequence[Tissue], clicked: frozenset[int], seed: int
) -> Prior:
    """Return what is known of the tissues before any click.

    Parameters
    ----------
    features : Features
        From `encode_image`.
    tissues : sequence of Tissue
        K of them.
    clicked : frozenset of int
        Indices of tissues with clicks: no clusters are needed for these.
    seed : int
        Of the clusters.
    """
    meanings = match_tissues([t.name for t in tissues], features.head_tissues)
    groups = _groups(meanings)
    white = None
    if WHITE in groups:
        white = torch.from_numpy(features.white).float().clamp(_LEAST, 1 - _LEAST)
    views = _head_logits(features, groups, len(tissues))
    is_white = torch.tensor([meaning == WHITE for meaning in meanings])
    told = _head_tells(features, groups) and all(len(group) == 1 for group in groups.values())
    prior = Prior(views, is_white, white, (), informed=len(groups) > 1, told=told)
    weights = (views + prior.white_on_grid((views.shape[2], views.shape[3]))).softmax(1).mean(0)
    unsplit = []
    for group in groups.values():
        free = [i for i in group if i not in clicked]
        if len(free) > 1:
            unsplit.append(tuple(free))
            shares = [tissues[i].value for i in free]
            split = balanced_clusters(features.vectors[0], weights[free].sum(0), shares, seed)
            views[:, free] += split + torch.log(torch.tensor(float(len(free))))
        elif len(free) == 1 and len(group) > 1:
            views[:, free] += _UNCLICKED
    return replace(prior, unsplit=tuple(unsplit))


def _groups(meanings: Sequence[Meaning]) -> dict[Meaning, list[int]]:
    groups: dict[Meaning, list[int]] = {}
    for index, meaning in enumerate(meanings):
        groups.setdefault(meaning, []).append(index)
    return groups


def _head_logits(features: Features, groups: dict[Meaning, list[int]], count: int) -> Tensor:
    """Return the head's log-probabilities, shared in each group, shape (V, K, h, w)."""
    shape = features.vectors.shape
    logits = torch.zeros(shape[0], count, *shape[2:])
    for meaning, group in groups.items():
        if _head_tells(features, groups) and features.head is not None and meaning != WHITE:
            logits[:, group] = _log_head(features.head, meaning)[:, None]
        logits[:, group] -= torch.log(torch.tensor(float(len(group))))
    return logits


def _head_tells(features: Features, groups: dict[Meaning, list[int]]) -> bool:
    """Whether there is a head and it has more than one thing to say of these tissues."""
    return features.head is not None and len([m for m in groups if m != WHITE]) > 1


def _log_head(head: Tensor, meaning: Meaning) -> Tensor:
    if isinstance(meaning, int):
        return head[:, meaning].float().clamp_min(_LEAST).log()
    # A tissue that the head does not know is as likely anywhere as one class in K is on average.
    return torch.full_like(head[:, 0], 1 / head.shape[1], dtype=torch.float32).log()
