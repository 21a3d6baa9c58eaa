"""Stage 1's word on every pixel: the head, the pixel rule for white and the clicks together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.confidence.clicks import (
    CORRECTIVE,
    KERNEL,
    ClickKernel,
    cells_of,
    nearness,
    residual_logits,
)
from napari_vslp.confidence.colours import Colours, add_colours
from napari_vslp.confidence.head import Prior, prior_of
from napari_vslp.core.tissues import Click, Tissue, check_clicks
from napari_vslp.encoders.features import Features
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
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    start_only: bool
    uses_shares: bool
    notes: tuple[str, ...]


@torch.inference_mode()
def confidence_of(
    image: NDArray[np.uint8],
    features: Features,
    tissues: Sequence[Tissue],
    clicks: Sequence[Click] = (),
    seed: int = 0,
    *,
    kernel: ClickKernel | None = None,
    colours: Colours | None = None,
) -> Confidence:
    """Return the confidence for tissues and clicks; quick enough to follow every click.

    White background comes from the pixel rule; each other tissue has its share of the head's
    probability; clicks add their residual in each view; tissues that nothing tells apart are
    split by clusters of the typed sizes. At stride 4 the views' probabilities p_v are averaged;
    p̄ without the pixel rule is brought to full resolution and there multiplied by it, so that it
    keeps its sharpness. What the image's colours say is added last, where anything but areas told
    the tissues apart.

    Parameters
    ----------
    image : ndarray
        RGB, shape (H, W, 3), uint8: the one that `features` was made from.
    features : Features
        From `encode_image`.
    tissues : sequence of Tissue
        K of them.
    clicks : sequence of Click
        Inside the image.
    seed : int
        Of the clusters.
    kernel : ClickKernel, optional
        How far and how strongly a click speaks; by default as far as nothing else does, with
        constants that were tuned once for all images.
    colours : Colours, optional
        Of the image; without them colours do not count.

    Returns
    -------
    Confidence
        For this image.

    Raises
    ------
    VslpError
        If a click lies outside the image or names no tissue.
    """
    check_clicks(clicks, tissues, (image.shape[0], image.shape[1]))
    names = [t.name for t in tissues]
    owners = torch.tensor([names.index(c.tissue) for c in clicks], dtype=torch.int64)
    prior = prior_of(features, tissues, frozenset(owners.tolist()), seed)
    white = prior.white_on_grid((prior.views.shape[2], prior.views.shape[3]))
    views = prior.views + white
    if clicks:
        chosen = kernel or (CORRECTIVE if prior.told else KERNEL)
        views = _with_clicks(views, features, clicks, owners, chosen)
    views = views.softmax(1)
    mean = views.mean(0)
    full = _full_size((mean.log() - white).softmax(0), prior, features.shape)
    # Clusters of the typed sizes are guesses: their colours would only make them look sure.
    if colours is not None and not prior.unsplit:
        full = add_colours(full, colours, prior.is_white)
    return Confidence(
        _floored(full),
        _spread(views, mean, features.shape),
        start_only=not prior.informed and not clicks,
        uses_shares=bool(prior.unsplit),
        notes=tuple(_ask_for_clicks([names[i] for i in group]) for group in prior.unsplit),
    )


def _with_clicks(
    views: Tensor,
    features: Features,
    clicks: Sequence[Click],
    owners: Tensor,
    kernel: ClickKernel,
) -> Tensor:
    grid = (views.shape[2], views.shape[3])
    cells = cells_of(clicks, grid)
    near = nearness(cells, grid, kernel)
    pairs = zip(features.vectors, views, strict=True)
    residuals = [
        residual_logits(vectors, one, cells, owners, near, kernel=kernel) for vectors, one in pairs
    ]
    return views + torch.stack(residuals)


def _full_size(mean: Tensor, prior: Prior, shape: tuple[int, int]) -> Tensor:
    # Not in logits: between two tissues that would raise a third one.
    full = upsample(mean[None], shape)[0]
    if prior.white is not None:
        full = full * prior.white_logits(prior.white).exp_()
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


def _ask_for_clicks(names: Sequence[str]) -> str:
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Areas alone cannot tell which tissue is which: click once in each of {listed}."
