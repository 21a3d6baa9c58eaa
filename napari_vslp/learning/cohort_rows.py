"""What the rows of a cohort say besides shares: their split, image, region and pixel size."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box
from napari_vslp.learning.cohort_columns import Columns
from napari_vslp.learning.cohort_shares import read_number
from napari_vslp.learning.cohort_table import Row, Table
from napari_vslp.raster.pixel_size import plausible

# Pixel sizes further apart than this are different magnifications, not different rounding.
_SAME_SIZE = 1.02


def reserved_cell(columns: Columns, row: Row, meaning: str) -> str:
    """Return what a row holds in a reserved column; nothing where there is no such column."""
    index = columns.reserved.get(meaning)
    return "" if index is None else row.cells[index]


def kept_rows(table: Table, columns: Columns, split: str | None) -> list[Row]:
    """Return the rows of a split, all for None; there is at least one."""
    if not table.rows:
        raise VslpError(f"“{table.path}” has only a header: add one row per image.")
    if split is None:
        return list(table.rows)
    if "split" not in columns.reserved:
        raise VslpError(f"“{table.path}” has no column “split”: add it or leave the split out.")
    kept = [row for row in table.rows if reserved_cell(columns, row, "split") == split.strip()]
    if not kept:
        there = sorted({reserved_cell(columns, row, "split") or "nothing" for row in table.rows})
        raise VslpError(
            f"No row of “{table.path}” is of the split “{split}”: choose one of {', '.join(there)}."
        )
    return kept


def find_images(
    table: Table, columns: Columns, rows: Sequence[Row], images: Path | None
) -> list[Path]:
    """Return the absolute path of every row's image."""
    home = table.path.absolute().parent
    folders = (home, home / "images") if images is None else (images.absolute(),)
    found: list[Path] = []
    missing: list[str] = []
    for row in rows:
        name = reserved_cell(columns, row, "image")
        if not name:
            raise VslpError(f"{table.at(row.line)} names no image: fill it in or remove the row.")
        here = next((folder / name for folder in folders if _is_file(folder / name)), None)
        if here is None:
            missing.append(f"“{name}” (line {row.line})")
        else:
            found.append(here)
    if missing:
        raise VslpError(
            f"{len(missing)} of the {len(rows)} images of “{table.path.name}” are not in "
            f"“{folders[0]}”, such as {' and '.join(missing[:2])}: "
            "correct their names or give the folder that holds them."
        )
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def read_region(table: Table, row: Row, text: str) -> Box | None:
    """Read a region (px); None for an empty cell."""
    if not text:
        return None
    words = re.split(r"\s*[,;]\s*|\s+", text.strip("()[] "))
    if len(words) == 4 and all(re.fullmatch(r"\d{1,9}", word) for word in words):
        top, left, bottom, right = (int(word) for word in words)
        if top < bottom and left < right:
            return top, left, bottom, right
    raise VslpError(
        f"{table.at(row.line)} has the region “{text}”: write four whole numbers, top, left, "
        "bottom and right in px, with top above bottom and left before right."
    )


def read_pixel_size(table: Table, row: Row, text: str) -> float | None:
    """Read a pixel size (µm); None for an empty cell."""
    if not text:
        return None
    size = read_number(text)
    if size is None or plausible(size, size) is None:
        raise VslpError(
            f"{table.at(row.line)} states “{text}” µm per pixel, which no microscope has: "
            "write a number such as 0.5, or nothing."
        )
    return size


def common_pixel_size(table: Table, sizes: Mapping[int, float | None]) -> float | None:
    """Return the pixel size (µm) that all lines share, from line to size; None if none has one."""
    stated = {line: size for line, size in sizes.items() if size is not None}
    if not stated:
        return None
    silent = [line for line in sizes if line not in stated]
    if silent:
        raise VslpError(
            f"“{table.path.name}” states µm per pixel in {_lines(list(stated))} but not in "
            f"{_lines(silent)}: fill it in, resampling the images to one size, or split the table."
        )
    finest = min(stated, key=lambda line: stated[line])
    coarse = [line for line, size in stated.items() if size > stated[finest] * _SAME_SIZE]
    if coarse:
        raise VslpError(
            f"“{table.path.name}” states {stated[finest]:g} µm per pixel in line {finest} but up "
            f"to {max(stated.values()):g} in {_lines(coarse)}: resample the images to one size "
            "or split the table."
        )
    return statistics.median(stated.values())


def _lines(lines: Sequence[int]) -> str:
    named = ", ".join(str(line) for line in lines[:4])
    more = f" and {len(lines) - 4} more" if len(lines) > 4 else ""
    return f"line{'s' if len(lines) > 1 else ''} {named}{more}"
