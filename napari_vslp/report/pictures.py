"""The pictures of a report: the image, the tissues outlined, and where the energy lies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_vslp.core.segmentation import FIDELITY, REGULARISATION, FloatMap, Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.export.contract import RGB
from napari_vslp.export.lettering import Lettering
from napari_vslp.export.overlay import tinted
from napari_vslp.report.content import Place

SIDE = 900  # px of the longer side
_MARK = 20  # px: radius of the disc that holds a place's number
_LETTERS = 26
_LOOKED, _OPEN = (40, 120, 90), (20, 20, 20)
# Of full strength: the colours of the same maps in the window.
_MAP_COLOURS: dict[str, tuple[Colour, Colour]] = {
    FIDELITY: ((0x6A, 0x00, 0x48), (0xFF, 0x20, 0xD0)),
    REGULARISATION: ((0x10, 0x10, 0x10), (0xFF, 0xFF, 0xFF)),
}
_OTHER_COLOURS = ((0x00, 0x3A, 0x44), (0x30, 0xE0, 0xFF))
# Where the middle colour lies, how opaque it is there, and how opaque the map is as a whole.
_MIDDLE, _MIDDLE_ALPHA, _OPACITY = 0.4, 0.75, 0.9
_BACKGROUND = 0.6  # of the image's brightness below a map


def fitted(image: RGB) -> RGB:
    """Return an image (h, w, 3) whose longer side is `SIDE` px, smooth if it has to be enlarged."""
    size = _size(image.shape[:2])
    how = Image.Resampling.BICUBIC if size[1] > image.shape[0] else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize(size, how))


def photograph(result: Segmentation, image: RGB) -> RGB:
    """Return the image with a scale bar, where the pixel size is known."""
    picture = Image.fromarray(fitted(image))
    if result.pixel_size_um is not None:
        _draw_scale(picture, result.pixel_size_um[1] * image.shape[1] / picture.width)
    return np.asarray(picture)


def overlay(result: Segmentation, image: RGB, places: Sequence[Place]) -> RGB:
    """Return the image with the tissues tinted and outlined, and numbers at doubtful places."""
    small = fitted(image)
    labels = _nearest(result.labels, small.shape[:2])
    picture = Image.fromarray(tinted(small, labels, result.tissues))
    draw, letters = ImageDraw.Draw(picture), Lettering(_LETTERS)
    scale = np.array(small.shape[:2]) / result.labels.shape
    for place in reversed(places):  # the first one on top
        row, column = (np.subtract(place.at, result.region[:2]) + 0.5) * scale
        x, y = (
            min(max(_MARK + 1, float(at)), side - _MARK - 2)
            for at, side in ((column, picture.width), (row, picture.height))
        )
        disc = (x - _MARK, y - _MARK, x + _MARK, y + _MARK)
        draw.ellipse(disc, fill=_LOOKED if place.looked else _OPEN, outline="white", width=2)
        text = str(place.number)
        letters.draw(draw, (x - letters.length(text) / 2, y), text, (255, 255, 255))
    return np.asarray(picture)


def energy_map(result: Segmentation, image: RGB, name: str) -> RGB:
    """Return one term of the energy over the darkened grey image, in the window's colours."""
    small = fitted(image).astype(np.float32)
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32) * _BACKGROUND
    values = _resized(result.terms[name].map / brightest(result.terms[name].map), small.shape[:2])
    middle, high = (np.array(c, np.float32) for c in _MAP_COLOURS.get(name, _OTHER_COLOURS))
    upper = np.clip((values - _MIDDLE) / (1 - _MIDDLE), 0, 1)[..., None]
    colour = middle + (high - middle) * upper
    alpha = np.interp(values, (0.0, _MIDDLE, 1.0), (0.0, _MIDDLE_ALPHA, 1.0))[..., None] * _OPACITY
    mixed = grey[..., None] * (1 - alpha) + colour * alpha
    drawn: RGB = np.rint(mixed).clip(0, 255).astype(np.uint8)
    return drawn


def brightest(values: FloatMap) -> float:
    """Return the value (nats per px) that a map shows brightest: one pixel in 200 exceeds it."""
    return max(float(np.percentile(values, 99.5)), 1e-3) if values.size else 1.0


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height of a picture of an image of this shape."""
    scale = SIDE / max(shape[:2])
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _nearest(labels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape[:2], labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def _resized(values: FloatMap, shape: tuple[int, ...]) -> FloatMap:
    picture = Image.fromarray(np.clip(values, 0, 1).astype(np.float32), "F")
    larger = shape[0] >= values.shape[0]
    how = Image.Resampling.BILINEAR if larger else Image.Resampling.BOX
    return np.asarray(picture.resize((shape[1], shape[0]), how))


def _draw_scale(picture: Image.Image, um_per_px: float) -> None:
    """Draw a bar of a round length, about a fifth of the width, into the lower left corner."""
    about = um_per_px * picture.width / 5
    power = 10.0 ** math.floor(math.log10(about))
    length = max(step * power for step in (1, 2, 5) if step * power <= about)
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    letters, draw = Lettering(_LETTERS), ImageDraw.Draw(picture)
    bar = length / um_per_px
    width = max(bar, letters.length(text))
    left, bottom = 14, picture.height - 14
    draw.rectangle((left - 8, bottom - 40, left + width + 8, bottom + 8), fill=(255, 255, 255))
    draw.rectangle((left, bottom - 6, left + bar, bottom), fill=(20, 20, 20))
    letters.draw(draw, (left, bottom - 24), text, (20, 20, 20))
