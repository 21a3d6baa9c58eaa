"""Drawings of the report: where each mark of a diagram lies, and small pictures of results."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from napari_vslp.evaluation.metrics import Bins
from napari_vslp.evaluation.rows import Reading

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; the bounds are NaN where there is only one case."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain JSON values: None for NaN."""
        pairs = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: None if math.isnan(value) else value for name, value in pairs.items()}


class Bootstrap:
    """Percentile intervals of means, all from the same resamples.

    Whole cases are drawn, since images of one case are no independent witnesses: Efron and
    Tibshirani, "An introduction to the bootstrap" (1993), chapters 8 and 13; Davison and Hinkley,
    "Bootstrap methods and their application" (1997), section 3.8.

    Parameters
    ----------
    cases
        N names: which case each image is of.
    seed
        Of the draws.
    """

    def __init__(self, cases: Sequence[str], seed: int, resamples: int = RESAMPLES) -> None:
        names, self._case = np.unique(np.asarray(cases, dtype=str), return_inverse=True)
        self.cases = len(names)
        draws = np.random.default_rng(seed).integers(0, self.cases, (resamples, self.cases))
        # How often each image occurs in each resample.
        drawn = np.stack([np.bincount(draw, minlength=self.cases) for draw in draws])
        self._weights: NDArray[np.float64] = drawn[:, self._case].astype(np.float64)

    def interval(self, values: NDArray[np.float64]) -> Interval:
        """Return the mean of one figure over the N images, with its interval."""
        mean = float(np.mean(values))
        if self.cases < 2 or math.isnan(mean):
            return Interval(mean, math.nan, math.nan)
        means = self._weights @ values / self._weights.sum(1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(mean, float(low), float(high))


RGB = NDArray[np.uint8]
Labels = NDArray[np.int16]
_MOST_RADIUS = 9.0
# Okabe and Ito's yellow and the black around it are seen on pink, purple and white alike.
LINE = (240, 228, 66)
_CASING = (0, 0, 0)
_SIDE = 440


@dataclass(frozen=True)
class Disc:
    """One bin: its place and its radius, in px of the drawing."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Tick:
    """One number of both axes, and how far from the lower left corner it stands (px)."""

    text: str
    at: float


class CalibrationDiagram:
    """How often the likeliest tissue is right, over how sure of it the network is.

    Discs are bins; their areas are their shares of the pixels. On the diagonal a confidence of
    80 % is right in 80 % of the pixels; below it the network is too sure.

    Parameters
    ----------
    bins
        One series a reading.
    tissues
        K: no top confidence lies below 1/K.
    """

    side, left, above, below = 300, 46, 10, 42  # px

    def __init__(self, bins: Mapping[Reading, Bins], tissues: int) -> None:
        self._lowest = math.floor(10 / tissues) / 10
        self._scale = self.side / (1 - self._lowest)
        self.series = [list(self._discs(one)) for one in bins.values()]

    @property
    def ticks(self) -> list[Tick]:
        """The numbers of both axes (%)."""
        step = 2 if self._lowest < 0.5 else 1
        tenths = range(round(10 * self._lowest), 11, step)
        return [Tick(f"{10 * one}", (one / 10 - self._lowest) * self._scale) for one in tenths]

    def _discs(self, bins: Bins) -> Iterator[Disc]:
        total = max(1.0, float(bins.pixels.sum()))
        columns = zip(bins.pixels, bins.confidence, bins.correct, strict=True)
        for pixels, confidence, correct in columns:
            if pixels > 0:
                x = self.left + (confidence / pixels - self._lowest) * self._scale
                # A bin may be right less often than by chance: it is drawn at the lower edge.
                height = max(0.0, correct / pixels - self._lowest) * self._scale
                radius = max(2.0, _MOST_RADIUS * math.sqrt(pixels / total))
                yield Disc(x, self.above + self.side - height, radius)


@dataclass(frozen=True)
class IntervalBar:
    """A mean and the ends of its interval (px); the ends are NaN where there is no interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval, lowest: float, highest: float) -> IntervalBar:
        """Place an interval on a scale that all rows of the table share."""
        scale = 108 / max(1e-9, highest - lowest)
        ends = (interval.mean, interval.low, interval.high)
        mean, low, high = (6 + scale * (value - lowest) for value in ends)
        return cls(mean, low, high)


def picture(image: RGB, labels: Labels | None = None) -> str:
    """Return an image, with the outlines of its tissues if labels are given, as a data URI.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    labels
        (H, W) int16.
    """
    # Small images are enlarged first, so that the line does not hide the tissue.
    grow = max(1, -(-_SIDE // max(image.shape[:2])))
    shrink = max(1, max(image.shape[:2]) // _SIDE)
    height, width = image.shape[0] * grow // shrink, image.shape[1] * grow // shrink
    size = (max(1, width), max(1, height))
    drawn = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    if labels is not None:
        drawn = _outlined(drawn, _resized(labels, size))
    return data_uri(jpeg(drawn))


def jpeg(image: RGB) -> bytes:
    """Return an image (H, W, 3) uint8 as the bytes of a JPEG file of good quality."""
    stream = io.BytesIO()
    # Not optimised: Pillow's buffer is then too small for some pictures.
    Image.fromarray(image).save(stream, "JPEG", quality=88, subsampling=0)
    return stream.getvalue()


def data_uri(picture_file: bytes) -> str:
    """Return the bytes of a JPEG file as an address that needs no file."""
    return f"data:image/jpeg;base64,{base64.b64encode(picture_file).decode('ascii')}"


def _resized(labels: Labels, size: tuple[int, int]) -> Labels:
    rows = (np.arange(size[1]) + 0.5) * labels.shape[0] / size[1]
    columns = (np.arange(size[0]) + 0.5) * labels.shape[1] / size[0]
    nearest: Labels = labels[rows.astype(np.intp)][:, columns.astype(np.intp)]
    return nearest


def _outlined(image: RGB, labels: Labels) -> RGB:
    border = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= across
    border[:, :-1] |= across
    drawn = image.copy()
    drawn[binary_dilation(border)] = _CASING
    drawn[border] = LINE
    return drawn
