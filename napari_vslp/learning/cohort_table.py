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
from napari_vslp.core.plain_files import check_plain

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

    Lines that start with # are comments, and a first line such as ``sep=;`` tells the separator.

    Raises
    ------
    VslpError
        If it is missing, unreadable, no text or empty, or if a row is of another length.
    """
    text, told = _without_comments(_text(path))
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        reader = csv.reader(io.StringIO(text, newline=None), delimiter=told or _separator(first))
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
    check_plain(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise VslpError(
            f"“{path}” cannot be opened ({error.strerror}): name a CSV file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise VslpError(f"“{path}” is no text in UTF-8: save the table as CSV UTF-8.") from error
    if "\0" in text:
        raise VslpError(f"“{path}” is no text in UTF-8: save the table as CSV UTF-8.")
    return text


def _without_comments(text: str) -> tuple[str, str | None]:
    """Blank out comments and the line that tells spreadsheets the separator; return that too.

    Lines keep their numbers. A # within quotes, which may span lines, is no comment.
    """
    told, within, begun, lines = None, False, False, []
    for written in text.splitlines(keepends=True):
        line, bare = written, "" if within else written.strip()
        found = re.fullmatch(r'"?sep=(.)"?', line.rstrip("\r\n"), re.IGNORECASE)
        if found and not begun:
            told, line = found[1], "\n"
        elif bare.startswith("#"):
            # Some programs write the header itself behind a #.
            named = bare.lstrip("# ")
            is_header = not begun and _names_image(named, told or _separator(named))
            line = f"{named}\n" if is_header else "\n"
        within ^= line.count('"') % 2 == 1
        begun = begun or bool(line.strip())
        lines.append(line)
    return "".join(lines), told


def _names_image(header: str, separator: str) -> bool:
    names = next(csv.reader([header], delimiter=separator), [])
    return len(names) > 1 and any(meaning(name) == "image" for name in names)


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
