"""The picture to show others: the image, its tissues outlined, and what share each one has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.lettering import Lettering

_LONGEST_SIDE = 2048
_TINT = 0.22
_SIDE_PER_LINE = 250  # px of image to each px of line
_INK = (40, 40, 40)
_FAINT = (120, 120, 120)


def draw_overlay(result: Segmentation, image: RGB) -> Image.Image:
    """Draw tinted tissues with outlines over the image, and a legend below it.

    Parameters
    ----------
    image
        (h, w, 3) uint8, the segmented region; it is made smaller if a side is longer than 2048 px.
    """
    step = max(1, -(-max(image.shape[:2]) // _LONGEST_SIDE))
    small = Image.fromarray(image)
    if step > 1:
        small = small.reduce(step)
    labels = result.labels[::step, ::step]
    return _with_legend(Image.fromarray(tinted(np.asarray(small), labels, result.tissues)), result)


def tinted(image: RGB, labels: NDArray[np.uint8], tissues: tuple[Tissue, ...]) -> RGB:
    """Return an image with its tissues tinted and outlined in their colours.

    Parameters
    ----------
    image
        (h, w, 3) uint8.
    labels
        (h, w): 0 nothing, i + 1 the tissue i.
    """
    colours = np.zeros((256, 3), np.float32)
    for index, tissue in enumerate(tissues):
        colours[index + 1] = tissue.colour
    colour = colours[labels]
    strength = np.where(labels > 0, _TINT, 0.0).astype(np.float32)
    strength[_outline(labels)] = 1.0
    mixed = image + (colour - image) * strength[:, :, None]
    return np.rint(mixed).astype(np.uint8)


def _outline(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the pixels along each border, on both sides, so that each has its tissue's colour."""
    line = np.zeros(labels.shape, bool)
    for away in range(1, 1 + max(1, max(labels.shape) // _SIDE_PER_LINE)):
        down = labels[away:] != labels[:-away]
        line[away:] |= down
        line[:-away] |= down
        across = labels[:, away:] != labels[:, :-away]
        line[:, away:] |= across
        line[:, :-away] |= across
    return line & (labels > 0)


def _with_legend(picture: Image.Image, result: Segmentation) -> Image.Image:
    size = int(min(32, max(13, picture.width / 40)))
    letters = Lettering(size)
    row = int(size * 1.7)
    width = max(picture.width, row * 2 + int(max(_widths(result, letters))))
    sheet = Image.new("RGB", (width, picture.height + row * (len(result.tissues) + 1)), "white")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for index, tissue in enumerate(result.tissues):
        middle = picture.height + row * (index + 1)
        half = size // 2
        box = (row // 2, middle - half, row // 2 + 2 * half, middle + half)
        draw.rectangle(box, fill=tissue.colour)
        start = (row * 2, middle)
        after = letters.draw(draw, start, f"{tissue.name}  ", _INK)
        letters.draw(draw, (after, middle), _shares(result, tissue), _FAINT)
    return sheet


def _widths(result: Segmentation, letters: Lettering) -> list[float]:
    return [letters.length(f"{t.name}  {_shares(result, t)}  ") for t in result.tissues]


def _shares(result: Segmentation, tissue: Tissue) -> str:
    low, high = result.asked[tissue.name]
    reached = f"{100 * result.reached[tissue.name]:.1f} %"
    if (low, high) == (0.0, 1.0):
        return reached
    asked = f"{100 * low:g} %" if low == high else f"{100 * low:g} to {100 * high:g} %"
    return f"{reached}  (asked: {asked})"


class Overlay(Exporter):
    """The image with the tissues outlined and a legend, as PNG."""

    name = "overlay.png"
    title = "Overlay with legend, PNG"
    suffixes = (".png",)
    default = True

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Draw and write the picture."""
        draw_overlay(result, image).save(path, format="PNG")
        return [path]


overlay = Overlay()
