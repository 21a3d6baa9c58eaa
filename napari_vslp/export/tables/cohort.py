"""A cohort in one table: one row an image, for statistics over many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.provenance import inputs_hash
from napari_vslp.export.tables.areas import area_table
from napari_vslp.export.tables.columns import Column, Value, write_csv, write_workbook

SUFFIXES = (".csv", ".xlsx")
Row = dict[str, Value]


def cohort_row(result: Segmentation) -> Row:
    """Return what is known of one image: of each tissue what `area_table` tells, and of the whole.

    Returns
    -------
    dict
        Title of the column → value; of tissues, “tissue: title”.
    """
    size = result.pixel_size_um
    row: Row = {
        "image": result.inputs.image.name,
        "pixel height (µm)": None if size is None else float(size[0]),
        "pixel width (µm)": None if size is None else float(size[1]),
        "gap": float(result.gap) if math.isfinite(result.gap) else None,
        "inputs": inputs_hash(result.inputs),
    }
    columns = area_table(result)
    for place, tissue in enumerate(result.tissues):
        row |= {f"{tissue.name}: {one.title}": one.values[place] for one in columns[1:]}
    return row


def write_cohort(rows: Sequence[Row], path: Path) -> None:
    """Write rows as one table; a column that a row lacks, as of another's tissue, is empty there.

    Parameters
    ----------
    rows
        From `cohort_row`.
    path
        Ending in ``.csv`` or ``.xlsx``.

    Raises
    ------
    VslpError
        If it ends in something else, or openpyxl is missing.
    """
    titles = list(dict.fromkeys(title for row in rows for title in row))
    columns = [Column(title, tuple(row.get(title) for row in rows)) for title in titles]
    if path.suffix.lower() == ".xlsx":
        write_workbook({"cohort": columns}, path)
    elif path.suffix.lower() == ".csv":
        write_csv(columns, path)
    else:
        raise VslpError(f"A table of a cohort ends in .csv or .xlsx, not “{path.name}”.")
