"""A report with its pictures drawn, ready to be written as HTML or PDF."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.evaluation.figures import jpeg
from napari_vslp.export.contract import RGB
from napari_vslp.export.options import ReportOptions
from napari_vslp.report import pictures
from napari_vslp.report.content import Report, report_of


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Attributes
    ----------
    file
        The bytes of a JPEG file.
    width, height
        px.
    title, caption
        Below it.
    """

    file: bytes
    width: int
    height: int
    title: str
    caption: str


@dataclass(frozen=True)
class DrawnReport:
    """The words of a report and its pictures, in the order in which they stand on the page."""

    report: Report
    pictures: tuple[Picture, ...]


def drawn_report(result: Segmentation, image: RGB, options: ReportOptions) -> DrawnReport:
    """Return the report of a result.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    image
        (h, w, 3) uint8, the region that was segmented.
    options
        What it lists.
    """
    report = report_of(result, options)
    numbers = "; the numbers are the doubtful places below" if report.places else ""
    drawn = [
        _picture(pictures.photograph(result, image), "Image", "as it was segmented"),
        _picture(
            pictures.overlay(result, image, report.places),
            "Tissues",
            f"in the colours of the table{numbers}",
        ),
    ]
    for name, (title, meaning) in report.maps.items():
        most = pictures.brightest(result.terms[name].map)
        caption = f"{meaning}; brightest from {most:.2g} nats/px"
        drawn.append(_picture(pictures.energy_map(result, image, name), title, caption))
    return DrawnReport(report, tuple(drawn))


def _picture(drawn: RGB, title: str, caption: str) -> Picture:
    title = title[:1].upper() + title[1:]
    return Picture(jpeg(drawn), drawn.shape[1], drawn.shape[0], title, caption)
