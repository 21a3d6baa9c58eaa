"""What an image's own colours say of its tissues, learnt from the image's confidences.

The encoder sees cells of a few pixels, so that thin septa and lumina are blurred away. Colours are
known pixel by pixel, and which tissue has which is learnt anew from every image, as GrabCut does
(Rother, Kolmogorov and Blake 2004, without its rounds):

    c'_k(x) ∝ c_k(x) · (P(colour of x | k) / P(colour of x))^η.

η grows with how much the colours tell of the tissues. Where they tell little, as of tumour and
stroma full of lymphocytes, they hardly count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_vslp.confidence.contract import Context, Evidence, Need

# Bins a side: brightness by red against blue. A table of 256 fits a byte.
BINS = 16
# Noise of the camera, and no nucleus, is smoothed away (px).
_SMOOTHING_PX = 1.0
# Neighbouring bins lend each other as much (bins).
_SPREAD_BINS = 1.0
# A tissue is taken to have the image's own colours until it holds more than this share of it.
_LEAST_SHARE = 0.01
# Colours count in full once they tell this share of what there is to know of the tissues
# (docs/accuracy.md says what it brings and where it costs).
_TELLING = 0.25
# As many pixels as are looked at to learn the colours.
_SAMPLE = 2**18


class OwnColours:
    """What the image's own colours say, last, of tissues that anything but areas told apart."""

    name = "colours"
    level: Literal["image"] = "image"
    needs: frozenset[Need] = frozenset()

    def active(self, context: Context) -> bool:
        """Where they are asked for and no tissues are mere clusters.

        Clusters of the typed sizes are guesses: their colours would only make them look sure.
        """
        return context.settings.colours and not context.unsplit

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the confidences (K, H, W) with what the colours say of them."""
        colours = context.once(self.name, lambda: colours_of(context.image))
        return Evidence(add_colours(belief, colours, context.is_white))


@dataclass(frozen=True)
class Colours:
    """The colour of each pixel.

    Attributes
    ----------
    bins
        (H, W) uint8: which of the 256 colours each pixel has.
    """

    bins: NDArray[np.uint8]


def colours_of(image: NDArray[np.uint8]) -> Colours:
    """Sort the pixels of an image by colour.

    Parameters
    ----------
    image : ndarray
        RGB, shape (H, W, 3), uint8.

    Returns
    -------
    Colours
        In bins that span what the image holds, so that a pale stain counts as a strong one does.
    """
    red, green, blue = (
        gaussian_filter(image[..., c].astype(np.float32), _SMOOTHING_PX, mode="nearest")
        for c in range(3)
    )
    bins = _binned(red + green + blue) * np.uint8(BINS) + _binned(red - blue)
    return Colours(np.asarray(bins, np.uint8))


def add_colours(confidence: Tensor, colours: Colours, settled: Tensor) -> Tensor:
    """Return the confidences with what the colours say of them.

    Parameters
    ----------
    confidence : Tensor
        Shape (K, H, W), float32 in the simplex.
    colours : Colours
        Of the same image.
    settled : Tensor
        Shape (K,), bool: tissues that colour has told apart already, as white background; they
        keep their confidence, and the others share what is left.

    Returns
    -------
    Tensor
        Shape (K, H, W), float32 in the simplex.
    """
    unsettled = torch.nonzero(~settled)[:, 0]
    if len(unsettled) < 2:
        return confidence
    changed = confidence.clone()
    ours = changed[unsettled]
    mass = ours.sum(0)
    factors = torch.from_numpy(_factors(ours.numpy(), colours.bins))
    places = torch.from_numpy(colours.bins.astype(np.int32)).view(-1)
    for one, factor in zip(ours, factors, strict=True):
        one.mul_(factor.index_select(0, places).view_as(one))
    ours *= mass / ours.sum(0).clamp_min_(torch.finfo(torch.float32).tiny)
    changed[unsettled] = ours
    return changed


def _binned(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values as 0 … BINS − 1 between their first and last hundredth."""
    step = max(1, int((values.size / _SAMPLE) ** 0.5))
    low, high = np.quantile(values[::step, ::step], (0.01, 0.99))
    scaled = (values - low) * (BINS / max(float(high - low), 1.0))
    return np.asarray(np.clip(scaled, 0, BINS - 1), np.uint8)


def _factors(ours: NDArray[np.float32], bins: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (P(colour | k) / P(colour))^η, shape (K, 256), float32."""
    step = max(1, int((bins.size / _SAMPLE) ** 0.5))
    seen = bins[::step, ::step].ravel()
    counts = [np.bincount(seen, k[::step, ::step].ravel(), BINS * BINS) for k in ours]
    smooth = [gaussian_filter(c.reshape(BINS, BINS), _SPREAD_BINS, mode="nearest") for c in counts]
    held = np.stack(smooth).reshape(len(ours), -1)
    overall = held.sum(0) / held.sum()
    few = _LEAST_SHARE * held.sum()
    # The tiny number keeps the factor of colours that nowhere occur at 1.
    tiny = np.finfo(np.float32).tiny
    of_tissue = (held + few * overall) / (held.sum(1, keepdims=True) + few)
    factors = (of_tissue + tiny) / (overall + tiny)
    return np.asarray(factors ** min(1.0, told_share(held) / _TELLING), np.float32)


def told_share(held: NDArray[np.float64]) -> float:
    """Return how much of what there is to know of the tissue its colour tells, in [0, 1].

    Parameters
    ----------
    held : ndarray
        How many pixels of each tissue have each colour, shape (K, colours), float64.

    Returns
    -------
    float
        I(tissue; colour) / H(tissue), the mutual information over the entropy; 0 where there is
        one tissue only.
    """
    joint = held / held.sum()
    tissue, colour = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    entropy = -float((tissue[tissue > 0] * np.log(tissue[tissue > 0])).sum())
    some = joint > 0
    shared = float((joint[some] * np.log(joint[some] / (tissue * colour)[some])).sum())
    return min(1.0, max(0.0, shared / entropy)) if entropy > 1e-6 else 0.0
