"""Views of an image: drawn at random to learn from, averaged over flips and turns to read."""

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


# Optical densities of haematoxylin, eosin and DAB: Ruifrok and Johnston, Anal. Quant. Cytol.
# Histol. 23 (2001), as scikit-image has them.
_STAINS = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
_DARKEST = 1.0 / 255.0


def hed_jitter(
    images: Tensor, generator: torch.Generator, gain: float = 0.25, shift: float = 0.03
) -> Tensor:
    """Change the strength of each stain at random, as another laboratory would.

    In optical densities d = −log₁₀ I = S h, each stain h is replaced by (1 + α) h + β with α and
    β uniform in ±gain and ±shift (Tellez et al., Medical Image Analysis 58, 2019).

    Parameters
    ----------
    images : Tensor
        Shape (N, 3, H, W), float32, RGB in 0…1.
    generator : torch.Generator
        Source of the random numbers.
    gain, shift : float
        Half widths of the relative and of the absolute change.

    Returns
    -------
    Tensor
        Same shape, in 0…1.
    """
    stains = torch.tensor(_STAINS)
    stains = stains / stains.norm(dim=1, keepdim=True)
    alpha = _uniform((len(images), 3), -gain, gain, generator)
    beta = _uniform((len(images), 3), -shift, shift, generator)
    # One 3×3 matrix per image does the way to the stains, the change and the way back.
    change = torch.linalg.inv(stains) @ torch.diag_embed(1 + alpha) @ stains
    density = -images.clamp_min(_DARKEST).log10()
    density = torch.einsum("nchw,ncd->ndhw", density, change.to(images.device))
    density = density + (beta @ stains).to(images.device)[:, :, None, None]
    return torch.pow(10.0, -density.clamp_min(0.0))


def random_motions(
    count: int, generator: torch.Generator, zoom: tuple[float, float] = (0.7, 1.4)
) -> Tensor:
    """Draw rotations by any angle, with a flip or without, with a magnification.

    Parameters
    ----------
    count : int
        Number of motions N.
    generator : torch.Generator
        Source of the random numbers.
    zoom : tuple of float
        Smallest and largest magnification; drawn uniformly in its logarithm.

    Returns
    -------
    Tensor
        Matrices for :func:`move`, shape (N, 2, 3), float32, in coordinates of −1…1.
    """
    angle = _uniform((count,), 0.0, 2 * math.pi, generator)
    scale = torch.exp(-_uniform((count,), math.log(zoom[0]), math.log(zoom[1]), generator))
    flip = torch.where(_uniform((count,), -1.0, 1.0, generator) < 0, -1.0, 1.0)
    cosine, sine, still = scale * angle.cos(), scale * angle.sin(), torch.zeros(count)
    rows = [flip * cosine, -sine, still, flip * sine, cosine, still]
    return torch.stack(rows, dim=1).reshape(count, 2, 3)


def move(maps: Tensor, motions: Tensor) -> Tensor:
    """Move maps about their centre; what enters from outside is the mirrored inside.

    Parameters
    ----------
    maps : Tensor
        Shape (N, C, H, W), float32, square pixels with H = W.
    motions : Tensor
        From :func:`random_motions`, shape (N, 2, 3).

    Returns
    -------
    Tensor
        Same shape, interpolated bilinearly, so that sums over C are kept.
    """
    grid = functional.affine_grid(motions, list(maps.shape), align_corners=False)
    return functional.grid_sample(maps, grid, padding_mode="reflection", align_corners=False)


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low
