"""The table of a cohort as text: its lines, and what each of its columns means."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import check_plain

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


_FORM = re.compile(
    r"(?P<base>.+?)(?:[\s_]*(?P<tolerance>±|\+-|\+/-)|[\s_]+(?:(?P<low>lo|low|min)|"
    r"(?P<high>hi|high|max)|(?P<width>tolerance)))",
    re.IGNORECASE,
)
_FORMS = ({"value"}, {"value", "tolerance"}, {"low", "high"})


class TissueColumns(NamedTuple):
    """Where the shares of one tissue stand: a value, or the lowest share and the highest."""

    name: str
    first: int
    highest: int | None = None
    tolerance: int | None = None


class Columns(NamedTuple):
    """Indices of the columns: the reserved ones by their meaning, and those of the tissues."""

    reserved: dict[str, int]
    tissues: tuple[TissueColumns, ...]


def find_columns(table: Table, tissues: Sequence[str] | None) -> Columns:
    """Tell the columns of the tissues from the reserved ones.

    Parameters
    ----------
    table
        As read.
    tissues
        Which tissues to take, in this order; None takes every column that is not reserved.

    Raises
    ------
    VslpError
        If there is no image or tissue column, or one is named twice, unknown or incomplete.
    """
    reserved: dict[str, int] = {}
    others: list[int] = []
    for index, name in enumerate(table.header):
        held = meaning(name)
        if held is None:
            others.append(index)
        elif reserved.setdefault(held, index) != index:
            both = f"“{table.header[reserved[held]]}” and “{name}”"
            raise VslpError(
                f"The columns {both} of “{table.path}” mean the same: remove one of them."
            )
    if "image" not in reserved:
        raise VslpError(
            f"“{table.path}” has no column of images: call the one with their file names “image”."
        )
    taken = _all(table, others) if tissues is None else _picked(table, others, tissues)
    if not taken:
        raise VslpError(
            f"“{table.path}” has no tissue column: add one per tissue with its share of each image."
        )
    return Columns(reserved, tuple(taken))


def _form(name: str) -> tuple[str, str]:
    """Return the tissue's name and what its column holds."""
    found = _FORM.fullmatch(name)
    if found is None:
        return name, "value"
    form = "low" if found["low"] else "high" if found["high"] else "tolerance"
    return found["base"], form


def _grouped(table: Table, others: Sequence[int]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index in others:
        if table.header[index]:
            groups.setdefault(key(_form(table.header[index])[0]), []).append(index)
        elif filled := [row.line for row in table.rows if row.cells[index]]:
            raise VslpError(
                f"{table.at(filled[0])} has a value in column {index + 1}, which has no name",
                mend="name that column, remove it or name the tissue columns with --tissues",
                remedy="columns",
            )
    return groups


def _all(table: Table, others: Sequence[int]) -> list[TissueColumns]:
    return [_resolved(table, members) for members in _grouped(table, others).values()]


def _picked(table: Table, others: Sequence[int], tissues: Sequence[str]) -> list[TissueColumns]:
    groups = _grouped(table, [i for i in others if table.header[i]])
    wanted = [key(name) for name in tissues]
    taken = []
    for name, each in zip(tissues, wanted, strict=True):
        # A whole name is a column of its own: “grade high” need not be the end of an interval.
        whole = [i for i in others if key(table.header[i]) == each]
        if not each or (each not in groups and not whole):
            there = ", ".join(_form(table.header[m[0]])[0] for m in groups.values())
            raise VslpError(
                f"“{table.path}” has no tissue column “{name}”: name some of {there or 'none'}."
            )
        if wanted.count(each) > 1:
            raise VslpError(f"The tissue “{name}” is named twice: name it once.")
        taken.append(_resolved(table, groups[each]) if each in groups else _plain(table, whole))
    return taken


def _resolved(table: Table, members: Sequence[int]) -> TissueColumns:
    at = {_form(table.header[i])[1]: i for i in members}
    if len(at) < len(members):
        return _plain(table, members)
    name = _form(table.header[members[0]])[0]
    if set(at) not in _FORMS:
        held = " and ".join(f"“{table.header[i]}”" for i in members)
        raise VslpError(
            f"“{table.path}” has {held} for {name}, which do not go together: give “{name}” "
            f"alone, or with “{name} ±”, or both “{name} lo” and “{name} hi”."
        )
    first = at["low"] if "low" in at else at["value"]
    return TissueColumns(name, first, at.get("high"), at.get("tolerance"))


def _plain(table: Table, members: Sequence[int]) -> TissueColumns:
    if len(members) > 1:
        held = " and ".join(f"“{table.header[i]}”" for i in members)
        raise VslpError(
            f"“{table.path}” has the columns {held}, which mean the same: "
            "give each tissue its own name."
        )
    return TissueColumns(table.header[members[0]], members[0])
