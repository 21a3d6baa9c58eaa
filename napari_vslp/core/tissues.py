"""Weak labels: tissues with their proportion intervals and clicks.

Everything here is plain data, shared by the window, the command line and the science.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from napari_vslp.core.errors import VslpError

Colour = tuple[int, int, int]

# Chosen by measurement (benchmarks/colours.py, docs/colours.md): told apart over five stains, by
# colour-blind eyes too, and unlike any of them. White background comes last in most tables: grey.
PALETTE: tuple[Colour, ...] = (
    (102, 255, 204),
    (255, 102, 51),
    (102, 0, 204),
    (255, 255, 0),
    (0, 0, 51),
    (102, 0, 0),
    (204, 102, 255),
    (150, 150, 150),
)


@dataclass(frozen=True)
class Tissue:
    """One tissue and what is known of its share of the image.

    Attributes
    ----------
    name
        As the pathologist writes it.
    value
        Typed proportion in [0, 1]; None if unknown.
    tolerance
        Half-width of the interval around `value`, as a fraction.
    colour
        RGB, 0–255.
    locked
        Whether the slider stays put while another one is moved.
    typed
        Whether a hand typed the number: it then gives way to no other, and 0 ± 5 means 0 to 5.
    remembered
        The number to come back when an unknown share is known again.
    id
        What clicks and paint refer to, so that a rename moves nothing: a name is no identity. By
        default the first name.
    """

    name: str
    value: float | None = None
    tolerance: float = 0.05
    colour: Colour = PALETTE[0]
    locked: bool = False
    id: str = ""
    typed: bool = False
    remembered: float | None = None

    def __post_init__(self) -> None:
        """Take the first name as the identity."""
        if not self.id:
            object.__setattr__(self, "id", self.name)

    @property
    def interval(self) -> tuple[float, float]:
        """Lowest and highest proportion asked for, within [0, 1].

        A share of 0 % that no hand typed means that the tissue is not there, whatever its
        tolerance: five points of a tissue that is absent cost more than five points of one that
        is present (docs/accuracy.md).
        """
        if self.value is None:
            return 0.0, 1.0
        if self.value == 0 and not self.typed:
            return 0.0, 0.0
        # Rounding keeps 0.3 ± 0.1 at [0.2, 0.4] instead of [0.19999999999999998, 0.4].
        low = round(self.value - self.tolerance, 9)
        high = round(self.value + self.tolerance, 9)
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class Click:
    """One point that a pathologist gave a tissue.

    Attributes
    ----------
    tissue
        `Tissue.id` of the tissue, which is its name unless that was changed.
    row, column
        Pixel indices in the image (level 0), row downwards.
    """

    tissue: str
    row: int
    column: int


_TISSUE = re.compile(
    r"^\s*(?P<name>[^=]+?)\s*=\s*(?:(?P<unknown>\?)|(?P<value>\d+(?:[.,]\d+)?)\s*%?"
    r"\s*(?:(?:±|\+-|\+/-)\s*(?P<tolerance>\d+(?:[.,]\d+)?)\s*%?)?)\s*$"
)
_CLICK = re.compile(
    r"^\s*(?P<name>.+?)\s*:\s*(?P<row>-?\d+(?:\.\d+)?)\s*,\s*(?P<column>-?\d+(?:\.\d+)?)\s*$"
)
# Line breaks and other control signs, and halves of broken UTF-8.
_UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}


def parse_tissue(text: str, colour: Colour = PALETTE[0]) -> Tissue:
    """Read one tissue written as ``gland=60±5``, ``gland=60+-5``, ``other=40`` or ``gland=?``.

    A number without ``±`` is met exactly (tolerance 0). Numbers are per cent. ``0±4`` is read as
    ``2±2``, the same interval, since 0 alone means that the tissue is absent.

    Raises
    ------
    VslpError
        If the text is not of that form or a number is not between 0 and 100.
    """
    found = _TISSUE.match(text)
    if found is None:
        raise VslpError(
            f"“{text}” is not a tissue with its share: write name=per cent, "
            "such as gland=60±5, other=40 or gland=?."
        )
    name = same_spelling(found["name"])
    if found["unknown"]:
        return Tissue(name, None, 0.0, colour)
    value = _per_cent(found["value"], name)
    tolerance = _per_cent(found["tolerance"] or "0", name)
    if value == 0:
        value = tolerance = tolerance / 2
    return Tissue(name, value, tolerance, colour)


def parse_click(text: str) -> Click:
    """Read one click written as ``gland:ROW,COLUMN`` (px), rounded to the nearest pixel.

    The name may hold colons itself: ``CD3:pos:120,64``.
    """
    found = _CLICK.match(text)
    if found is None:
        raise VslpError(f"“{text}” is not a click: write tissue:row,column, such as gland:120,64.")
    row, column = (math.floor(float(found[side]) + 0.5) for side in ("row", "column"))
    return Click(same_spelling(found["name"]), row, column)


def same_spelling(name: str) -> str:
    """Return a name with letters and their accents composed (NFC): one word is one text."""
    return unicodedata.normalize("NFC", name.strip())


def _per_cent(text: str, name: str) -> float:
    value = float(text.replace(",", "."))
    if not 0 <= value <= 100:
        raise VslpError(f"{name} is given {value:g} %: a share lies between 0 and 100 %.")
    return value / 100


def coloured(tissues: Sequence[Tissue]) -> list[Tissue]:
    """Give each tissue the palette's next colour, in order."""
    return [replace(t, colour=PALETTE[i % len(PALETTE)]) for i, t in enumerate(tissues)]


