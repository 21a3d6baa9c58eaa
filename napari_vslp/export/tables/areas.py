"""Areas and what else is counted, one row a tissue or one a region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.annotations.polygons import components_of
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.measures import Measures, regions_of_tissues
from napari_vslp.export.provenance import provenance
from napari_vslp.export.tables.columns import (
    Column,
    Value,
    numbers,
    per_cent,
    whole,
    write_csv,
    write_workbook,
)


def area_table(result: Segmentation) -> list[Column]:
    """Return what is known of each tissue, one row a tissue."""
    measures = Measures.of_tissues(result)
    typed = [said.value for said in result.inputs.tissues]
    tolerances = [None if said.value is None else said.tolerance for said in result.inputs.tissues]
    asked = [result.asked[tissue.name] for tissue in result.tissues]
    return [
        Column("tissue", tuple(tissue.name for tissue in result.tissues)),
        numbers("area (mm²)", _rows(measures.mm2, measures), "0.000000"),
        whole("area (px)", measures.pixels[1:]),
        numbers("share typed (%)", per_cent(typed), "0.0"),
        numbers("typed ± (points)", per_cent(tolerances), "0.0"),
        numbers("asked, lowest (%)", per_cent([low for low, _ in asked]), "0.0"),
        numbers("asked, highest (%)", per_cent([high for _, high in asked]), "0.0"),
        numbers("reached (%)", per_cent(list(result.shares)), "0.0"),
        numbers("price (nats/px)", list(result.prices), "0.0000"),
        whole("regions", regions_of_tissues(result)),
        *_measured(measures, result),
    ]


def region_table(result: Segmentation) -> list[Column]:
    """Return what is known of each connected region, one row a region, tissue by tissue."""
    components = components_of(np.asarray(result.labels))
    measures = Measures.of_regions(result, components)
    label_of = np.zeros(measures.count + 1, np.int64)
    label_of[components] = result.labels
    rows, columns = _centres(components, measures)
    segmented = max(1, int(measures.pixels[1:].sum()))
    found = [
        Column("tissue", tuple(result.tissues[label - 1].name for label in label_of[1:])),
        whole("region", np.arange(1, measures.count + 1)),
        numbers("area (mm²)", _rows(measures.mm2, measures), "0.000000"),
        whole("area (px)", measures.pixels[1:]),
        numbers("share (%)", per_cent(list(measures.pixels[1:] / segmented)), "0.000"),
        numbers("price of its tissue (nats/px)", list(result.prices[label_of[1:] - 1]), "0.0000"),
        numbers("centre, row (px)", list(rows + result.region[0]), "0.0"),
        numbers("centre, column (px)", list(columns + result.region[1]), "0.0"),
        *_measured(measures, result),
    ]
    order = np.argsort(label_of[1:], kind="stable")
    return [_ordered(column, order) for column in found]


def about(result: Segmentation) -> list[Column]:
    """Return what the numbers belong to, one row a fact."""
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


def _measured(measures: Measures, result: Segmentation) -> list[Column]:
    return [
        whole("perimeter (px)", measures.perimeter_px[1:]),
        numbers("perimeter (µm)", _rows(measures.perimeter_um, measures), "0.0"),
        numbers("mean doubt (nats/px)", list(measures.doubt[1:]), "0.0000"),
        numbers("mean margin (nats)", list(measures.mean(result.margin)[1:]), "0.000"),
    ]


def _rows(values: NDArray[np.float64] | None, measures: Measures) -> Sequence[float | None]:
    return [None] * measures.count if values is None else values[1:].tolist()


def _centres(
    components: NDArray[np.integer], measures: Measures
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns of the centres of regions, from 1, within the result's region."""
    height, width = components.shape
    size, flat = measures.count + 1, components.ravel()
    rows = np.bincount(flat, np.repeat(np.arange(height), width), size)[1:]
    columns = np.bincount(flat, np.tile(np.arange(width), height), size)[1:]
    return rows / measures.pixels[1:] + 0.5, columns / measures.pixels[1:] + 0.5


def _ordered(column: Column, order: NDArray[np.integer]) -> Column:
    return Column(column.title, tuple(column.values[i] for i in order), column.number_format)


class AreasCsv(Exporter):
    """The table of tissues as comma-separated values with decimal points."""

    name = "areas.csv"
    title = "Areas, CSV"
    suffixes = (".csv",)
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the table."""
        write_csv(area_table(result), path)
        return [path]


class RegionsCsv(Exporter):
    """The table of regions as comma-separated values with decimal points."""

    name = "regions.csv"
    title = "Regions, CSV"
    suffixes = (".csv",)
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the table."""
        write_csv(region_table(result), path)
        return [path]


class AreasXlsx(Exporter):
    """Both tables as a workbook, with a sheet that says where they come from."""

    name = "areas.xlsx"
    title = "Areas and regions, Excel"
    suffixes = (".xlsx",)
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the workbook.

        Raises
        ------
        VslpError
            If openpyxl is missing.
        """
        regions = region_table(result)
        sheets = {"areas": area_table(result), "regions": regions, "about": about(result)}
        write_workbook(sheets, path)
        return [path]


areas_csv, regions_csv, areas_xlsx = AreasCsv(), RegionsCsv(), AreasXlsx()
