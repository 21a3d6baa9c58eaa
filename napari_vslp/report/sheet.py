"""A sheet of paper A4 to put words, boxes and pictures on, all measured in mm."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from typing import Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Colour
from napari_vslp.report.drawn import Picture

MARGIN, PAPER = 13.0, 210.0  # mm
WIDTH = PAPER - 2 * MARGIN
INK, FAINT, MARK, WARN = (34, 38, 43), (100, 107, 115), (11, 110, 79), (156, 47, 13)
RULE = (220, 216, 208)
Align = Literal["L", "R"]
_TEXT = 8.5  # pt: of tables
# Most scripts, and what of East Asia the first one lacks: the fonts of the pictures' legends.
_FONTS = {"sans": "NotoSans-subset.ttf", "cjk": "NotoSansCJK-subset.otf"}


@dataclass(frozen=True)
class Column:
    """One column of a table: its title, where it lies (mm from the left margin), its alignment."""

    title: str
    left: float
    width: float
    align: Align = "L"


class Sheet:
    """One page; x is counted from the left margin, y from the upper edge of the paper.

    Parameters
    ----------
    title
        Of the document.
    date
        When it was made, as the file tells it.

    Raises
    ------
    VslpError
        If fpdf2 is missing.
    """

    def __init__(self, title: str, date: datetime) -> None:
        try:
            from fpdf import FPDF
        except ImportError as error:
            raise VslpError(
                "PDF files need the package fpdf2: pip install “napari-vslp[export]”, "
                "or write report.html."
            ) from error
        self._pdf = FPDF(unit="mm", format="A4")
        self._pdf.set_creation_date(date)
        self._pdf.set_creator("napari-vslp")
        self._pdf.set_lang("en-GB")
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.set_auto_page_break(False)
        for family, name in _FONTS.items():
            with as_file(files("napari_vslp") / "data" / name) as path:
                self._pdf.add_font(family, "", path)
        self._pdf.set_fallback_fonts(["cjk"])
        self._letters = {
            code
            for one in self._pdf.fonts.values()
            for code in getattr(one, "cmap", ())
            if unicodedata.category(chr(code)) != "Cf"  # marks that would turn the line round
        }
        self._pdf.set_title(self._printable(title))
        self._pdf.add_page()

    def line(  # noqa: PLR0917 - where, what and how, in the order of all drawing
        self,
        x: float,
        y: float,
        wide: float,
        high: float,
        text: str,
        size: float,
        colour: Colour,
        align: Align = "L",
    ) -> None:
        """Write one line, cut short where it is too long, in the middle of a height."""
        self._pdf.set_font("sans", size=size)
        self._pdf.set_text_color(*colour)
        self._pdf.set_xy(MARGIN + x, y)
        self._pdf.cell(wide, high, self._cut(self._printable(text), wide), align=align)

    def lines(self, text: str, wide: float, size: float, most: int) -> list[str]:
        """Return a text broken into at most so many lines of a width."""
        self._pdf.set_font("sans", size=size)
        broken = self._pdf.multi_cell(
            wide, 4, self._printable(text), align="L", dry_run=True, output="LINES"
        )
        found = [str(line) for line in broken] if isinstance(broken, list) else []
        if len(found) > most:
            found = [*found[: most - 1], f"{found[most - 1].rstrip()[:-1]}…"]
        return found

    def heading(self, text: str, y: float, high: float) -> float:
        """Write a heading at the lower end of a height; return where it ends."""
        self.line(0, y + high - 5.2, WIDTH, 5, text, 10.5, INK)
        return y + high

    def head(self, columns: Sequence[Column], y: float, high: float) -> float:
        """Write the head of a table; return where it ends."""
        for one in columns:
            self.line(one.left, y, one.width, high, one.title, 7, FAINT, one.align)
        self.box(0, y + high, WIDTH, 0.25, INK)
        return y + high

    def row(self, columns: Sequence[Column], texts: Sequence[str], y: float, high: float) -> None:
        """Write one row of a table, with a rule below it."""
        for one, text in zip(columns, texts, strict=True):
            self.line(one.left, y, one.width, high, text, _TEXT, INK, one.align)
        self.box(0, y + high, WIDTH, 0.15, RULE)

    def box(self, x: float, y: float, wide: float, high: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self._pdf.set_fill_color(*colour)
        self._pdf.rect(MARGIN + x, y, wide, high, style="F")

    def picture(self, x: float, y: float, wide: float, high: float, one: Picture) -> None:
        """Put a picture into the upper left corner of a box, as large as fits."""
        scale = min(wide / one.width, high / one.height)
        self._pdf.image(
            io.BytesIO(one.file),
            MARGIN + x,
            y,
            one.width * scale,
            one.height * scale,
            alt_text=self._printable(f"{one.title}: {one.caption}"),
        )

    def finished(self) -> bytes:
        """Return the file."""
        return bytes(self._pdf.output())

    def _printable(self, text: str) -> str:
        """Return a text on one line in letters that the fonts have; others by their number."""
        letters = (" " if one.isspace() else one for one in unicodedata.normalize("NFC", text))
        return "".join(one if ord(one) in self._letters else f"[{ord(one):X}]" for one in letters)

    def _cut(self, text: str, wide: float) -> str:
        if self._pdf.get_string_width(text) <= wide:
            return text
        while text and self._pdf.get_string_width(f"{text}…") > wide:
            text = text[:-1]
        return f"{text.rstrip()}…"
