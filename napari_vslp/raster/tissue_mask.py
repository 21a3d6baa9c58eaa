"""White background by a rule on the pixels: bright and without colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from napari_vslp.core.progress import Job

FloatMap = NDArray[np.float32]

# Optical densities log₁₀(white / value), chosen on WSSS4LUAD's masks, where they reach IoU 0.77.
DENSITY = 0.09
COLOUR = 0.09
_SOFTNESS = 0.008
# Without glass to compare with, pale stroma must not pass for it.
_STRICTNESS = 0.6
_SMOOTHING = 1.0
# SciPy's Gaussian ends at four standard deviations.
_HALO = 4
# As many pixels as take about 50 ms.
_STRIP = 2**19
_WHITE_SHARE = 0.002
_LEAST_WHITE = 200.0
_MOST_TINT = 35.0


def white_background(image: NDArray[np.uint8], job: Job | None = None) -> FloatMap:
    """Return how surely each pixel is white background, such as glass or an empty lumen.

    A pixel is white where its mean optical density (Beer and Lambert) and the spread of the
    density over the channels, its colour, are both low, relative to the image's own white where
    it has one.

    Parameters
    ----------
    image : ndarray
        RGB, shape (H, W, 3), uint8.
    job : Job, optional
        Looked at after every few rows.

    Returns
    -------
    ndarray
        Shape (H, W), float32 in [0, 1]; near 0 everywhere in an image without white.

    Raises
    ------
    Cancelled
        If the job is told to stop.
    """
    own = white_point(image)
    strictness = 1.0 if own is not None else _STRICTNESS
    white = np.full(3, 255, np.float32) if own is None else own
    # 256 values a channel: a table is ten times quicker than as many logarithms as pixels.
    levels = np.arange(256, dtype=np.float32)
    tables = np.log10((white[:, None] + 1) / (levels + 1)).astype(np.float32)
    height, width = image.shape[:2]
    rows = max(1, _STRIP // width)
    sure = np.empty((height, width), np.float32)
    for top in range(0, height, rows):
        (job or Job()).check()
        start, stop = max(0, top - _HALO), min(height, top + rows + _HALO)
        strip = _rule(image[start:stop], tables, strictness)
        sure[top : top + rows] = strip[top - start :][:rows]
    return sure


def _rule(image: NDArray[np.uint8], tables: FloatMap, strictness: float) -> FloatMap:
    channels = [tables[c][image[..., c]] for c in range(3)]
    red, green, blue = (gaussian_filter(one, _SMOOTHING, mode="nearest") for one in channels)
    mean = (red + green + blue) / 3
    colour = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    excess = np.maximum(mean - strictness * DENSITY, colour - strictness * COLOUR) / _SOFTNESS
    sure: FloatMap = expit(-excess).astype(np.float32)
    return sure


def white_point(image: NDArray[np.uint8]) -> FloatMap | None:
    """Return the image's own white, which may be tinted by the lamp or the camera.

    Parameters
    ----------
    image : ndarray
        RGB, shape (H, W, 3), uint8.

    Returns
    -------
    ndarray or None
        Shape (3,), float32: the median of its brightest pixels (of every n-th one in a large
        image); None where those are too dark or too coloured to be glass.
    """
    step = 1 + int((image.shape[0] * image.shape[1] / _STRIP) ** 0.5)
    seen = image[::step, ::step]
    darkest = seen.min(axis=2)
    threshold = np.quantile(darkest, 1 - _WHITE_SHARE)
    white: FloatMap = np.median(seen[darkest >= threshold], axis=0).astype(np.float32)
    is_glass = white.min() >= _LEAST_WHITE and np.ptp(white) <= _MOST_TINT
    return white if is_glass else None
