"""How well a result agrees with a mask: overlap, boundaries, areas, calibration.

The first three are taken of labels, tissue by tissue; the last one of confidences: how often the
likeliest tissue is the right one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt

from napari_vslp.evaluation.masks import IGNORED, Labels

Region = NDArray[np.bool_]
Vector = NDArray[np.float64]
BOUNDARY_TOLERANCE = 2.0
BINS = 15


@dataclass(frozen=True)
class Scores:
    """How well the labels of one image agree with its mask.

    Attributes
    ----------
    dice, iou, boundary_f1
        (K,) float64 in [0, 1]; 1 for a tissue that neither the mask nor the labels have.
    area_error
        (K,) float64: |share found − share in the mask| (points).
    calibration_error
        Of the confidences the labels came from, in [0, 1]; NaN where there are none.
    """

    dice: Vector
    iou: Vector
    boundary_f1: Vector
    area_error: Vector
    calibration_error: float = math.nan


@dataclass(frozen=True)
class Outline:
    """The boundary of a region with all that lies close to it.

    Attributes
    ----------
    line
        (H, W) bool: the region's pixels with a counted neighbour (of four) outside of it. The
        image's border is no boundary.
    near
        (H, W) bool: no farther than 2 px from the line, by Euclidean distance.
    """

    line: Region
    near: Region


class Truth:
    """A mask, with its outlines traced once for all the labels it is compared with.

    Parameters
    ----------
    labels
        (H, W) int16: index of the tissue, or `IGNORED` where nothing is counted.
    tissues
        K.
    """

    def __init__(self, labels: Labels, tissues: int) -> None:
        self.labels = labels
        self.tissues = tissues
        self.counted: Region = labels != IGNORED
        self._outlines = tuple(outline(labels == k, self.counted) for k in range(tissues))

    @property
    def shares(self) -> Vector:
        """(K,) share of each tissue in the counted pixels."""
        return shares_of(self.labels[self.counted], self.tissues)

    def compare(self, labels: NDArray[np.integer], calibration_error: float = math.nan) -> Scores:
        """Return how well labels agree with the mask where it is counted.

        Parameters
        ----------
        labels
            (H, W) index of the tissue at every pixel.
        """
        tissues = range(self.tissues)
        pairs = [((labels == k) & self.counted, self.labels == k) for k in tissues]
        lines = [
            boundary_f1(outline(pairs[k][0], self.counted), self._outlines[k]) for k in tissues
        ]
        found = shares_of(labels[self.counted], self.tissues)
        return Scores(
            dice=np.array([dice(*pair) for pair in pairs]),
            iou=np.array([iou(*pair) for pair in pairs]),
            boundary_f1=np.array(lines),
            area_error=100 * np.abs(found - self.shares),
            calibration_error=calibration_error,
        )


def dice(found: Region, truth: Region) -> float:
    """Return 2|A ∩ B| / (|A| + |B|) of two regions; 1 if both are empty (Dice 1945)."""
    both = np.count_nonzero(found) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(found & truth) / both if both else 1.0


def iou(found: Region, truth: Region) -> float:
    """Return |A ∩ B| / |A ∪ B| of two regions; 1 if both are empty (Jaccard 1912)."""
    either = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / either if either else 1.0


def boundary_f1(found: Outline, truth: Outline) -> float:
    """Return the harmonic mean of how much of each boundary lies close to the other.

    1 if both boundaries are empty, 0 if only one is: Csurka et al., "What is a good evaluation
    measure for semantic segmentation?" (BMVC 2013), section 3.
    """
    lengths = np.count_nonzero(found.line), np.count_nonzero(truth.line)
    if not all(lengths):
        return float(not any(lengths))
    precision = np.count_nonzero(found.line & truth.near) / lengths[0]
    recall = np.count_nonzero(truth.line & found.near) / lengths[1]
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(region: Region, counted: Region) -> Outline:
    """Trace the boundary of a region among the counted pixels, both (H, W) bool."""
    line = region & binary_dilation(counted & ~region)
    if not line.any():
        return Outline(line, line)
    return Outline(line, distance_transform_edt(~line) <= BOUNDARY_TOLERANCE)


def shares_of(labels: NDArray[np.integer], tissues: int) -> Vector:
    """Return the share of each tissue in labels of any shape, (K,) float64."""
    counts = np.bincount(labels.ravel(), minlength=tissues)
    return counts / max(1, labels.size)


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
