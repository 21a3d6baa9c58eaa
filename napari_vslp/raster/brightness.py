"""From any depth of brightness to 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError

# Cameras of 10 and 12 bits store their values in 16: the largest value tells which it was.
_DEPTHS = (8, 10, 12, 14, 16)


def to_bytes(raw: NDArray[Any]) -> tuple[NDArray[np.uint8], str]:
    """Scale brightness to 0–255.

    Parameters
    ----------
    raw
        Array of any shape, of bool, integer or float type.

    Returns
    -------
    pixels : uint8, of the same shape
    note : str
        What was done, in one sentence; empty if nothing was.

    Raises
    ------
    VslpError
        If a value is NaN, infinite, negative or too large to be a brightness.
    """
    if raw.dtype == np.uint8:
        return raw, ""
    if raw.dtype == np.bool_:
        return raw.astype(np.uint8) * np.uint8(255), "The image is black and white only."
    if raw.dtype.kind == "f":
        return _from_floats(raw)
    return _from_integers(raw)


def _from_floats(raw: NDArray[Any]) -> tuple[NDArray[np.uint8], str]:
    broken = raw.size - int(np.count_nonzero(np.isfinite(raw)))
    if broken:
        raise VslpError(
            f"{broken} values of the image are no numbers (NaN or infinite): "
            "fill them first, for example with the background's brightness."
        )
    low, high = float(raw.min()), float(raw.max())
    if low < 0 or high > 255:
        raise VslpError(
            f"The image's values reach from {low:g} to {high:g}: scale them to 0–1 or to 0–255."
        )
    if high <= 1:
        return _scaled(raw, 255.0), "Brightness from 0 to 1 was scaled to 8 bits."
    return _scaled(raw, 1.0), "Brightness was rounded to 8 bits."


def _from_integers(raw: NDArray[Any]) -> tuple[NDArray[np.uint8], str]:
    low, high = int(raw.min()), int(raw.max())
    if low < 0 or high > 2 ** _DEPTHS[-1] - 1:
        raise VslpError(
            f"The image's values reach from {low} to {high}: scale them to 0–255 or to 0–65535."
        )
    bits = next(depth for depth in _DEPTHS if high < 2**depth)
    if bits == 8:
        return raw.astype(np.uint8), ""
    note = f"Brightness of {bits} bits was scaled to 8 bits."
    return _scaled(raw, 255.0 / (2**bits - 1)), note


def _scaled(raw: NDArray[Any], factor: float) -> NDArray[np.uint8]:
    scaled: NDArray[np.float32] = np.rint(raw.astype(np.float32) * np.float32(factor))
    return scaled.astype(np.uint8)
