"""A report as one page A4, PDF: the pictures take what room the words leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from napari_vslp.report.content import RESEARCH_ONLY, Place, TissueRow
from napari_vslp.report.drawn import DrawnReport, Picture
from napari_vslp.report.sheet import FAINT, INK, MARK, WARN, WIDTH, Column, Sheet

_TOP, _BOTTOM = 11.0, 289.0  # mm
_ROW, _HEAD, _HEADING = 5.1, 4.6, 7.4  # mm: of a table's row, its head, the heading above it
_SMALL = 3.0  # mm: a line of small print
_GAP, _CAPTION = 4.0, 6.6  # mm: between pictures, and below each
_LEAST_PICTURE, _MOST_PICTURE = 26.0, 78.0  # mm
_GROUND = (240, 238, 234)

_TISSUES = (
    Column("Tissue", 0, 35),
    Column("Asked", 35, 19, "R"),
    Column("Reached", 54, 15, "R"),
    Column("Band: asked, line: reached", 72, 32),
    Column("Area", 102, 18, "R"),
    Column("Price", 120, 11, "R"),
    Column("The image …", 134, WIDTH - 134),
)
_PLACES = (
    Column("No.", 0, 8, "R"),
    Column("Shown as", 12, 46),
    Column("Could be", 60, 46),
    Column("Area", 106, 22, "R"),
    Column("Row", 130, 13, "R"),
    Column("Column", 143, 14, "R"),
    Column("Looked at", 162, WIDTH - 162),
)


def pdf_of(drawn: DrawnReport) -> bytes:
    """Return the page of a report as a PDF file.

    Its date is fixed, so that the same result gives the same file.

    Raises
    ------
    VslpError
        If fpdf2 is missing.
    """
    report = drawn.report
    sheet = Sheet(report.title, datetime(1970, 1, 1, tzinfo=UTC))
    y = _header(sheet, drawn)
    small = [line for pairs in (report.settings, report.made_with) for line in _small(sheet, pairs)]
    words = _HEADING + _HEAD + _ROW * (len(report.tissues) + bool(report.more_tissues))
    words += _HEADING + _HEAD + _HEADING + _SMALL * (len(small) + 1)
    least = _height(drawn.pictures, _LEAST_PICTURE)
    room = _BOTTOM - y - words - least
    places = report.places[: max(0, int((room - _HEAD) / _ROW))]
    if places:
        words += _HEAD + _ROW * len(places)
    y = _pictures(sheet, drawn.pictures, y, _BOTTOM - words)
    y = _tissues(sheet, report.tissues, report.more_tissues, y)
    y = _places(sheet, report.looked, places, report.count, y)
    y = sheet.heading("Settings and versions", y, _HEADING)
    price = (
        "Price: above 0 the image shows less of the tissue than was asked, below 0 more (nats/px)."
    )
    for line in (*small, price):
        sheet.line(0, y, WIDTH, _SMALL, line, 6.6, FAINT)
        y += _SMALL
    return sheet.finished()


def _header(sheet: Sheet, drawn: DrawnReport) -> float:
    report = drawn.report
    sheet.line(0, _TOP, WIDTH - 68, 8, report.title, 16, INK)
    sheet.line(WIDTH - 66, _TOP, 66, 8, RESEARCH_ONLY, 9.5, WARN, "R")
    sheet.line(0, _TOP + 8.2, WIDTH, 4.4, report.about, 8.5, FAINT)
    sheet.line(0, _TOP + 12.6, WIDTH, 4.6, report.quality, 9, INK)
    y = _TOP + 18.2
    lines = [line for note in report.notes for line in sheet.lines(note, WIDTH - 4, 8.5, 2)]
    if lines:
        sheet.box(0, y + 0.4, 0.8, 4.2 * len(lines), WARN)
    for line in lines:
        sheet.line(3, y + 0.4, WIDTH - 3, 4.2, line, 8.5, INK)
        y += 4.2
    return y + 1.5


def _columns(pictures: Sequence[Picture]) -> int:
    return 2 if len(pictures) <= 4 else 3


def _height(pictures: Sequence[Picture], each: float) -> float:
    return -(-len(pictures) // _columns(pictures)) * (each + _CAPTION)


def _pictures(sheet: Sheet, pictures: Sequence[Picture], y: float, bottom: float) -> float:
    columns = _columns(pictures)
    wide = (WIDTH - _GAP * (columns - 1)) / columns
    rows = -(-len(pictures) // columns)
    fits = max(one.height / one.width for one in pictures) * wide
    each = min(_MOST_PICTURE, fits, (bottom - y) / rows - _CAPTION)
    for index, one in enumerate(pictures):
        left = index % columns * (wide + _GAP)
        top = y + index // columns * (each + _CAPTION)
        sheet.picture(left, top, wide, each, one)
        caption = sheet.lines(f"{one.title}: {one.caption}", wide, 7, 2)
        for number, line in enumerate(caption):
            sheet.line(left, top + each + 0.5 + 2.8 * number, wide, 2.8, line, 7, FAINT)
    return y + _height(pictures, each)


def _tissues(sheet: Sheet, rows: Sequence[TissueRow], more: int, y: float) -> float:
    y = sheet.heading("Shares and areas", y, _HEADING)
    y = sheet.head(_TISSUES, y, _HEAD)
    swatch = 3.2
    for row in rows:
        sheet.box(0, y + (_ROW - swatch) / 2, swatch, swatch, row.colour)
        texts = ("", row.asked, row.reached, "", row.area, row.price, row.says)
        sheet.row(_TISSUES, texts, y, _ROW)
        sheet.line(5, y, _TISSUES[0].width - 5, _ROW, row.name, 8.5, INK)
        _bar(sheet, row, _TISSUES[3], y)
        y += _ROW
    if more:
        sheet.line(0, y, WIDTH, _ROW, f"and {more} more, which areas.csv lists.", 8.5, FAINT)
        y += _ROW
    return y


def _bar(sheet: Sheet, row: TissueRow, column: Column, y: float) -> None:
    left, wide, middle = column.left, column.width - 2, y + _ROW / 2
    sheet.box(left, middle - 1.7, wide, 3.4, _GROUND)
    band = max(wide * (row.high - row.low), 0.3)
    sheet.box(left + min(wide * row.low, wide - band), middle - 1.1, band, 2.2, row.colour)
    at = left + min(max(wide * row.share, 0.25), wide - 0.25)
    sheet.box(at - 0.25, middle - 1.9, 0.5, 3.8, INK)


def _places(sheet: Sheet, looked: str, places: Sequence[Place], count: int, y: float) -> float:
    y = sheet.heading("Doubtful places", y, _HEADING)
    first = f" The first {len(places)}:" if 0 < len(places) < count else ""
    sheet.line(0, y, WIDTH, _HEAD, looked + first, 8.5, INK)
    y += _HEAD
    if not places:
        return y
    y = sheet.head(_PLACES, y, _HEAD)
    for one in places:
        at = (str(one.at[0]), str(one.at[1]))
        told = {True: "yes", False: "no", None: "not recorded"}[one.looked]
        texts = (str(one.number), one.shown, one.other, one.area, *at, "" if one.looked else told)
        sheet.row(_PLACES, texts, y, _ROW)
        if one.looked:
            sheet.line(_PLACES[-1].left, y, _PLACES[-1].width, _ROW, told, 8.5, MARK)
        y += _ROW
    return y


def _small(sheet: Sheet, pairs: Sequence[tuple[str, str]]) -> list[str]:
    text = " · ".join(f"{what}: {value}" for what, value in pairs)
    return sheet.lines(f"{text}.", WIDTH, 6.6, 4)
