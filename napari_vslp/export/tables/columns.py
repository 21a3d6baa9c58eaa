"""Columns of a table, and how they become CSV or a sheet that no spreadsheet misreads."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.export.provenance import for_xml, no_formula

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    title
        With the unit.
    values
        One a row; None where nothing is known.
    number_format
        Of spreadsheets.
    """

    title: str
    values: tuple[Value, ...]
    number_format: str = "General"


def numbers(title: str, values: Sequence[float | None], number_format: str) -> Column:
    """Return a column of real numbers; what is not finite is unknown."""
    plain = (None if value is None else float(value) for value in values)
    known = tuple(v if v is not None and math.isfinite(v) else None for v in plain)
    return Column(title, known, number_format)


def whole(title: str, values: NDArray[np.integer]) -> Column:
    """Return a column of whole numbers."""
    return Column(title, tuple(values.tolist()), "0")


def per_cent(shares: Sequence[float | None]) -> list[float | None]:
    """Return fractions as per cent: 0.55 is 55, not 55.00000000000001."""
    return [None if share is None else round(100 * float(share), 9) for share in shares]


def write_csv(columns: Sequence[Column], path: Path) -> None:
    """Write a table as comma-separated values with decimal points."""
    # Excel takes a file for UTF-8 only if it begins with the mark of it.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([no_formula(column.title) for column in columns])
        for row in zip(*(column.values for column in columns), strict=True):
            writer.writerow([no_formula(v) if isinstance(v, str) else v for v in row])


def write_workbook(sheets: Mapping[str, Sequence[Column]], path: Path) -> None:
    """Write tables as the sheets of a workbook, by their titles.

    Raises
    ------
    VslpError
        If openpyxl is missing.
    """
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise VslpError(
            "Excel files need the package openpyxl: pip install “napari-vslp[export]”, "
            "or write CSV."
        ) from error
    book = Workbook()
    book.remove(book.active)
    for title, columns in sheets.items():
        _fill(book.create_sheet(title), columns)
    book.save(path)


def _fill(sheet: Any, columns: Sequence[Column]) -> None:  # noqa: ANN401 - an extra
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        _set_text(sheet.cell(1, place), column.title)
        sheet.cell(1, place).font = Font(bold=True)
        for row, value in enumerate(column.values, start=2):
            cell = sheet.cell(row, place)
            if isinstance(value, str):
                _set_text(cell, value)
            else:
                cell.value, cell.number_format = value, column.number_format
        longest = max(len(str(value)) for value in (column.title, *column.values))
        sheet.column_dimensions[get_column_letter(place)].width = min(60, longest + 2)


def _set_text(cell: Any, text: str) -> None:  # noqa: ANN401 - an extra
    # Said to be a text, now and when somebody edits it: never a formula.
    cell.value, cell.data_type, cell.quotePrefix = for_xml(text), "s", True
