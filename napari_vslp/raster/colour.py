"""From what the samples of a pixel mean to red, green and blue on white."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
Raw = NDArray[Any]

GREY_NOTE = "The image is grey; colour would help it."
_OPAQUE = "The alpha channel is opaque and was left out."
_LAID = "The image is see-through in part; it was laid on white."
# CIELAB is relative to D50; this takes XYZ there to linear sRGB (Bradford, as in ICC profiles).
_D50 = np.array([0.9642, 1.0, 0.8249])
_XYZ_TO_SRGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


class Alpha(Enum):
    """Whether the last sample is an alpha channel, and whether colours are multiplied by it."""

    NONE = 0
    STRAIGHT = 1
    PREMULTIPLIED = 2


@dataclass(frozen=True)
class Samples:
    """What the stored samples of a pixel mean.

    Attributes
    ----------
    dtype
        Their type once they are decoded.
    used
        Which of them are grey or red, green, blue, and then alpha if there is one.
    alpha
        Of which kind the last used one is.
    white
        The value of full brightness as tags tell it; None where the type or the data tell it.
    negative
        Whether 0 is white; `white` is then known.
    convert
        Turns the used colour samples (…, 1 or 3) into 8-bit RGB (…, 3), for all that is neither
        grey nor RGB; None for these two.
    """

    dtype: np.dtype[Any]
    used: tuple[int, ...]
    alpha: Alpha = Alpha.NONE
    white: float | None = None
    negative: bool = False
    convert: Callable[[Raw], RGB] | None = None

    def split(self, raw: Raw) -> tuple[Raw, Raw | None]:
        """Return the colours (…, 1 or 3) and the alpha channel (…, 1) of samples (…, C)."""
        if self.used != tuple(range(raw.shape[2])):
            raw = raw[..., list(self.used)]
        if self.alpha is Alpha.NONE:
            return raw, None
        return raw[..., :-1], raw[..., -1:]


def on_white(pixels: RGB, alpha: RGB | None, premultiplied: bool) -> tuple[RGB, tuple[str, ...]]:
    """Return (h, w, 3) from grey or RGB of 8 bits, laid on white where it is see-through.

    Parameters
    ----------
    pixels
        (h, w, 1 or 3) uint8.
    alpha
        (h, w, 1) uint8, 255 for opaque; None without one.
    premultiplied
        Whether colours are multiplied by alpha already.

    Returns
    -------
    rgb : (h, w, 3) uint8
    notes : tuple of str
    """
    grey = pixels.shape[2] == 1
    notes = (GREY_NOTE,) if grey and alpha is None else ()
    colour = np.repeat(pixels, 3, axis=2) if grey else pixels
    if alpha is None:
        return np.ascontiguousarray(colour), notes
    if alpha.min() == 255:
        return np.ascontiguousarray(colour), (*notes, _OPAQUE)
    share = alpha.astype(np.float32) / 255
    laid = (colour if premultiplied else colour * share) + 255 * (1 - share)
    return np.rint(laid).clip(0, 255).astype(np.uint8), (*notes, _LAID)


def from_ycbcr(raw: Raw, weights: tuple[float, float, float], reference: tuple[float, ...]) -> RGB:
    """Turn 8-bit Y, Cb, Cr into RGB by TIFF's formula (TIFF 6.0, section 21).

    Parameters
    ----------
    raw
        (…, 3) uint8.
    weights
        The share of red, green and blue in the luma (YCbCrCoefficients).
    reference
        Black and white of Y, Cb and Cr (ReferenceBlackWhite), six numbers.
    """
    values = raw.astype(np.float32)
    black, white = reference[0::2], reference[1::2]
    luma = (values[..., 0] - black[0]) * (255 / (white[0] - black[0]))
    blueness = (values[..., 1] - black[1]) * (127 / (white[1] - black[1]))
    redness = (values[..., 2] - black[2]) * (127 / (white[2] - black[2]))
    red = redness * (2 - 2 * weights[0]) + luma
    blue = blueness * (2 - 2 * weights[2]) + luma
    green = (luma - weights[2] * blue - weights[0] * red) / weights[1]
    rgb: RGB = np.rint(np.stack([red, green, blue], -1)).clip(0, 255).astype(np.uint8)
    return rgb


def from_cielab(lightness: Raw, a: Raw, b: Raw) -> RGB:
    """Turn CIE L* in 0–100 and a*, b* (D50) into 8-bit sRGB, (…, 3); outside colours clipped."""
    y = (lightness + 16) / 116
    cubes = np.stack([y + a / 500, y, y - b / 200], -1)
    ratio = np.where(cubes > 6 / 29, cubes**3, (cubes - 4 / 29) * 3 * (6 / 29) ** 2)
    linear = ((ratio * _D50) @ _XYZ_TO_SRGB.T).clip(0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb: RGB = np.rint(shown * 255).astype(np.uint8)
    return rgb


def looked_up(index: Raw, colours: RGB) -> RGB:
    """Return the colours (…, 3) of indices (…, 1); those beyond the table are black."""
    table = colours
    if index.dtype == np.bool_:  # one bit, which NumPy would take for a choice of rows
        index = index.view(np.uint8)
    if index.size and int(index.max()) >= len(table):
        table = np.zeros((int(index.max()) + 1, 3), np.uint8)
        table[: len(colours)] = colours
    return table[index[..., 0]]
