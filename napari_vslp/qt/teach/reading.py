"""What a table of images and shares holds, read off the main thread: its columns and a summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.learning.cohort import Cohort, check_identifiable, read_cohort, shares
from napari_vslp.learning.table import Table, find_columns, meaning, read_table
from napari_vslp.qt.teach import messages

NO_TICK = "No column is ticked: tick the columns that hold shares of tissues."
COMMA = (
    "The column “{}” has a comma in its name, which only works where all columns are tissues: "
    "rename it in the table."
)
# A share that is known less well than this says nothing on how much the images differ.
_KNOWN = 0.5

Range = tuple[float, float]


@dataclass(frozen=True)
class TableQuery:
    """Which table to read and how, as `read_cohort` takes it.

    Attributes
    ----------
    ticked
        Columns that are tissues; None for those that look like it.
    tolerance
        Half-width of a share typed without its own (points of per cent).
    shares
        Whether the shares teach, so that they have to differ; else the tissues' names are enough.
    """

    path: Path
    images: Path | None = None
    ticked: tuple[str, ...] | None = None
    split: str | None = None
    tolerance: float = 0.0
    shares: bool = True


@dataclass(frozen=True)
class TableSummary:
    """What was found.

    Attributes
    ----------
    query
        What was asked for, its `ticked` filled in.
    columns, splits
        All that could be ticked or chosen.
    tissues
        Columns to name to the training; None where the table has no others.
    images
        How many images there are to learn from.
    ranges
        Smallest and largest share of each tissue, None where hardly any image states it.
    problem
        Why nothing can be learnt from it as it stands, in a sentence.
    """

    query: TableQuery
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    tissues: tuple[str, ...] | None = None
    images: int = 0
    ranges: dict[str, Range | None] = field(default_factory=dict)
    problem: str | None = None


def read(query: TableQuery, job: Job) -> TableSummary:
    """Read a table; what can be mended in the window comes back as a reading with its problem.

    Raises
    ------
    VslpError
        If it is no table of images at all.
    """
    try:
        table = read_table(query.path)
        if not any(meaning(name) == "image" for name in table.header):
            find_columns(table, None)  # has the sentence for it
    except VslpError as error:
        raise VslpError(messages.refusal(error)) from error
    places, is_plain = _columns(table)
    columns = tuple(places)
    likely = tuple(name for name, index in places.items() if _looks_like_shares(table, index))
    ticked = likely if query.ticked is None else tuple(n for n in columns if n in query.ticked)
    splits = _splits(table)
    # A split of the table before means nothing to this one.
    split = query.split if query.split in splits else None
    chosen = replace(query, ticked=ticked, split=split)
    tissues = None if is_plain and ticked == columns else ticked
    job.check()
    found = partial(TableSummary, chosen, columns, splits, tissues)
    try:
        cohort = _cohort(chosen, tissues)
    except VslpError as error:
        return found(problem=messages.refusal(error))
    return found(len(cohort.bags), _ranges(cohort))


def _columns(table: Table) -> tuple[dict[str, int], bool]:
    """Return where what could be tissues stands, and whether the table needs no word on it."""
    try:
        return {one.name: one.first for one in find_columns(table, None).tissues}, True
    except VslpError:
        # Two columns do not go together; each can be ticked by its whole name.
        others = enumerate(table.header)
        return {name: i for i, name in others if name and meaning(name) is None}, False


def _looks_like_shares(table: Table, index: int) -> bool:
    """Return False for a column of words alone; one typing error leaves a column of shares one."""
    cells = [row.cells[index] for row in table.rows if row.cells[index]]
    return not cells or any(re.match(r"[-+]?[.,]?\d", cell) for cell in cells)


def _splits(table: Table) -> tuple[str, ...]:
    index = next((i for i, name in enumerate(table.header) if meaning(name) == "split"), None)
    return () if index is None else tuple(sorted({r.cells[index] for r in table.rows} - {""}))


def _cohort(query: TableQuery, tissues: Sequence[str] | None) -> Cohort:
    if query.ticked == ():
        raise VslpError(NO_TICK)
    for name in tissues or ():
        if "," in name:
            raise VslpError(COMMA.format(name))
    cohort = read_cohort(
        query.path,
        images=query.images,
        tissues=tissues,
        split=query.split,
        tolerance=query.tolerance / 100,
    )
    if query.shares:
        check_identifiable(cohort)
    return cohort


def _ranges(cohort: Cohort) -> dict[str, Range | None]:
    lower, upper = shares(cohort)
    middle, known = (lower + upper) / 2, (upper - lower) < _KNOWN
    found: dict[str, Range | None] = {}
    for k, name in enumerate(cohort.tissues):
        column = middle[known[:, k], k]
        found[name] = (float(np.min(column)), float(np.max(column))) if column.size else None
    return found
