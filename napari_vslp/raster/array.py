"""Plain images, small enough for memory: any usual array becomes 8-bit RGB, and says how."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.brightness import to_bytes

Box = tuple[int, int, int, int]
Raw = NDArray[Any]
RGB = NDArray[np.uint8]

MAX_PIXELS = 100_000_000
_CHANNELS = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGBA"}


def to_rgb(image: ArrayLike) -> tuple[RGB, tuple[str, ...]]:
    """Turn an image into 8-bit RGB.

    Parameters
    ----------
    image
        (H, W), (H, W, C) or (C, H, W) with 1 to 4 channels, of any real type: grey, RGB, either
        with alpha; 8 to 16 bits, or floats in 0–1 or 0–255.

    Returns
    -------
    rgb : (H, W, 3) uint8
    notes : tuple of str
        One sentence for every conversion.

    Raises
    ------
    VslpError
        If it is no single image, is empty, holds NaN or infinite values, or is larger than
        100 megapixels.
    """
    raw, channel_note = _channels_last(_as_array(image))
    _check_size(raw.shape[0], raw.shape[1])
    pixels, depth_note = to_bytes(raw)
    rgb, colour_note = _to_three(pixels)
    return rgb, tuple(note for note in (channel_note, depth_note, colour_note) if note)


def image_shape(image: ArrayLike) -> tuple[int, int]:
    """Return height and width (px) of an image without converting it."""
    raw = _channels_last(_as_array(image))[0]
    return raw.shape[0], raw.shape[1]


def check_region(region: Box | None, shape: tuple[int, int]) -> Box:
    """Return the region as plain integers; the whole image for None.

    Parameters
    ----------
    region
        Top, left, bottom, right (px); bottom and right are excluded.
    shape
        Height and width of the image (px).

    Raises
    ------
    VslpError
        If the region is empty or reaches outside the image.
    """
    if region is None:
        return 0, 0, shape[0], shape[1]
    top, left, bottom, right = (int(edge) for edge in region)
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise VslpError(
            f"The region from row {top}, column {left} to row {bottom}, column {right} does not "
            f"lie within the image of {shape[0]} × {shape[1]} px: choose a region inside."
        )
    return top, left, bottom, right


def crop(image: ArrayLike, region: Box) -> Raw:
    """Return the region of an image, channels last, nothing else converted.

    Cropping comes before `to_rgb`, so that a region of a huge image costs what the region costs.
    """
    raw = _channels_last(_as_array(image))[0]
    top, left, bottom, right = region
    return raw[top:bottom, left:right]


def _as_array(image: ArrayLike) -> Raw:
    if hasattr(image, "detach"):
        # A tensor of torch may carry gradients or lie on a graphics card.
        image = image.detach().cpu()
    try:
        raw = np.asarray(image)
    except ValueError as error:
        raise VslpError(
            "This is not a single image but a list of arrays: choose one level of it."
        ) from error
    if raw.dtype.kind not in "buif":
        raise VslpError(
            f"Values of type {raw.dtype} are no brightness: give an image of whole or real numbers."
        )
    if raw.ndim < 2:
        raise VslpError("This is not an image: an image has rows and columns.")
    if raw.size == 0:
        raise VslpError("The image is empty: choose one that has pixels.")
    return raw


def _channels_last(raw: Raw) -> tuple[Raw, str]:
    while raw.ndim > 3 and raw.shape[0] == 1:
        raw = raw[0]
    if raw.ndim == 2:
        return raw[:, :, None], ""
    if raw.ndim == 3 and raw.shape[2] in _CHANNELS:
        return raw, ""
    if raw.ndim == 3 and raw.shape[0] in (1, 3, 4):
        return np.moveaxis(raw, 0, 2), "The colour channels came first and were moved to the end."
    shape = " × ".join(str(n) for n in raw.shape)
    raise VslpError(f"This is a stack of images ({shape}): choose one flat image or one plane.")


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise VslpError(
            f"The image has {height} × {width} px, more than {MAX_PIXELS // 1_000_000} megapixels: "
            "choose a region of it."
        )


def _to_three(pixels: RGB) -> tuple[RGB, str]:
    channels = pixels.shape[2]
    if channels == 3:
        return np.ascontiguousarray(pixels), ""
    if channels == 1:
        return np.repeat(pixels, 3, axis=2), "The image is grey; colour would help it."
    colour, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
    if channels == 2:
        colour = np.repeat(colour, 3, axis=2)
    if alpha.min() == 255:
        return np.ascontiguousarray(colour), "The alpha channel is opaque and was left out."
    share = alpha.astype(np.float32) / 255
    laid = colour * share + 255 * (1 - share)
    return np.rint(laid).astype(np.uint8), "The image is see-through in part; it was laid on white."
