"""Between the stages: how scores are smoothed, and averaged over flips and turns."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_TURNS: tuple[tuple[int, list[int]], ...] = (
    *((0, []), (1, [3]), (2, []), (3, [3])),
    *((0, [3]), (1, []), (2, [3]), (3, [])),
)


def smooth(scores: Tensor, sigma: float) -> Tensor:
    """Blur maps with a Gaussian, mirrored at the border.

    Parameters
    ----------
    scores : Tensor
        Shape (N, K, H, W), float32.
    sigma : float
        Standard deviation in pixels of the maps.

    Returns
    -------
    Tensor
        Same shape.
    """
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    flat = scores.flatten(0, 1)[:, None]
    # A reflection cannot be longer than the map itself.
    mode = "reflect" if reach < min(flat.shape[-2:]) else "replicate"
    flat = functional.pad(flat, (reach, reach, reach, reach), mode=mode)
    flat = functional.conv2d(flat, kernel[None, None, None, :])
    flat = functional.conv2d(flat, kernel[None, None, :, None])
    return flat.reshape(scores.shape)


def turned_scores(network: nn.Module, images: Tensor, views: int = 8) -> Tensor:
    """Average a network's log-probabilities over flips and quarter turns.

    Parameters
    ----------
    network : torch.nn.Module
        Maps images to logits (N, K, H/4, W/4); in evaluation mode.
    images : Tensor
        Normalised images, shape (N, 3, H, W), float32, sides divisible by 4.
    views : int
        Eight, or the four that turn and flip in turn.

    Returns
    -------
    Tensor
        Scores, shape (N, K, H/4, W/4), float32.
    """
    total = torch.zeros((), device=images.device)
    with torch.no_grad():
        for turn, flip in _TURNS[:views]:
            logits = network(images.rot90(turn, (2, 3)).flip(flip))
            total = total + logits.float().log_softmax(dim=1).flip(flip).rot90(-turn, (2, 3))
    return total / views
