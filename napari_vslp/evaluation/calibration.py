"""Whether the confidences are honest: how often the likeliest tissue is the right one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.evaluation.masks import IGNORED, Labels

BINS = 15
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Pixels sorted into 15 equal bins of their top confidence, over (0, 1].

    Attributes
    ----------
    pixels
        (15,) float64: how many pixels fell into each bin.
    confidence
        (15,) float64: the sum of their top confidences.
    correct
        (15,) float64: how many of them have the likeliest tissue in the mask.
    """

    pixels: Vector
    confidence: Vector
    correct: Vector

    def __add__(self, other: Bins) -> Bins:
        return Bins(
            self.pixels + other.pixels,
            self.confidence + other.confidence,
            self.correct + other.correct,
        )

    @property
    def error(self) -> float:
        """The expected calibration error Σ_b n_b/n |acc_b − conf_b|, in [0, 1]; NaN if empty.

        Guo et al., "On calibration of modern neural networks" (ICML 2017), equation 3.
        """
        total = float(self.pixels.sum())
        return float(np.abs(self.correct - self.confidence).sum()) / total if total else math.nan


def bins_of(confidence: NDArray[np.float32], truth: Labels) -> Bins:
    """Sort the counted pixels of one image by their top confidence.

    Parameters
    ----------
    confidence
        (K, H, W) in the simplex.
    truth
        (H, W): index of the tissue, or `IGNORED`.
    """
    counted = truth != IGNORED
    top = confidence.max(0)[counted].astype(np.float64)
    right = (confidence.argmax(0) == truth)[counted]
    index = np.clip(np.ceil(top * BINS).astype(np.intp) - 1, 0, BINS - 1)
    pixels = np.bincount(index, minlength=BINS).astype(np.float64)
    summed, correct = (
        np.bincount(index, weights, BINS).astype(np.float64) for weights in (top, right)
    )
    return Bins(pixels, summed, correct)
