"""Losses and labels that ask nothing of an image but the proportions of its tissues."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_vslp.core.proportions import largest_remainder, nearest_shares
from napari_vslp.energy.rounding import round_labels

IGNORED = -1
# Lowest and highest shares of N bags, each (N, K).
Bounds = tuple[Tensor, Tensor]
_SMALLEST = 1e-6
# Up to here the linear programme is solved over all cells; beyond, over so many of them.
_MOST_CELLS = 4096


def mean_proportions(probabilities: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the probabilities of each image over its tissue pixels.

    Parameters
    ----------
    probabilities : Tensor
        Shape (N, K, …), floating point, on the simplex along the second axis.
    mask : Tensor, optional
        Weight of each pixel, shape (N, …), boolean or floating point; all ones if not given.

    Returns
    -------
    Tensor
        Proportions a(u) = Σ m u / Σ m, shape (N, K).
    """
    flat = probabilities.flatten(2)
    if mask is None:
        return flat.mean(dim=2)
    weight = mask.flatten(1).to(flat.dtype)
    total = weight.sum(dim=1, keepdim=True).clamp_min(_SMALLEST)
    mean: Tensor = torch.einsum("nkp,np->nk", flat, weight) / total
    return mean


def bag_cross_entropy(reached: Tensor, asked: Tensor) -> Tensor:
    """Return the cross-entropy −Σ π log a of reached against asked proportions.

    For two tissues it is the binary cross-entropy of Ardehaly and Culotta, ICDM-W 2017.

    Parameters
    ----------
    reached, asked : Tensor
        Proportions a and π, shape (N, K), floating point, rows summing to one.

    Returns
    -------
    Tensor
        Mean over the N images, a scalar; smallest where a = π.
    """
    return -(asked * reached.clamp_min(_SMALLEST).log()).sum(dim=1).mean()


def bag_kullback_leibler(reached: Tensor, asked: Tensor) -> Tensor:
    """Return the divergence KL(π ‖ a) of reached from asked proportions.

    Parameters
    ----------
    reached, asked : Tensor
        Proportions a and π, shape (N, K), floating point, rows summing to one.

    Returns
    -------
    Tensor
        Mean over the N images, a scalar; zero exactly where a = π.
    """
    entropy: Tensor = -torch.special.xlogy(asked, asked).sum(dim=1).mean()
    return bag_cross_entropy(reached, asked) - entropy


def nearest_within(reached: Tensor, bounds: Bounds) -> Tensor:
    """Return the proportions nearest to those reached that the typed intervals allow.

    Parameters
    ----------
    reached : Tensor
        Proportions, shape (N, K), rows summing to one.
    bounds : tuple of Tensor
        Lowest and highest shares, each (N, K).

    Returns
    -------
    Tensor
        Shape (N, K), float32, on the device of `reached`.
    """
    lower, upper = (side.detach().double().cpu().numpy() for side in bounds)
    nearest = nearest_shares(reached.detach().double().cpu().numpy(), lower, upper)
    return torch.from_numpy(nearest).float().to(reached.device)


def assign_labels(scores: Tensor, proportions: Tensor, mask: Tensor | None = None) -> Tensor:
    """Label every pixel so that each image meets its proportions at the least cost.

    This is optimal transport from the pixels to the tissues with cost −score and the typed
    proportions as target measure: for two tissues a cut of the sorted differences, for more a
    linear programme (network simplex of Bonneel et al., SIGGRAPH Asia 2011, in POT).

    Parameters
    ----------
    scores : Tensor
        Logits or log-probabilities, shape (N, K, …).
    proportions : Tensor
        Shape (N, K), non-negative, rows summing to one.
    mask : Tensor, optional
        Pixels to label, shape (N, …), boolean; all if not given.

    Returns
    -------
    Tensor
        Labels 0…K−1, shape (N, …), int64; :data:`IGNORED` outside the mask.
    """
    labels = torch.full((len(scores), *scores.shape[2:]), IGNORED, dtype=torch.int64)
    inside = torch.ones_like(labels, dtype=torch.bool) if mask is None else mask.bool().cpu()
    host, typed = scores.detach().float().cpu(), proportions.detach().double().cpu().numpy()
    for one, image in enumerate(host):
        values = image[:, inside[one]]
        counts = largest_remainder(typed[one], values.shape[1])
        labels[one][inside[one]] = _transport(values, counts)
    return labels.to(scores.device)


def transport_loss(scores: Tensor, proportions: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the cross-entropy of the scores to their own labels from :func:`assign_labels`.

    It is the cost of the optimal transport with cost −log softmax, and the one figure that tells
    a good seed from a bad one without a mask.

    Parameters
    ----------
    scores : Tensor
        Logits, shape (N, K, …).
    proportions : Tensor
        Shape (N, K), rows summing to one.
    mask : Tensor, optional
        Tissue pixels, shape (N, …), boolean.

    Returns
    -------
    Tensor
        Mean over the labelled pixels, a scalar.
    """
    labels = assign_labels(scores, proportions, mask)
    return functional.cross_entropy(scores, labels, ignore_index=IGNORED)


def _transport(values: Tensor, counts: NDArray[np.int64]) -> Tensor:
    """Give counts[k] pixels the label k so that the sum of values (K, P) is largest."""
    if len(counts) > 2:
        return _transport_many(values, counts)
    labels = torch.zeros(values.shape[1], dtype=torch.int64)
    order = torch.argsort(values[1] - values[0], descending=True, stable=True)
    labels[order[: int(counts[1])]] = 1
    return labels


def _transport_many(values: Tensor, counts: NDArray[np.int64]) -> Tensor:
    import ot

    pixels = values.shape[1]
    step = -(-pixels // _MOST_CELLS)
    cost = -values[:, ::step].T.double().numpy()
    masses = np.ones(len(cost))
    # Unit masses against whole counts: every vertex of this polytope is a labelling.
    asked = counts.astype(np.float64) * (len(cost) / pixels)
    plan, log = ot.emd(masses, asked, cost, numItermax=10_000_000, log=True)
    if step == 1:
        return torch.from_numpy(np.asarray(plan).argmax(axis=1))
    # The dual prices of the sample hold for all pixels; what they miss is moved where it is
    # cheapest.
    priced = values.numpy() + np.asarray(log["v"], np.float32)[:, None]
    return torch.from_numpy(_rounded(priced, counts))


def _rounded(values: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    flat = np.ascontiguousarray(values[:, None, :])
    inside = np.ones(flat.shape[1:], np.bool_)
    asked = counts / counts.sum()
    labels = round_labels(flat, np.zeros_like(flat), inside, asked, asked)
    found: NDArray[np.int64] = labels[0].astype(np.int64) - 1
    return found
