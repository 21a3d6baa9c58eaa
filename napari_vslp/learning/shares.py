"""The shares of a cohort as people write them in cells, turned into consistent intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.proportions import Shares, tighten
from napari_vslp.learning.table import Columns, Row, Table, TissueColumns

OTHER = "other"
_UNKNOWN = {"", "?", "na", "n/a", "nan"}
_NUMBER = r"(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_CELL = re.compile(
    rf"(?P<value>[-+]?{_NUMBER})\s*(?P<sign>%)?"
    rf"(?:\s*(?:±|\+-|\+/-)\s*(?P<tolerance>{_NUMBER})\s*(?P<its_sign>%)?)?"
)
# A header that says so makes 1 one per cent, where numbers up to 1 would be fractions.
_PER_CENT = re.compile(r"%|\bper[\s_]?cent(age)?s?\b|(\b|_)p(er)?ct(\b|_)", re.IGNORECASE)
# Shares rounded to whole per cent miss 100 % by about this much.
_ROUNDING = 0.015
_EPSILON = 1e-6


class _Written(NamedTuple):
    """One cell in the table's own scale; None where nothing is written."""

    value: float | None
    tolerance: float | None = None
    per_cent: bool = False


class _Cells(NamedTuple):
    """What a row says of one tissue: a value, or its lowest share and its highest."""

    tissue: str
    first: _Written
    highest: _Written | None
    tolerance: _Written | None

    def written(self) -> Iterator[_Written]:
        """Go through the cells that there are."""
        return (one for one in (self.first, self.highest, self.tolerance) if one is not None)


def tissue_names(columns: Columns) -> tuple[str, ...]:
    """Return the tissues' names; one tissue alone is joined by “other”, which comes first."""
    names = tuple(tissue.name for tissue in columns.tissues)
    if len(names) > 1:
        return names
    if names[0].casefold() == OTHER:
        raise VslpError("The only tissue is called “other”: add the column of another tissue.")
    return OTHER, *names


def read_number(text: str) -> float | None:
    """Return a number written with a point or a comma; None if it is none."""
    found = re.fullmatch(rf"[-+]?{_NUMBER}", text)
    return None if found is None else float(text.replace(",", "."))


def read_shares(
    table: Table, columns: Columns, rows: Sequence[Row], tolerance: float, named: bool
) -> tuple[Shares, Shares]:
    """Return the intervals of some rows, as far as they are possible where all sum to one.

    Parameters, errors and order are those of `read_intervals`.

    Returns
    -------
    tuple of ndarray
        Lowest and highest shares, shape (N, K), float64.
    """
    return tighten(*read_intervals(table, columns, rows, tolerance, named))


def read_intervals(
    table: Table, columns: Columns, rows: Sequence[Row], tolerance: float, named: bool
) -> tuple[Shares, Shares]:
    """Read the intervals of some rows as written; whether per cent, the whole table decides.

    Parameters
    ----------
    table, columns
        As read.
    rows
        The rows wanted, N of them.
    tolerance
        Half-width for values without one, as a fraction.
    named
        Whether the user named the tissue columns.

    Returns
    -------
    tuple of ndarray
        Lowest and highest shares, shape (N, K), float64, in the order of `tissue_names`.

    Raises
    ------
    VslpError
        If a cell is no share or the shares of a row cannot sum to 100 %.
    """
    cells = {row.line: _read_row(table, columns, row, named) for row in table.rows}
    scale = _scale([one for row in cells.values() for tissue in row for one in tissue.written()])
    if any(_PER_CENT.search(table.header[i]) for i in _used(columns)):
        scale = 100.0
    pairs = []
    for row in rows:
        where = table.at(row.line)
        pair = [_interval(where, one, scale, tolerance) for one in cells[row.line]]
        if len(pair) == 1:
            pair.insert(0, (1 - pair[0][1], 1 - pair[0][0]))
        _check_sum(where, pair)
        pairs.append(pair)
    both = np.array(pairs, np.float64)
    return both[..., 0], both[..., 1]


