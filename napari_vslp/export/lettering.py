"""Text in pictures in any common script: each letter from the first font that has it."""

from __future__ import annotations

import functools
import itertools
import unicodedata
from importlib.resources import files

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FONTS = ("NotoSans-subset.ttf", "NotoSansCJK-subset.otf")
# No font has a letter here: what it draws for it is its box for all that it lacks.
_LACKED = "\uffff"


class Lettering:
    """Letters of one size.

    Parameters
    ----------
    size
        Height of a line (px).
    """

    def __init__(self, size: int) -> None:
        self._fonts = _fonts(size)

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        at: tuple[float, float],
        text: str,
        colour: tuple[int, int, int],
    ) -> float:
        """Draw text whose left middle is at (x, y); return where it ends (x)."""
        across, down = at
        for font, part in self._parts(text):
            canvas.text((across, down), part, colour, font, anchor="lm")
            across += canvas.textlength(part, font)
        return across

    def length(self, text: str) -> float:
        """Return how wide a text is (px)."""
        return sum(font.getlength(part) for font, part in self._parts(text))

    def _parts(self, text: str) -> list[tuple[Font, str]]:
        """Cut a text where the font has to change; what no font has is written as its number."""
        chosen: list[tuple[int, str]] = []
        for sign in unicodedata.normalize("NFC", text):
            letter = " " if sign.isspace() else sign
            if unicodedata.combining(letter) and chosen:
                # An accent stays with its letter.
                chosen[-1] = (chosen[-1][0], chosen[-1][1] + letter)
                continue
            index = next((i for i, font in enumerate(self._fonts) if _has(font, letter)), None)
            chosen.append((0, f"[{ord(letter):X}]") if index is None else (index, letter))
        one = max((index for index, _ in chosen), default=0)
        if all(_has(self._fonts[one], letter) for _, part in chosen for letter in part):
            # A word looks better in one font than with single letters of another.
            chosen = [(one, part) for _, part in chosen]
        return [
            (self._fonts[index], "".join(part for _, part in parts))
            for index, parts in itertools.groupby(chosen, key=lambda each: each[0])
        ]


@functools.lru_cache(maxsize=8)
def _fonts(size: int) -> tuple[Font, ...]:
    folder = files("napari_vslp") / "data"
    own = [ImageFont.truetype(str(folder / name), size) for name in _FONTS]
    return ImageFont.load_default(size), *own


@functools.lru_cache(maxsize=4096)
def _has(font: Font, letter: str) -> bool:
    if letter.isspace():
        return True
    shape, box = font.getmask(letter), font.getmask(_LACKED)
    return (shape.size, bytes(shape)) != (box.size, bytes(box))
