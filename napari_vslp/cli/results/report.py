"""``napari-vslp report``: one page for each result, and an index of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_vslp.cli.flags import add_flags, given_path, read_flags
from napari_vslp.cli.results.export import load_result, told_of
from napari_vslp.export.options import ReportOptions

if TYPE_CHECKING:
    from napari_vslp.core.segmentation import Segmentation
    from napari_vslp.export.contract import RGB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Write one page for each result, as HTML and PDF, and an index of them. The images are "
        "segmented again as the results' summaries tell; if a mask is not the same bit for bit, "
        "nothing is written."
    )
    add = parser.add_argument
    add(
        "results",
        type=given_path,
        nargs="+",
        metavar="RESULT",
        help="a folder of results, the summary.json in it, or a session",
    )
    add("--out", type=given_path, metavar="DIR", required=True, help="another folder to write to")
    add("--no-pdf", action="store_true", help="write HTML only")
    add("--quiet", action="store_true", help="print nothing but errors")
    add_flags(parser, ReportOptions)
    parser.set_defaults(run=run, image=None)


def run(arguments: argparse.Namespace) -> None:
    """Write the pages.

    Raises
    ------
    VslpError
        If a result, its image or the folder cannot be used, or a mask is another one.
    """
    options, pdf = read_flags(ReportOptions, arguments), not arguments.no_pdf
    found = [told_of(path, arguments) for path in arguments.results]
    files, images = [one[0] for one in found], [one[3] for one in found]

    from napari_vslp.report.cohort import check_reports, file_names, write_reports

    names = file_names([image.name for image in images])
    check_reports(arguments.out, names, [*files, *images], pdf)

    def results() -> Iterator[tuple[Segmentation, RGB]]:
        for path in arguments.results:
            loaded = load_result(path, arguments)
            yield loaded.result, loaded.image

    written = write_reports(results(), names, arguments.out, options, pdf=pdf)
    if not arguments.quiet:
        listed = ", ".join(path.name for path in written)
        sys.stdout.write(f"Written to {arguments.out}: {listed}\n")