def check_tissues(tissues: Sequence[Tissue], trust: str = "interval") -> None:
    """Raise `VslpError` unless the tissues can be segmented as asked.

    There must be at least two, with different names, with numbers that can sum to 100 %.
    """
    if len(tissues) < 2:
        raise VslpError("At least two tissues are needed: add another one, such as “other”.")
    seen: set[str] = set()
    for tissue in tissues:
        _check_one(tissue, seen)
    if trust == "none":
        return
    low = sum(t.interval[0] for t in tissues)
    high = sum(t.interval[1] for t in tissues)
    if low > 1 + 1e-6:
        raise VslpError(
            f"The shares add up to at least {low:.1%}, more than 100 %: "
            "lower one of them or widen its ±."
        )
    if high < 1 - 1e-6:
        raise VslpError(
            f"The shares add up to at most {high:.1%}, less than 100 %: "
            "raise one of them or widen its ±."
        )


def _check_one(tissue: Tissue, seen: set[str]) -> None:
    key = same_spelling(tissue.name).casefold()
    if not key:
        raise VslpError("A tissue has no name: give every tissue a name.")
    if any(unicodedata.category(letter) in _UNWRITABLE for letter in tissue.name):
        raise VslpError(
            f"The name of the tissue {tissue.name!a} holds a line break or signs that are no "
            "text: write it in letters."
        )
    if key in seen:
        raise VslpError(f"Two tissues are called “{tissue.name}”: give each its own name.")
    seen.add(key)
    for number in (tissue.value, tissue.tolerance):
        if number is not None and not (math.isfinite(number) and 0 <= number <= 1):
            raise VslpError(f"The share of {tissue.name} must lie between 0 and 100 %.")


def admitting(tissues: Sequence[Tissue], marked: Collection[str]) -> tuple[Tissue, ...]:
    """Return the table with marked tissues of exactly 0 % unknown: a click outweighs a zero.

    Parameters
    ----------
    marked
        Ids of the tissues that were clicked or painted.
    """
    return tuple(
        replace(t, value=None) if t.id in marked and t.interval == (0.0, 0.0) else t
        for t in tissues
    )


def clicks_by_id(clicks: Sequence[Click], tissues: Sequence[Tissue]) -> tuple[Click, ...]:
    """Return clicks that refer to tissues by id, from clicks that give an id or a name.

    A click of no tissue comes back as it is, for `check_clicks` to refuse.
    """
    ids = {t.name: t.id for t in tissues} | {t.id: t.id for t in tissues}
    return tuple(replace(c, tissue=ids.get(c.tissue, c.tissue)) for c in clicks)


def check_clicks(
    clicks: Sequence[Click], tissues: Sequence[Tissue], shape: tuple[int, int]
) -> None:
    """Raise `VslpError` for a click outside the image, of no tissue, or against another click.

    Parameters
    ----------
    shape
        Height and width of the image (px).
    """
    names = {t.id: t.name for t in tissues}
    taken: dict[tuple[int, int], str] = {}
    for click in clicks:
        if click.tissue not in names:
            raise VslpError(
                f"A click names the tissue “{click.tissue}”, which is not among "
                f"{', '.join(sorted(names.values()))}: correct its name or add that tissue."
            )
        name, at = names[click.tissue], (click.row, click.column)
        if not (0 <= at[0] < shape[0] and 0 <= at[1] < shape[1]):
            raise VslpError(
                f"The click for {name} at row {at[0]}, column {at[1]} lies outside the "
                f"image of {shape[0]} × {shape[1]} px: move it inside."
            )
        if taken.setdefault(at, name) != name:
            raise VslpError(
                f"{taken[at]} and {name} are both clicked at row {at[0]}, "
                f"column {at[1]}: remove one of the two."
            )
