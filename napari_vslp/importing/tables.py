"""The shares of a cohort from CSV or Excel: the row that names the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import check_plain
from napari_vslp.core.inputs import Inputs
from napari_vslp.importing.contract import Imported, Importer, count
from napari_vslp.importing.names import TOLERANCE, closest, table_of
from napari_vslp.learning.shares import read_intervals, tissue_names
from napari_vslp.learning.table import Columns, Row, Table, find_columns, key, read_table

_MOST_CELLS = 2_000_000
# What openpyxl raises for a file that is no workbook.
_DAMAGED = (BadZipFile, LookupError, ValueError, TypeError, AttributeError, SyntaxError)


class TableShares(Importer):
    """The shares that a table gives the image."""

    name = "shares"
    title = "Shares from a table"
    suffixes = (".csv", ".tsv", ".xlsx")

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read the row of the image; per cent, ± and decimal commas as in `train`'s table."""
        table = _workbook(path) if path.suffix.lower() == ".xlsx" else read_table(path)
        columns = find_columns(table, None)
        row = _row_of(table, columns, inputs.image.name)
        low, high = read_intervals(table, columns, [row], TOLERANCE, named=False)
        names = tissue_names(columns)
        shares = {
            name: _share(float(a), float(b))
            for name, a, b in zip(names, low[0], high[0], strict=True)
        }
        return Imported(
            f"Imported from {path.name}, line {row.line}: the shares of "
            f"{count(len(names), 'tissue')}.",
            tissues=table_of(shares, inputs.tissues, path),
            title="import shares",
        )


def _share(low: float, high: float) -> tuple[float | None, float | None]:
    if (low, high) == (0.0, 1.0):
        return None, None
    return round((low + high) / 2, 9), round((high - low) / 2, 9)


def _row_of(table: Table, columns: Columns, image: str) -> Row:
    """Return the only row of an image, by its file's name, with or without its ending."""
    at = columns.reserved["image"]
    names = [row.cells[at] for row in table.rows]
    for form in (_file, _stem):
        found = [row for row in table.rows if form(row.cells[at]) == form(image)]
        if len(found) > 1:
            raise VslpError(
                f"“{table.path.name}” names “{image}” in lines {found[0].line} and "
                f"{found[1].line}: delete one of them."
            )
        if found:
            return found[0]
    near = closest(image, names)
    meant = f"did you mean “{near}”? Rename one of them." if near else "add a row for it."
    raise VslpError(f"“{table.path.name}” has no row of the image “{image}”: {meant}")


def _file(name: str) -> str:
    return key(name.replace("\\", "/").rpartition("/")[2])


def _stem(name: str) -> str:
    return _file(name).rpartition(".")[0] or _file(name)


def _workbook(path: Path) -> Table:
    """Return the first sheet of a workbook as text."""
    check_plain(path)
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise VslpError(
            "Excel files need the package openpyxl: pip install “napari-vslp[export]”, or save "
            "the table as CSV."
        ) from error
    rows: list[Row] = []
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        if (sheet.max_row or 0) * (sheet.max_column or 0) > _MOST_CELLS:
            raise VslpError(f"“{path.name}” is too large for a table of shares: save it as CSV.")
        for line, cells in enumerate(sheet.iter_rows(), start=1):
            rows.append(Row(line, tuple(_text(cell) for cell in cells)))
        book.close()
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({error.strerror}): check its name.") from error
    except _DAMAGED as error:
        raise VslpError(f"“{path.name}” is no Excel workbook: save it again, or as CSV.") from error
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        raise VslpError(f"“{path.name}” is empty: write one row per image under a header.")
    width = max(i + 1 for i, name in enumerate(rows[0].cells) if name)
    cut = [Row(row.line, (*row.cells, *[""] * width)[:width]) for row in rows]
    return Table(path, cut[0].cells, tuple(cut[1:]))


def _text(cell: Any) -> str:  # noqa: ANN401 - of an extra
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        per_cent = "%" in str(cell.number_format)
        number = np.format_float_positional(100 * value if per_cent else value, 9, trim="-")
        return f"{number}%" if per_cent else number
    return str(value).strip()


table_shares = TableShares()
