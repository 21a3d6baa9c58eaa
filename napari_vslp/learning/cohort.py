"""A cohort: images with what is known of their tissues' shares, read from one CSV."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box
from napari_vslp.core.proportions import Shares
from napari_vslp.learning.shares import read_number, read_shares, tissue_names
from napari_vslp.learning.table import Columns, Row, Table, find_columns, read_table
from napari_vslp.raster.pixel_size import plausible

# Images whose shares differ by less teach nothing about which tissue is which.
_LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Bag:
    """One image, or one region of it, with what is known of its shares.

    Attributes
    ----------
    image
        Absolute path of a file that exists.
    lower, upper
        Lowest and highest share of each tissue, 0…1, consistent with a sum of one.
    row
        Line in the CSV, whose header is line 1.
    region
        Top, left, bottom, right (px); None for the whole image.
    microns_per_pixel
        As the row states it.
    mask
        Name in the column “mask”.
    """

    image: Path
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    row: int
    region: Box | None = None
    microns_per_pixel: float | None = None
    mask: str | None = None


@dataclass(frozen=True)
class Cohort:
    """The bags of one CSV.

    Attributes
    ----------
    path
        The CSV.
    tissues
        Names, in the order of the bags' shares.
    bags
        At least one.
    microns_per_pixel
        The pixel size (µm) that all rows share; None if no row states it.
    truth
        Returns a bag's mask, (H, W) integers: indices of `tissues`, negative where unknown. Not
        in the table; given where something is to be learnt from masks.
    """

    path: Path
    tissues: tuple[str, ...]
    bags: tuple[Bag, ...]
    microns_per_pixel: float | None = None
    truth: Callable[[Bag], NDArray[Any]] | None = None


def read_cohort(
    path: Path,
    *,
    images: Path | None = None,
    tissues: Sequence[str] | None = None,
    split: str | None = None,
    tolerance: float = 0.0,
) -> Cohort:
    """Read a cohort from a CSV with a column “image” and one or two columns per tissue.

    Parameters
    ----------
    path
        The CSV; numbers are fractions if none of the tissues' exceeds 1 and nothing says %, and per
        cent otherwise.
    images
        Folder of the images; by default that of the CSV, or “images” in it.
    tissues
        Which columns to take, in this order; by default all that are not reserved. One tissue
        alone is joined by “other”, which comes first.
    split
        Keep only rows with this value in the column “split”.
    tolerance
        Half-width (fraction) of the interval around values that state none.

    Raises
    ------
    VslpError
        If the table or a row of it cannot be used; the message names the line.
    """
    if not 0 <= tolerance <= 1:
        raise VslpError(f"The tolerance {tolerance:g} is no fraction: give one from 0 to 1.")
    table = read_table(path)
    columns = find_columns(table, tissues)
    names = tissue_names(columns)
    rows = kept_rows(table, columns, split)
    lower, upper = read_shares(table, columns, rows, tolerance, named=tissues is not None)
    found = find_images(table, columns, rows, images)
    bags = tuple(
        Bag(
            image,
            tuple(low.tolist()),
            tuple(high.tolist()),
            row.line,
            read_region(table, row, reserved_cell(columns, row, "region")),
            read_pixel_size(table, row, reserved_cell(columns, row, "mpp")),
            reserved_cell(columns, row, "mask") or None,
        )
        for row, image, low, high in zip(rows, found, lower, upper, strict=True)
    )
    _check_twice(table, bags)
    sizes = {bag.row: bag.microns_per_pixel for bag in bags}
    return Cohort(path, names, bags, common_pixel_size(table, sizes))


def shares(cohort: Cohort) -> tuple[Shares, Shares]:
    """Return the lowest and the highest shares of all bags, two arrays (N, K), float64."""
    lower = np.array([bag.lower for bag in cohort.bags], np.float64)
    return lower, np.array([bag.upper for bag in cohort.bags], np.float64)


def check_identifiable(cohort: Cohort) -> None:
    """Raise `VslpError` unless the shares can teach which tissue is which."""
    lower, upper = shares(cohort)
    known = ((upper - lower) < 1 - 1e-9).any(axis=1)
    if not known.any():
        raise VslpError(
            f"No image in “{cohort.path}” has a known share, so nothing can be learnt: "
            "fill in the shares of several images that differ."
        )
    if known.sum() == 1:
        raise VslpError(
            "One image with its shares cannot teach which tissue is which: "
            "give several that differ."
        )
    middle = ((lower + upper) / 2)[known]
    if np.ptp(middle, axis=0).max() >= _LEAST_SPREAD - 1e-9:
        return
    typical = ", ".join(
        f"{name} {100 * share:.3g} %"
        for name, share in zip(cohort.tissues, middle.mean(axis=0), strict=True)
    )
    raise VslpError(
        f"All {len(middle)} images have nearly the same shares ({typical}), so the tissues are "
        "not identifiable, that is, nothing tells one from another: add images whose shares "
        "differ by 5 points or more, such as some with little of one tissue."
    )


def _check_twice(table: Table, bags: Sequence[Bag]) -> None:
    seen: dict[tuple[Path, Box | None], Bag] = {}
    for bag in bags:
        before = seen.setdefault((bag.image.resolve(), bag.region), bag)
        if before is not bag:
            raise VslpError(
                f"Lines {before.row} and {bag.row} of “{table.path.name}” both name "
                f"“{bag.image.name}”: remove one of them or give each its own region."
            )


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
