"""What a table of images and shares holds, read off the main thread: its columns and a summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.learning.cohort import Cohort, check_identifiable, read_cohort, shares
from napari_vslp.learning.table import Table, find_columns, meaning, read_table
from napari_vslp.qt.teach.words import in_window_words

NO_TICK = "No column is ticked: tick the columns that hold shares of tissues."
COMMA = (
    "The column “{}” has a comma in its name, which only works where all columns are tissues: "
    "rename it in the table."
)
# A share that is known less well than this says nothing on how much the images differ.
_KNOWN = 0.5

Range = tuple[float, float]


@dataclass(frozen=True)
class Ask:
    """Which table to read and how, as `read_cohort` takes it.

    Attributes
    ----------
    ticked
        Columns that are tissues; None for those that look like it.
    tolerance
        Half-width of a share typed without its own (points of per cent).
    """

    path: Path
    images: Path | None = None
    ticked: tuple[str, ...] | None = None
    split: str | None = None
    tolerance: float = 0.0


@dataclass(frozen=True)
class Reading:
    """What was found.

    Attributes
    ----------
    ask
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

    ask: Ask
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    tissues: tuple[str, ...] | None = None
    images: int = 0
    ranges: dict[str, Range | None] = field(default_factory=dict)
    problem: str | None = None


def read(ask: Ask, job: Job) -> Reading:
    """Read a table; what can be mended in the window comes back as a reading with its problem.

    Raises
    ------
    VslpError
        If it is no table of images at all.
    """
    table = read_table(ask.path)
    if not any(meaning(name) == "image" for name in table.header):
        find_columns(table, None)  # has the sentence for it
    places, is_plain = _columns(table)
    columns = tuple(places)
    likely = tuple(name for name, index in places.items() if _looks_like_shares(table, index))
    ticked = likely if ask.ticked is None else tuple(n for n in columns if n in ask.ticked)
    splits = _splits(table)
    # A split of the table before means nothing to this one.
    split = ask.split if ask.split in splits else None
    asked = Ask(ask.path, ask.images, ticked, split, ask.tolerance)
    tissues = None if is_plain and ticked == columns else ticked
    job.check()
    found = partial(Reading, asked, columns, splits, tissues)
    try:
        cohort = _cohort(asked, tissues)
    except VslpError as error:
        return found(problem=in_window_words(str(error)))
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


def _cohort(ask: Ask, tissues: Sequence[str] | None) -> Cohort:
    if ask.ticked == ():
        raise VslpError(NO_TICK)
    for name in tissues or ():
        if "," in name:
            raise VslpError(COMMA.format(name))
    cohort = read_cohort(
        ask.path,
        images=ask.images,
        tissues=tissues,
        split=ask.split,
        tolerance=ask.tolerance / 100,
    )
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
