"""The reports of several results in one folder, with an index page that compares them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_vslp.core.files.result_folder import check_results, writing_results
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.contract import RGB
from napari_vslp.export.options import ReportOptions
from napari_vslp.report.content import Report
from napari_vslp.report.drawn import drawn_report
from napari_vslp.report.page import html_of, render

KIND = "report"
INDEX = "index.html"
_MOST_LETTERS = 60


@dataclass(frozen=True)
class Entry:
    """One line of the index: the report, where its pages are, and its rows by tissue."""

    report: Report
    html: str
    pdf: str

    def cell(self, tissue: str) -> tuple[str, str, str] | None:
        """Return what was asked, what was reached and the area of a tissue; None without it."""
        row = next((one for one in self.report.tissues if one.name == tissue), None)
        return None if row is None else (row.asked, row.reached, row.area)


def write_reports(
    results: Iterable[tuple[Segmentation, RGB]],
    names: Sequence[str],
    folder: Path,
    options: ReportOptions | None = None,
    *,
    pdf: bool = True,
) -> list[Path]:
    """Write the pages of results and an index of them, all of it or nothing.

    Parameters
    ----------
    results
        Each with its image, (h, w, 3) uint8; one is held at a time.
    names
        What the files of each are called; `file_names` makes them.
    folder
        Is made if it does not exist; earlier reports in it are replaced as a whole.
    options
        What the pages list.
    pdf
        Whether to write each page as PDF, too.

    Returns
    -------
    list of Path
        The files, the index first.

    Raises
    ------
    VslpError
        If the folder cannot be written, a file in it is no report of napari-vslp, or fpdf2 is
        missing and a PDF is wanted.
    """
    entries: list[Entry] = []
    with writing_results(folder, KIND) as stage:
        for name, (result, image) in zip(names, results, strict=True):
            drawn = drawn_report(result, image, options or ReportOptions())
            entry = Entry(drawn.report, f"{name}.html", f"{name}.pdf" if pdf else "")
            (stage / entry.html).write_text(html_of(drawn), encoding="utf-8")
            if pdf:
                from napari_vslp.report.pdf import pdf_of

                (stage / entry.pdf).write_bytes(pdf_of(drawn))
            entries.append(entry)
        (stage / INDEX).write_text(index_of(entries), encoding="utf-8")
    pages = [name for entry in entries for name in (entry.html, entry.pdf) if name]
    return [folder / name for name in (INDEX, *pages)]


def check_reports(folder: Path, names: Sequence[str], inputs: Sequence[Path], pdf: bool) -> None:
    """Make sure that reports can be written to a folder; raises `VslpError` as `write_reports`."""
    ends = (".html", ".pdf") if pdf else (".html",)
    check_results(folder, KIND, [INDEX, *(name + end for name in names for end in ends)], inputs)


def index_of(entries: Sequence[Entry]) -> str:
    """Return the index page as HTML."""
    tissues = dict.fromkeys(row.name for entry in entries for row in entry.report.tissues)
    return render("index.html.jinja", entries=entries, tissues=list(tissues))


def file_names(images: Sequence[str]) -> list[str]:
    """Return a name for the files of each image: safe on every disk, no two of them the same."""
    taken, names = {"index"}, []
    for image in images:
        stem = Path(image).stem or "image"
        plain = re.sub(r"[^\w. -]+", "_", stem)[:_MOST_LETTERS].strip(" .") or "image"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain} {number}"
        taken.add(name.casefold())
        names.append(name)
    return names
