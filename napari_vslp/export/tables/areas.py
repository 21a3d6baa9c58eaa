"""Areas and what else is counted of each tissue, as tables for spreadsheets and statistics."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.measures import Measures, regions_of_tissues
from napari_vslp.export.provenance import for_xml, no_formula, provenance

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    title
        With the unit.
    values
        One a tissue; None where nothing is known.
    number_format
        Of spreadsheets.
    """

    title: str
    values: tuple[Value, ...]
    number_format: str = "General"


def area_table(result: Segmentation) -> list[Column]:
    """Return what is known of each tissue, one row a tissue."""
    measures = Measures.of_tissues(result)
    typed = [said.value for said in result.inputs.tissues]
    tolerances = [None if said.value is None else said.tolerance for said in result.inputs.tissues]
    asked = [result.asked[tissue.name] for tissue in result.tissues]
    return [
        Column("tissue", tuple(tissue.name for tissue in result.tissues)),
        _numbers("area (mm²)", _rows(measures.mm2, result), "0.000000"),
        _whole("area (px)", measures.pixels),
        _numbers("share typed (%)", _per_cent(typed), "0.0"),
        _numbers("typed ± (points)", _per_cent(tolerances), "0.0"),
        _numbers("asked, lowest (%)", _per_cent([low for low, _ in asked]), "0.0"),
        _numbers("asked, highest (%)", _per_cent([high for _, high in asked]), "0.0"),
        _numbers("reached (%)", _per_cent(list(result.shares)), "0.0"),
        _numbers("price (nats/px)", list(result.prices), "0.0000"),
        _whole("regions", regions_of_tissues(result)),
        _whole("perimeter (px)", measures.perimeter_px),
        _numbers("perimeter (µm)", _rows(measures.perimeter_um, result), "0.0"),
        _numbers("mean margin (nats)", list(measures.mean(result.margin)[1:]), "0.000"),
    ]


def _rows(values: NDArray[np.float64] | None, result: Segmentation) -> Sequence[float | None]:
    return [None] * len(result.tissues) if values is None else values[1:].tolist()


def _per_cent(shares: Sequence[float | None]) -> list[float | None]:
    # 0.55 is 55, not 55.00000000000001.
    return [None if share is None else round(100 * float(share), 9) for share in shares]


def _numbers(title: str, values: Sequence[float | None], number_format: str) -> Column:
    plain = (None if value is None else float(value) for value in values)
    known = tuple(v if v is not None and math.isfinite(v) else None for v in plain)
    return Column(title, known, number_format)


def _whole(title: str, values: NDArray[np.int64]) -> Column:
    return Column(title, tuple(values[1:].tolist()), "0")


class AreasCsv(Exporter):
    """The table as comma-separated values with decimal points."""

    name = "areas.csv"
    title = "Areas, CSV"
    suffixes = (".csv",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the table."""
        columns = area_table(result)
        # Excel takes a file for UTF-8 only if it begins with the mark of it.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
            writer.writerow([column.title for column in columns])
            for row in zip(*(column.values for column in columns), strict=True):
                writer.writerow([no_formula(v) if isinstance(v, str) else v for v in row])
        return [path]


class AreasXlsx(Exporter):
    """The table as a workbook, with a second sheet that says where it comes from."""

    name = "areas.xlsx"
    title = "Areas, Excel"
    suffixes = (".xlsx",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the workbook.

        Raises
        ------
        VslpError
            If openpyxl is missing.
        """
        try:
            from openpyxl import Workbook
        except ImportError as error:
            raise VslpError(
                "Excel files need the package openpyxl: pip install “napari-vslp[export]”, "
                "or write areas.csv."
            ) from error
        book = Workbook()
        _fill(book.active, "areas", area_table(result))
        _fill(book.create_sheet(), "about", _about(result))
        book.save(path)
        return [path]


def _about(result: Segmentation) -> list[Column]:
    size = result.pixel_size_um
    told: dict[str, Value] = {
        "image": result.inputs.image.name,
        "pixel height (µm)": None if size is None else float(size[0]),
        "pixel width (µm)": None if size is None else float(size[1]),
        "relative duality gap": float(result.gap) if math.isfinite(result.gap) else None,
        **provenance(result),
        "use": "research use only",
    }
    return [Column("about", tuple(told)), Column("value", tuple(told.values()))]


def _fill(sheet: Any, title: str, columns: Sequence[Column]) -> None:  # noqa: ANN401 - an extra
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.title = title
    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        sheet.cell(1, place, column.title).font = Font(bold=True)
        for row, value in enumerate(column.values, start=2):
            cell = sheet.cell(row, place)
            if isinstance(value, str):
                # Said to be a text, now and when somebody edits it: never a formula.
                cell.value, cell.data_type, cell.quotePrefix = for_xml(value), "s", True
            else:
                cell.value, cell.number_format = value, column.number_format
        longest = max(len(str(value)) for value in (column.title, *column.values))
        sheet.column_dimensions[get_column_letter(place)].width = min(60, longest + 2)


areas_csv, areas_xlsx = AreasCsv(), AreasXlsx()
