"""From any depth of brightness to 8 bits: the one rule, for arrays and files alike.

What counts as white comes from the type of the values, from the file's tags or, where only the
values can tell, from all of the image: never from the part that happens to be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError

# Cameras of 10 and 12 bits store their values in 16: the largest value tells which it was.
_DEPTHS = (8, 10, 12, 14, 16)
# Resampling and sharpening overshoot white and black by so much of the range.
_BELOW, _ABOVE = 0.02, 0.02
# Real numbers up to here are fractions that overshoot, and from there on of the range 0 to 255.
_MOST_UNIT, _LEAST_BYTE = 1.5, 4.0


class Extremes(NamedTuple):
    """Smallest and largest finite value of an image, and whether all of it was looked at."""

    low: float
    high: float
    complete: bool = True


class Depth(NamedTuple):
    """The value that is shown as 255, with what the user is told of it."""

    white: float
    note: str = ""
    sampled: bool = False


def depth_of(dtype: np.dtype[Any], told: float | None, extremes: Callable[[], Extremes]) -> Depth:
    """Return what counts as white in an image.

    Parameters
    ----------
    dtype
        Type of the values.
    told
        The value of white as the file's tags tell it; None if they do not.
    extremes
        Gives the extremes of the whole image; called only where nothing else tells.

    Raises
    ------
    VslpError
        If the values cannot be brightness, or it cannot be told on what scale.
    """
    if dtype == np.bool_ or told == 1:
        return Depth(1, "The image is black and white only.")
    if told is not None:
        return Depth(told, _scaled_note(round(math.log2(told + 1))))
    if dtype == np.uint8:
        return Depth(255)
    found = extremes()
    depth = _of_floats(found) if dtype.kind == "f" else _of_integers(found)
    if found.complete or dtype.itemsize == 1:
        return depth
    note = f"{depth.note} How bright white is was judged from a sample of the image.".strip()
    return Depth(depth.white, note, sampled=True)


def _of_floats(found: Extremes) -> Depth:
    low, high, _ = found
    white = 1.0 if high <= _MOST_UNIT else 255.0
    most = _MOST_UNIT if white == 1 else 255 * (1 + _ABOVE)
    if low < -_BELOW * white or high > most or _MOST_UNIT < high < _LEAST_BYTE:
        raise VslpError(
            f"The image's values reach from {low:g} to {high:g}: scale them to 0–1 or to 0–255."
        )
    note = (
        "Brightness from 0 to 1 was scaled to 8 bits."
        if white == 1
        else "Brightness was rounded to 8 bits."
    )
    if low < 0 or high > white:
        note += f" Values just outside (from {low:.7g} to {high:.7g}) were clipped."
    return Depth(white, note)


def _of_integers(found: Extremes) -> Depth:
    low, high = int(found.low), int(found.high)
    if low < 0 or high > 2 ** _DEPTHS[-1] - 1:
        raise VslpError(
            f"The image's values reach from {low} to {high}: scale them to 0–255 or to 0–65535."
        )
    bits = next(depth for depth in _DEPTHS if high < 2**depth)
    return Depth(2**bits - 1, _scaled_note(bits))


def _scaled_note(bits: int) -> str:
    return "" if bits == 8 else f"Brightness of {bits} bits was scaled to 8 bits."


def opaque_value(dtype: np.dtype[Any], white: float, highest: Callable[[], float]) -> float:
    """Return the alpha value that means opaque.

    Programs fill alpha with the largest value of its type even where colours have fewer bits.

    Parameters
    ----------
    dtype
        Type of the alpha channel.
    white
        The value of white in the colours.
    highest
        Gives the largest alpha value of the whole image.
    """
    if dtype == np.bool_:
        return 1
    if dtype == np.uint8:
        return 255
    top = highest()
    if dtype.kind == "f":
        return 1 if top <= _MOST_UNIT else 255
    full: list[float] = [2**bits - 1 for bits in (1, *_DEPTHS)]
    if top in full:
        return top
    return next((value for value in full if value >= max(top, white)), full[-1])


def to_bytes(raw: NDArray[Any], depth: Depth) -> NDArray[np.uint8]:
    """Scale brightness to 0–255, clipping what overshoots.

    Parameters
    ----------
    raw
        Array of any shape, of bool, integer or real type.
    depth
        From `depth_of`.

    Raises
    ------
    VslpError
        If a value is NaN or infinite, or far outside of what a sample of the image held.
    """
    if raw.dtype == np.uint8 and depth.white == 255:
        return raw
    if raw.dtype == np.bool_:
        return raw.astype(np.uint8) * np.uint8(255)
    if raw.dtype.kind == "f":
        broken = raw.size - int(np.count_nonzero(np.isfinite(raw)))
        if broken:
            raise VslpError(
                f"{broken} values of the image are no numbers (NaN or infinite): "
                "fill them first, for example with the background's brightness."
            )
    if depth.sampled:
        _check_sample(raw, depth)
    if depth.white == 255 and raw.dtype.kind != "f":
        return raw.clip(0, 255).astype(np.uint8)
    factor = np.float32(255.0 / depth.white)
    scaled: NDArray[np.float32] = np.rint(raw.astype(np.float32) * factor)
    return scaled.clip(0, 255).astype(np.uint8)


def _check_sample(raw: NDArray[Any], depth: Depth) -> None:
    low, high = float(raw.min()), float(raw.max())
    beyond = 1.5 if depth.white == 1 else depth.white * (1 + _ABOVE)
    if low < -_BELOW * depth.white or high > beyond:
        raise VslpError(
            f"Values from {low:g} to {high:g} lie here, while a sample of the image showed none "
            f"above {depth.white:g}: convert the whole image to 8 bits first."
        )
