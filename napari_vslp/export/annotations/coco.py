"""Regions as COCO: an annotation a region, as runs of pixels or as polygons."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.annotations.pieces import check_level, without_holes
from napari_vslp.export.annotations.polygons import Components, components_of
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.measures import Measures, finite
from napari_vslp.export.options import CocoOptions
from napari_vslp.export.provenance import provenance, software


def as_coco(result: Segmentation, options: CocoOptions) -> dict[str, Any]:
    """Return a data set of one image, with an annotation for each connected region.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    options
        Runs of pixels are exact and may have holes. Polygons are cut where there were holes and
        are exact in area, but pycocotools fills their borders as it rounds.

    Returns
    -------
    dict
        Plain JSON values; boxes and polygons in px of the whole image.

    Raises
    ------
    VslpError
        If the image was segmented at a coarser level than the finest.
    """
    check_level(result)
    components = components_of(np.asarray(result.labels))
    height, width = result.image_shape
    measures = Measures.of_regions(result, components)
    shapes = (
        _polygons(result, components) if options.form == "polygons" else _runs(result, components)
    )
    image = {"id": 1, "file_name": result.inputs.image.name, "height": height, "width": width}
    return {
        "info": {"description": software(result), **provenance(result)},
        "licenses": [],
        "images": [image],
        "categories": [
            {"id": number, "name": tissue.name, "supercategory": "tissue"}
            | {"color": [int(part) for part in tissue.colour]}
            for number, tissue in enumerate(result.tissues, start=1)
        ],
        "annotations": _annotations(result, measures, components, shapes),
    }


def _annotations(
    result: Segmentation, measures: Measures, components: Components, shapes: dict[int, Any]
) -> list[dict[str, Any]]:
    from scipy.ndimage import find_objects

    top, left = result.region[:2]
    doubt, found = measures.doubt, []
    for number, box in enumerate(find_objects(components), start=1):
        rows, columns = box
        first = np.flatnonzero(components[rows.start, columns] == number)[0] + columns.start
        size = [columns.stop - columns.start, rows.stop - rows.start]
        runs = isinstance(shapes[number], dict)
        found.append(
            {
                "id": number,
                "image_id": 1,
                "category_id": int(result.labels[rows.start, first]),
                "segmentation": shapes[number],
                "area": int(measures.pixels[number]),
                "bbox": [columns.start + left, rows.start + top, *size],
                "iscrowd": int(runs),
                **finite({"mean_doubt": float(doubt[number])}),
            }
        )
    return found


def _runs(result: Segmentation, components: Components) -> dict[int, dict[str, Any]]:
    """Return region → lengths of runs down the columns of the whole image, outside first."""
    height, width = result.image_shape
    top, left = result.region[:2]
    columns, rows = np.nonzero(components.T)
    owner = components[rows, columns]
    order = np.argsort(owner, kind="stable")
    owner, places = owner[order], ((columns + left).astype(np.int64) * height + rows + top)[order]
    bounds = np.searchsorted(owner, np.arange(1, int(components.max(initial=0)) + 2))
    return {
        number: {"size": [height, width], "counts": _counts(places[low:high], height * width)}
        for number, (low, high) in enumerate(pairwise(bounds), start=1)
    }


def _counts(places: NDArray[np.int64], total: int) -> list[int]:
    """Return lengths of runs from ascending places that are inside."""
    breaks = np.flatnonzero(np.diff(places) > 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    stops = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    edges = np.empty(2 * len(starts) + 2, np.int64)
    edges[0], edges[1:-1:2], edges[2:-1:2], edges[-1] = 0, starts, stops, total
    counts: list[int] = np.diff(edges).tolist()
    return counts if counts[-1] else counts[:-1]


def _polygons(result: Segmentation, components: Components) -> dict[int, list[list[int]]]:
    """Return region → polygons without holes, each as x and y in turn."""
    corner = np.array(result.region[1::-1], np.int64)
    found: dict[int, list[list[int]]] = {}
    for part in without_holes(result.labels):
        ring = part.rings[0][:-1]
        # Every ring begins at the upper left corner of a pixel that is inside.
        owner = _owner(ring, components)
        found.setdefault(owner, []).append((ring + corner).ravel().tolist())
    return found


def _owner(ring: NDArray[np.int64], components: Components) -> int:
    """Return the region of a polygon: that of the pixel at its highest, leftmost corner."""
    x, y = ring[np.lexsort((ring[:, 0], ring[:, 1]))[0]]
    return int(components[y, x])


class CocoJson(Exporter):
    """The regions as a COCO data set of one image."""

    name = "coco.json"
    title = "Regions, COCO"
    suffixes = (".json",)
    layer_types = ("labels",)
    Options = CocoOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the data set."""
        text = json.dumps(as_coco(result, options), ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
        return [path]


coco_json = CocoJson()
