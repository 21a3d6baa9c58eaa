"""A cohort: images with what is known of their tissues' shares, read from one CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Box
from napari_vslp.learning.cohort_columns import find_columns
from napari_vslp.learning.cohort_rows import (
    common_pixel_size,
    find_images,
    kept_rows,
    read_pixel_size,
    read_region,
    reserved_cell,
)
from napari_vslp.learning.cohort_shares import read_shares, tissue_names
from napari_vslp.learning.cohort_table import Table, read_table
from napari_vslp.learning.intervals import Shares

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
    """

    path: Path
    tissues: tuple[str, ...]
    bags: tuple[Bag, ...]
    microns_per_pixel: float | None = None


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
