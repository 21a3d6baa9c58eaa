"""Baselines that need no model: a result that does not beat them has learnt nothing of use.

Tissues whose name means white background are found by the pixel rule; should several be named so,
the first one gets it all. The others are told apart by blurred haematoxylin alone: gland, tumour
and their like are taken for the darkest, then come the rest in the order of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2hed
from skimage.filters import threshold_multiotsu, threshold_otsu

from napari_vslp.confidence.names import WHITE, kind_of
from napari_vslp.core.proportions import largest_remainder

Vector = NDArray[np.float64]
Labels = NDArray[np.int16]
BLUR = 4.0


@dataclass(frozen=True)
class BaselineInput:
    """One image as the baselines see it.

    Attributes
    ----------
    image
        (H, W, 3) uint8.
    white
        (H, W) in [0, 1]: how surely a pixel is white background.
    shares
        (K,) the typed share of each tissue.
    tissues
        K names.
    foreground
        Index of the tissue that all pixels get.
    """

    image: NDArray[np.uint8]
    white: NDArray[np.floating]
    shares: Vector
    tissues: tuple[str, ...]
    foreground: int


@dataclass(frozen=True)
class Baseline:
    """One way to label an image without a model; `labels` gives (H, W) int16."""

    key: str
    name: str
    labels: Callable[[BaselineInput], Labels]


def foreground_of(tissues: Sequence[str], shares: NDArray[np.float64]) -> int:
    """Return the tissue of interest: gland, tumour and their like, or else what is not “other”.

    Parameters
    ----------
    tissues
        K names.
    shares
        (N, K): of those that qualify, the one with the largest mean share is taken.
    """
    kinds = [kind_of(name) for name in tissues]
    choices = (
        [i for i, kind in enumerate(kinds) if kind == "gland"]
        or [i for i, kind in enumerate(kinds) if kind != WHITE and tissues[i] != "other"]
        or [i for i, kind in enumerate(kinds) if kind != WHITE]
        or list(range(len(tissues)))
    )
    return max(choices, key=lambda i: float(shares[:, i].mean()))


def by_darkness(tissues: Sequence[str]) -> list[int]:
    """Return the indices of the tissues that are not white, the presumably darkest first."""
    kinds = [kind_of(name) for name in tissues]
    kept = [i for i, kind in enumerate(kinds) if kind != WHITE] or list(range(len(tissues)))
    return sorted(kept, key=lambda i: kinds[i] != "gland")


def haematoxylin(image: NDArray[np.uint8]) -> Vector:
    """Return the blurred haematoxylin of an image, (H, W): Ruifrok and Johnston 2001."""
    blurred: Vector = gaussian_filter(rgb2hed(image)[..., 0], BLUR)
    return blurred


def _all_foreground(given: BaselineInput) -> Labels:
    return np.full(given.image.shape[:2], given.foreground, np.int16)


def _otsu(given: BaselineInput) -> Labels:
    return _by_haematoxylin(given, _cut_by_otsu)


def _own_share(given: BaselineInput) -> Labels:
    return _by_haematoxylin(given, _cut_by_share)


def _by_haematoxylin(
    given: BaselineInput, cut: Callable[[Vector, Vector], NDArray[np.intp]]
) -> Labels:
    order = by_darkness(given.tissues)
    white = [i for i in range(len(given.tissues)) if i not in order]
    labels = np.full(given.image.shape[:2], white[0] if white else order[0], np.int16)
    stained = given.white <= 0.5 if white else np.ones(labels.shape, bool)
    if stained.any():
        ranks = cut(haematoxylin(given.image)[stained], given.shares[order])
        labels[stained] = np.array(order, np.int16)[ranks]
    return labels


def _cut_by_otsu(values: Vector, shares: Vector) -> NDArray[np.intp]:
    """Return 0 for the darkest class of pixels, 1 for the next, …: Otsu 1979."""
    classes = len(shares)
    # An even image has no classes to tell apart.
    if classes == 1 or len(np.unique(values)) < classes:
        return np.full(len(values), classes - 1)
    if classes == 2:
        thresholds = np.array([threshold_otsu(values)])  # type: ignore[no-untyped-call]
    else:
        thresholds = threshold_multiotsu(values, classes)  # type: ignore[no-untyped-call]
    darker: NDArray[np.intp] = (values[:, None] > thresholds).sum(1)
    return classes - 1 - darker


def _cut_by_share(values: Vector, shares: Vector) -> NDArray[np.intp]:
    """Return the same, with as many pixels in each class as its share of these tissues."""
    total = shares.sum()
    asked = shares / total if total > 0 else np.full(len(shares), 1 / len(shares))
    counts = largest_remainder(asked, len(values))
    ranks = np.empty(len(values), np.intp)
    ranks[np.argsort(-values, kind="stable")] = np.repeat(np.arange(len(shares)), counts)
    return ranks


BASELINES: tuple[Baseline, ...] = (
    Baseline("baseline_all_foreground", "all foreground", _all_foreground),
    Baseline("baseline_otsu", "haematoxylin, Otsu", _otsu),
    Baseline("baseline_own_share", "haematoxylin, own share", _own_share),
)