def _used(columns: Columns) -> Iterator[int]:
    for tissue in columns.tissues:
        yield from (i for i in (tissue.first, tissue.highest, tissue.tolerance) if i is not None)


def _read_row(table: Table, columns: Columns, row: Row, named: bool) -> list[_Cells]:
    def read(tissue: TissueColumns, column: int | None) -> _Written | None:
        if column is None:
            return None
        text = row.cells[column]
        # Only a value may carry its own ±.
        written = _read_cell(text, alone=tissue.highest is not None or column != tissue.first)
        if written is None:
            more = "" if named else ", or name the tissue columns with --tissues"
            raise VslpError(
                f"{table.at(row.line)} has “{text}” in the column “{table.header[column]}”, which "
                "is no share",
                mend=f"write a number such as 60, 60±5 or nothing{more}",
                remedy="" if named else "no share",
            )
        return written

    return [
        _Cells(
            tissue.name,
            read(tissue, tissue.first) or _Written(None),
            read(tissue, tissue.highest),
            read(tissue, tissue.tolerance),
        )
        for tissue in columns.tissues
    ]


def _read_cell(text: str, alone: bool) -> _Written | None:
    if text.casefold() in _UNKNOWN:
        return _Written(None)
    found = _CELL.fullmatch(text)
    if found is None or (alone and found["tolerance"]):
        return None
    value, tolerance = (
        None if one is None else read_number(one) for one in found.group("value", "tolerance")
    )
    return _Written(value, tolerance, bool(found["sign"] or found["its_sign"]))


def _scale(cells: Sequence[_Written]) -> float:
    numbers = [n for cell in cells for n in (cell.value, cell.tolerance) if n is not None]
    # Fractions that were computed may exceed 1 by a rounding error.
    above = any(number > 1 + _EPSILON for number in numbers)
    return 100.0 if above or any(cell.per_cent for cell in cells) else 1.0


def _interval(where: str, cells: _Cells, scale: float, widen: float) -> tuple[float, float]:
    first = _share(where, cells.tissue, cells.first.value, scale)
    if cells.highest is not None:
        last = _share(where, cells.tissue, cells.highest.value, scale)
        low, high = 0.0 if first is None else first, 1.0 if last is None else last
        if low > high:
            raise VslpError(
                f"{where} gives {cells.tissue} at least {100 * low:.4g} % but at most "
                f"{100 * high:.4g} %: swap or correct the two."
            )
        return low, high
    beside = cells.tolerance.value if cells.tolerance is not None else None
    written = cells.first.tolerance if cells.first.tolerance is not None else beside
    given = _share(where, f"the ± of {cells.tissue}", written, scale)
    if first is None:
        return 0.0, 1.0
    half = widen if given is None else given
    # Rounding keeps 0.3 ± 0.1 at [0.2, 0.4] instead of [0.19999999999999998, 0.4].
    low, high = (round(first - half, 9), round(first + half, 9)) if half else (first, first)
    return max(0.0, low), min(1.0, high)


def _share(where: str, name: str, number: float | None, scale: float) -> float | None:
    if number is None:
        return None
    share = number / scale
    if not 0 <= share <= 1 + _EPSILON:
        raise VslpError(f"{where} gives {name} {100 * share:.4g} %: write a share from 0 to 100 %.")
    return min(share, 1.0)


def _check_sum(where: str, pair: Sequence[tuple[float, float]]) -> None:
    low, high = sum(one[0] for one in pair), sum(one[1] for one in pair)
    if low <= 1 + _ROUNDING and high >= 1 - _ROUNDING:
        return
    total, bound = (low, "at least ") if low > 1 else (high, "at most ")
    bound = "" if low == high else bound
    raise VslpError(
        f"{where} has shares that add up to {bound}{100 * total:.4g} % instead of 100 %",
        mend="correct them, add the missing tissue or name the right columns with --tissues",
        remedy="sum",
    )
