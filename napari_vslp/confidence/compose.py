"""Stage 1's word on every pixel: all sources of confidence, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.confidence.contract import ConfidenceSource, Context, Evidence
from napari_vslp.core.registries import SOURCES
from napari_vslp.core.segmentation import EvidenceMap
from napari_vslp.core.tissues import check_clicks
from napari_vslp.encoders.tiling import upsample

FLOOR = 1e-4


@dataclass(frozen=True)
class Confidence:
    """How likely each pixel belongs to each of K tissues.

    Attributes
    ----------
    mean
        (K, H, W) float32 in the simplex, at least 1e-4: averaged over the augmented views.
    spread
        (H, W) float32 in [0, 1]: how much the views differ; 0 with one view.
    start_only
        True where nothing but areas tells any tissues apart.
    uses_shares
        True where the typed shares shaped it, as the sizes of clusters.
    notes
        Sentences the user should read.
    maps
        What sources show beside their word.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    start_only: bool
    uses_shares: bool
    notes: tuple[str, ...]
    maps: dict[str, EvidenceMap]


def active_sources(context: Context) -> tuple[ConfidenceSource, ...]:
    """Return the sources that have a word to say, in order."""
    sources = (kind() for kind in SOURCES)
    return tuple(source for source in sources if source.active(context))


@torch.inference_mode()
def confidence_of(context: Context) -> Confidence:
    """Return what all sources say together; quick enough to follow every click.

    On the grid at stride 4 the logits of each view are summed up and the views' probabilities p_v
    averaged; p̄, without what single pixels know better, is brought to full resolution and there
    multiplied by that, so that it keeps its sharpness. Then the sources on the image speak.

    Raises
    ------
    VslpError
        If a click lies outside the image or names no tissue.
    """
    check_clicks(context.clicks, context.tissues, context.embedding.shape)
    sources = active_sources(context)
    views, words = _on_grid(context, sources)
    probabilities = views.softmax(1)
    mean = probabilities.mean(0)
    full = _full_size(mean, words, context.embedding.shape)
    for source in (one for one in sources if one.level == "image"):
        word = source(full, context)
        words.append(word)
        full = word.belief
    return Confidence(
        _floored(full),
        _spread(probabilities, mean, context.embedding.shape),
        start_only=not context.informed and not context.clicks,
        uses_shares=bool(context.unsplit),
        notes=tuple(note for word in words for note in word.notes),
        maps={name: one for word in words for name, one in word.maps.items()},
    )


def _on_grid(
    context: Context, sources: tuple[ConfidenceSource, ...]
) -> tuple[Tensor, list[Evidence]]:
    belief = torch.zeros(context.embedding.views, len(context.tissues), *context.grid)
    words = []
    for source in (one for one in sources if one.level == "grid"):
        words.append(source(belief, context))
        belief = words[-1].belief
    return belief, words


def _full_size(mean: Tensor, words: list[Evidence], shape: tuple[int, int]) -> Tensor:
    logits = mean.log()
    for word in words:
        if word.coarse is not None:
            logits = logits - word.coarse
    # Not in logits: between two tissues that would raise a third one.
    full = upsample(logits.softmax(0)[None], shape)[0]
    for word in words:
        if word.sharp is not None:
            full = full * word.sharp.exp()
            full /= full.sum(0)
    return full


def _floored(full: Tensor) -> NDArray[np.float32]:
    # Mixing with the uniform distribution keeps the floor and the simplex at once.
    mixed = full * (1 - len(full) * FLOOR) + FLOOR
    return np.ascontiguousarray(mixed.numpy())


def _spread(views: Tensor, mean: Tensor, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return √(Σ_k Var_v p_k · K/(K−1)): 1 where the views are sure of all tissues in turn."""
    variance = (views - mean).square_().mean(0).sum(0)
    count = mean.shape[0]
    spread = (variance * (count / max(1, count - 1))).sqrt_().clamp_(0, 1)
    return np.ascontiguousarray(upsample(spread[None, None], shape)[0, 0].numpy())
