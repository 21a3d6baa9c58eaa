"""What each column of a cohort means: the reserved ones, and those of the tissues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.cohort_table import Table, key, meaning

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
                f"{table.at(filled[0])} has a value in column {index + 1}, which has no name: "
                "name that column, remove it or name the tissue columns with --tissues."
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
