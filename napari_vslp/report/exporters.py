"""The reports on the registry of exporters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.options import ReportOptions
from napari_vslp.report.drawn import drawn_report


class ReportHtml(Exporter):
    """One page as HTML, pictures and all in one file."""

    name = "report.html"
    title = "Report on one page, HTML"
    suffixes = (".html",)
    Options = ReportOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401
        """Write the page."""
        from napari_vslp.report.page import html_of

        path.write_text(html_of(drawn_report(result, image, options)), encoding="utf-8")
        return [path]


class ReportPdf(Exporter):
    """One page A4 as PDF."""

    name = "report.pdf"
    title = "Report on one page, PDF"
    suffixes = (".pdf",)
    Options = ReportOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401
        """Write the page.

        Raises
        ------
        VslpError
            If fpdf2 is missing.
        """
        from napari_vslp.report.pdf import pdf_of

        path.write_bytes(pdf_of(drawn_report(result, image, options)))
        return [path]


report_html, report_pdf = ReportHtml(), ReportPdf()
