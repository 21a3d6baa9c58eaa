"""Stage one: small heads on frozen shallow features, taught by proportions alone.

Shallow features see texture but not the whole image, so a head on them cannot explain a
proportion other than by finding the tissue: deep features can, and stay at the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.progress import Job
from napari_vslp.learning.contract import Event
from napari_vslp.learning.proportions.learner import ShallowRecipe
from napari_vslp.learning.proportions.losses import (
    Bounds,
    assign_labels,
    bag_cross_entropy,
    mean_proportions,
    nearest_within,
    transport_loss,
)


@dataclass(frozen=True)
class TrainedHead:
    """A head with the transport loss that ranks it among other seeds."""

    head: nn.Module
    seed: int
    loss: float


def make_head(channels: int, tissues: int, hidden: int) -> nn.Module:
    """Return a perceptron with two hidden layers that looks at one pixel at a time.

    Parameters
    ----------
    channels, tissues, hidden : int
        Numbers of input features, of tissues K and of hidden units.

    Returns
    -------
    torch.nn.Module
        Maps (N, C, H, W) to logits (N, K, H, W).
    """
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, tissues, 1),
    )


def normalise_per_image(features: Tensor, tissue: Tensor | None = None) -> Tensor:
    """Centre and scale each channel of each image, which takes stain and light out.

    Parameters
    ----------
    features : Tensor
        Shape (N, C, H, W), floating point.
    tissue : Tensor, optional
        Shape (N, H, W), boolean: the cells that mean and deviation are taken over.

    Returns
    -------
    Tensor
        Same shape, mean 0 and standard deviation 1 over those cells of each image and channel.
    """
    if tissue is None or bool(tissue.all()):
        spread, mean = torch.std_mean(features, dim=(2, 3), keepdim=True)
        return (features - mean) / (spread + 1e-5)
    weight = tissue[:, None].to(features.dtype)
    count = weight.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    mean = (features * weight).sum(dim=(2, 3), keepdim=True) / count
    variance = ((features - mean).square() * weight).sum(dim=(2, 3), keepdim=True) / count
    return (features - mean) / (variance.sqrt() + 1e-5)


def shallow_features(stem: Any, images: Tensor, tissue: Tensor | None = None) -> Tensor:  # noqa: ANN401
    """Return the stem's maps at strides 4 and 8, normalised per image, at stride 4.

    Parameters
    ----------
    stem : torch.nn.Module
        Gives maps at strides 4, 8, …, for example from ``make_stem``; in evaluation mode.
    images : Tensor
        Normalised images, shape (N, 3, H, W), sides divisible by 4.
    tissue : Tensor, optional
        Shape (N, H/4, W/4), boolean, as in :func:`normalise_per_image`.

    Returns
    -------
    Tensor
        Shape (N, C₄ + C₈, H/4, W/4), float16 (half the memory, and finer than needed).
    """
    with torch.no_grad():
        fine, coarse = stem(images)[:2]
        coarse = functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")
        return normalise_per_image(torch.cat([fine, coarse], dim=1), tissue).half()


def train_head(
    features: Tensor,
    bounds: Bounds,
    seed: int,
    recipe: ShallowRecipe | None = None,
    job: Job | None = None,
) -> TrainedHead:
    """Train one head: first the bag loss alone, then half of it and half its own transport labels.

    Transport labels from the first epoch would lock in whatever the random start prefers.

    Parameters
    ----------
    features : Tensor
        Shape (N, C, H, W), float16 or float32, from :func:`shallow_features`.
    bounds : tuple of Tensor
        Lowest and highest shares, each (N, K), float32.
    seed : int
        Fixes the start and the order of the images.
    recipe : ShallowRecipe, optional
        Sizes and rates.
    job : Job, optional
        Looked at before every step, told after every epoch.

    Returns
    -------
    TrainedHead
        The head with its mean transport loss in the last epoch.

    Raises
    ------
    Cancelled
        If the job is told to stop.
    """
    recipe, job = recipe or ShallowRecipe(), job or Job()
    torch.manual_seed(seed)
    head = make_head(features.shape[1], bounds[0].shape[1], recipe.hidden).to(features.device)
    a_pass = -(-len(features) // recipe.batch)
    bag_epochs = max(recipe.bag_epochs, -(-recipe.least_steps // a_pass))
    epochs = bag_epochs + max(recipe.mixed_epochs, -(-recipe.least_steps // a_pass))
    steps = a_pass * epochs
    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps)
    for epoch in range(epochs):
        share = recipe.transport_share if epoch >= bag_epochs else 0.0
        for rows in torch.randperm(len(features)).split(recipe.batch):
            job.check()
            loss = _loss(head(features[rows].float()), _rows(bounds, rows), share)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        stage = f"Telling tissues apart, try {seed + 1}"
        job.report(Event(stage=stage, fraction=(epoch + 1) / epochs, kind="labels"))
    return TrainedHead(head.eval(), seed, _mean_transport_loss(head, features, bounds))


def select_heads(heads: Sequence[TrainedHead], keep: int) -> list[TrainedHead]:
    """Return the heads of lowest transport loss, which tells bad seeds without any mask.

    Parameters
    ----------
    heads : sequence of TrainedHead
        One per seed.
    keep : int
        How many to keep.

    Returns
    -------
    list of TrainedHead
        The best ``keep``, best first.
    """
    return sorted(heads, key=lambda one: one.loss)[:keep]


def ensemble_scores(heads: Sequence[TrainedHead], features: Tensor) -> Tensor:
    """Average the log-probabilities of several heads.

    Parameters
    ----------
    heads : sequence of TrainedHead
        From :func:`select_heads`.
    features : Tensor
        Shape (N, C, H, W).

    Returns
    -------
    Tensor
        Scores, shape (N, K, H, W), float32.
    """
    with torch.no_grad():
        maps = [one.head(features.float()).log_softmax(dim=1) for one in heads]
        return torch.stack(maps).mean(dim=0)


def _rows(bounds: Bounds, rows: Tensor) -> Bounds:
    return bounds[0][rows], bounds[1][rows]


def _loss(logits: Tensor, bounds: Bounds, transport_share: float) -> Tensor:
    reached = mean_proportions(logits.softmax(dim=1))
    # Inside its interval a share is right as it is, and its loss has no gradient.
    asked = nearest_within(reached.detach(), bounds)
    loss = bag_cross_entropy(reached, asked)
    if transport_share == 0.0:
        return loss
    labels = assign_labels(logits, asked)
    return (1 - transport_share) * loss + transport_share * functional.cross_entropy(logits, labels)


def _mean_transport_loss(head: nn.Module, features: Tensor, bounds: Bounds) -> float:
    losses = []
    with torch.no_grad():
        for rows in torch.arange(len(features)).split(64):
            logits = head(features[rows].float())
            reached = mean_proportions(logits.softmax(dim=1))
            asked = nearest_within(reached, _rows(bounds, rows))
            losses.append(transport_loss(logits, asked).item())
    return sum(losses) / len(losses)
