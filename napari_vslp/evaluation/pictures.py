"""Pictures of single results, small enough to lie inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

RGB = NDArray[np.uint8]
Labels = NDArray[np.int16]
# Okabe and Ito's yellow and the black around it are seen on pink, purple and white alike.
LINE = (240, 228, 66)
_CASING = (0, 0, 0)
_SIDE = 440


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
    return data_uri(drawn)


def data_uri(image: RGB) -> str:
    """Return an image as JPEG inside an address."""
    stream = io.BytesIO()
    # Not optimised: Pillow's buffer is then too small for some pictures.
    Image.fromarray(image).save(stream, "JPEG", quality=88, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


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
