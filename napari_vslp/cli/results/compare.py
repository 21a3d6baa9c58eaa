"""``napari-vslp compare``: two results of one image, tissue by tissue."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vslp.cli.flags import given_path

if TYPE_CHECKING:
    from napari_vslp.review.compare import Comparison

KIND = "comparison"
FILES = ("difference.png", "comparison.csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Compare two results of one image: how far they agree on each tissue, shares and areas "
        "side by side, and how many pixels differ. Only what both segmented is compared."
    )
    add = parser.add_argument
    add("one", type=given_path, metavar="RESULT_A", help="a folder of results with its mask.tif")
    add("two", type=given_path, metavar="RESULT_B", help="another one")
    add("--out", type=given_path, metavar="DIR", help=f"folder for {' and '.join(FILES)}")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the table, and write it with a picture if a folder is named.

    Raises
    ------
    VslpError
        If a result cannot be read, they are of different images, or the folder cannot be used.
    """
    from napari_vslp.core.files.result_folder import check_results, writing_results
    from napari_vslp.importing.results import labelled_in
    from napari_vslp.report.difference import draw_difference
    from napari_vslp.review.compare import compare

    one, two = labelled_in(arguments.one), labelled_in(arguments.two)
    if arguments.out is not None:
        check_results(arguments.out, KIND, FILES)
    found = compare(one, two)
    sys.stdout.write(f"{_table(found)}\n")
    if arguments.out is not None:
        with writing_results(arguments.out, KIND) as stage:
            draw_difference(found).save(stage / FILES[0])
            _write_table(found, stage / FILES[1])
        sys.stdout.write(f"Written to {arguments.out}: {', '.join(FILES)}\n")


def _rows(found: Comparison) -> list[list[str]]:
    with_areas = found.tissues[0].areas_mm2 is not None
    head = ["tissue", "Dice", "share A", "share B"] + ["area A", "area B"] * with_areas
    rows = [head]
    for one in found.tissues:
        row = [one.name, f"{one.dice:.3f}", *(f"{100 * share:.1f} %" for share in one.shares)]
        row += [f"{area:.4g} mm²" for area in one.areas_mm2 or ()]
        rows.append(row)
    return rows


def _table(found: Comparison) -> str:
    rows = _rows(found)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    lines.append(f"{100 * found.differ:.1f} % of the pixels differ.")
    lines += [f"  {pair.title}: {100 * pair.share:.1f} %" for pair in found.pairs]
    return "\n".join(lines)


def _write_table(found: Comparison, path: Path) -> None:
    from napari_vslp.export.provenance import no_formula

    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        names = ("dice", "share A (%)", "share B (%)", "area A (mm²)", "area B (mm²)")
        writer.writerow(["tissue", *names])
        for one in found.tissues:
            shares = (round(100 * share, 6) for share in one.shares)
            areas = one.areas_mm2 or ("", "")
            writer.writerow([no_formula(one.name), round(one.dice, 6), *shares, *areas])
