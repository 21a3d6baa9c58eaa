"""The table of a cohort as text: its lines, its separator and its reserved columns."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from napari_vslp.core.errors import VslpError

_RESERVED = {
    **dict.fromkeys(("image", "file", "path", "filename"), "image"),
    # The micro sign, the Greek letter (which casefold makes of it) and what keyboards have.
    **dict.fromkeys(("mpp", "microns_per_pixel", "μm/px", "um/px"), "mpp"),
    **{name: name for name in ("mask", "case", "split", "region", "width", "height")},
}


class Row(NamedTuple):
    """The cells of one row, as many as the header has, and its line in the file."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A CSV as text: no cell has blanks around it, no row is empty."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]

    def at(self, line: int) -> str:
        """Return where a line is, for the beginning of a message."""
        return f"Line {line} of “{self.path.name}”"


def read_table(path: Path) -> Table:
    """Read a CSV in UTF-8 whose cells are separated by commas, semicolons or tabs.

    Raises
    ------
    VslpError
        If it is missing, unreadable, no text or empty, or if a row is of another length.
    """
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        reader = csv.reader(io.StringIO(text, newline=None), delimiter=_separator(first))
        rows = [Row(reader.line_num, tuple(cell.strip() for cell in cells)) for cells in reader]
    except csv.Error as error:
        raise VslpError(f"“{path}” is no table ({error}): save it as CSV again.") from error
    rows = [row for row in rows if any(row.cells)]
    if not rows:
        raise VslpError(f"“{path}” is empty: write one row per image under a header.")
    table = Table(path, rows[0].cells, ())
    return Table(path, table.header, tuple(_fitted(table, row) for row in rows[1:]))


def key(name: str) -> str:
    """Return what two spellings of the same name have in common."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def meaning(name: str) -> str | None:
    """Return what a reserved column holds, such as “image” or “mpp”; None for any other."""
    return _RESERVED.get(re.sub(r"\s+", "_", key(name)))


def _text(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise VslpError(f"There is no file “{path}”: check its name.") from error
    except OSError as error:
        raise VslpError(
            f"“{path}” cannot be opened ({error.strerror}): name a CSV file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise VslpError(f"“{path}” is no text in UTF-8: save the table as CSV UTF-8.") from error
    if "\0" in text:
        raise VslpError(f"“{path}” is no text in UTF-8: save the table as CSV UTF-8.")
    return text


def _separator(header: str) -> str:
    def cells(separator: str) -> tuple[bool, int]:
        names = next(csv.reader([header], delimiter=separator), [])
        return any(meaning(name) == "image" for name in names), len(names)

    return max(",;\t", key=cells)


def _fitted(table: Table, row: Row) -> Row:
    length = len(table.header)
    if len(row.cells) < length or any(row.cells[length:]):
        raise VslpError(
            f"{table.at(row.line)} has {len(row.cells)} cells where the header has {length}: "
            "correct it, and separate cells by semicolons if numbers are written with commas."
        )
    return Row(row.line, row.cells[:length])
