"""Between the stages: smoothed scores cut at each image's proportions become labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.learning.proportions import assign_labels


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
    flat = functional.pad(flat, (reach, reach, reach, reach), mode="reflect")
    flat = functional.conv2d(flat, kernel[None, None, None, :])
    flat = functional.conv2d(flat, kernel[None, None, :, None])
    return flat.reshape(scores.shape)


def pseudo_labels(scores: Tensor, proportions: Tensor) -> Tensor:
    """Cut scores at each image's own proportions.

    Parameters
    ----------
    scores : Tensor
        Averaged over heads and smoothed, or over turns: shape (N, K, H, W).
    proportions : Tensor
        Shape (N, K), rows summing to one.

    Returns
    -------
    Tensor
        One-hot labels, shape (N, K, H, W), uint8.
    """
    labels = assign_labels(scores, proportions)
    return functional.one_hot(labels, scores.shape[1]).permute(0, 3, 1, 2).to(torch.uint8)


def turned_scores(network: nn.Module, images: Tensor) -> Tensor:
    """Average a network's log-probabilities over the eight flips and quarter turns.

    Parameters
    ----------
    network : torch.nn.Module
        Maps images to logits (N, K, H/4, W/4); in evaluation mode.
    images : Tensor
        Normalised square images, shape (N, 3, H, H), float32.

    Returns
    -------
    Tensor
        Scores, shape (N, K, H/4, H/4), float32.
    """
    total = torch.zeros(())
    with torch.no_grad():
        for turn in range(4):
            for flip in ([], [3]):
                logits = network(images.rot90(turn, (2, 3)).flip(flip))
                total = total + logits.log_softmax(dim=1).flip(flip).rot90(-turn, (2, 3))
    return total / 8
