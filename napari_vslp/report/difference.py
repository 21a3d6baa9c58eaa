"""The picture of where two results differ, with a legend."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from napari_vslp.export.lettering import Lettering
from napari_vslp.review.compare import Comparison

_SAME, _ELSEWHERE = (226, 226, 222), (255, 255, 255)
_INK = (40, 40, 40)
_LONGEST_SIDE = 2048


def draw_difference(comparison: Comparison) -> Image.Image:
    """Draw agreement in grey and each pair of tissues in its colour; made smaller above 2048 px."""
    step = max(1, -(-max(comparison.difference.shape) // _LONGEST_SIDE))
    difference = comparison.difference[::step, ::step]
    colours = np.array([_SAME, *(pair.colour for pair in comparison.pairs)], np.uint8)
    drawn = colours[difference]
    drawn[~comparison.compared[::step, ::step]] = _ELSEWHERE
    lines = [("the same", 1 - comparison.differ, _SAME)]
    lines += [(pair.title, pair.share, pair.colour) for pair in comparison.pairs]
    picture = Image.fromarray(drawn)
    size = int(min(32, max(13, picture.width / 40)))
    letters, row = Lettering(size), int(size * 1.7)
    texts = [f"{title}  {100 * share:.1f} %" for title, share, _ in lines]
    width = max(picture.width, row * 2 + int(max(map(letters.length, texts))) + row)
    sheet = Image.new("RGB", (width, picture.height + row * (len(lines) + 1)), "white")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for index, (text, (_, _, colour)) in enumerate(zip(texts, lines, strict=True), start=1):
        middle, half = picture.height + row * index, size // 2
        draw.rectangle((row // 2, middle - half, row // 2 + size, middle + half), fill=colour)
        letters.draw(draw, (row * 2, middle), text, _INK)
    return sheet
