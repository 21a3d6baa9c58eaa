"""Tissues as GeoJSON that QuPath and its like read: named, coloured, measured polygons."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.annotations.pieces import check_level
from napari_vslp.export.annotations.polygons import Part, components_of, outlines
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.measures import Measures, finite
from napari_vslp.export.options import CROPPING, GeoJsonOptions
from napari_vslp.export.provenance import NAMESPACE, provenance

Polygon = list[list[list[int]]]


def as_geojson(result: Segmentation, options: GeoJsonOptions) -> dict[str, Any]:
    """Return a feature collection of the tissues' outlines.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    options
        Where the coordinates begin, and what is one annotation.

    Returns
    -------
    dict
        Plain JSON values. Coordinates are (x, y) in px of the whole image, less the offset.

    Raises
    ------
    VslpError
        If outlines are to be simplified and the pixel size is unknown or shapely is missing; if
        the image was segmented at a coarser level than the finest.
    """
    check_level(result)
    components = components_of(result.labels)
    parts = outlines(result.labels, components)
    top, left = result.region[:2]
    shift = np.array([left, top])
    if options.viewer == CROPPING:
        shift -= [options.offset_x, options.offset_y]
    polygons = [_plain(part.rings, shift) for part in parts]
    if options.simplify_um > 0 and polygons:
        polygons = _simplified(polygons, options.simplify_um, result)
    measures, group_of = Measures.of_tissues(result), [part.label for part in parts]
    if options.by_region:
        measures = Measures.of_regions(result, components)
        group_of = [part.component for part in parts]
    told = _Teller(result, measures, options)
    features = [told.feature(*one) for one in _grouped(parts, polygons, group_of)]
    return {"type": "FeatureCollection", "features": features}


def _grouped(
    parts: Sequence[Part], polygons: Sequence[Polygon], group_of: Sequence[int]
) -> list[tuple[int, int, list[Polygon]]]:
    """Return group, label and polygons of each annotation, tissue by tissue."""
    found: dict[tuple[int, int], list[Polygon]] = {}
    for part, polygon, group in zip(parts, polygons, group_of, strict=True):
        found.setdefault((part.label, group), []).append(polygon)
    return [(group, label, found[label, group]) for label, group in sorted(found)]


class _Teller:
    """Says of each annotation what belongs to it."""

    def __init__(self, result: Segmentation, measures: Measures, options: GeoJsonOptions) -> None:
        self._result, self._measures, self._options = result, measures, options
        self._metadata = {name: text for name, text in provenance(result).items() if text}
        self._margin = measures.mean(result.margin)
        self._doubt = measures.doubt
        self._doubts = {result.terms[name].title: means for name, means in measures.terms.items()}

    def feature(self, group: int, label: int, polygons: list[Polygon]) -> dict[str, Any]:
        tissue = self._result.tissues[label - 1]
        single = len(polygons) == 1
        name = f"{self._metadata['inputs_sha256']}/{tissue.id}"
        if self._options.by_region:
            name += f"/{group}"
        return {
            "type": "Feature",
            "id": str(uuid.uuid5(NAMESPACE, name)),
            "geometry": {
                "type": "Polygon" if single else "MultiPolygon",
                "coordinates": polygons[0] if single else polygons,
            },
            "properties": {
                "objectType": "annotation",
                "isLocked": self._options.locked,
                "classification": {"name": tissue.name, "color": [int(c) for c in tissue.colour]},
                "measurements": self._numbers(group, label),
                "metadata": self._metadata | {"tissue": tissue.id},
            },
        }

    def _numbers(self, group: int, label: int) -> dict[str, float]:
        mm2 = self._measures.mm2
        return finite(
            {
                "Area px": float(self._measures.pixels[group]),
                "Area mm^2": None if mm2 is None else float(mm2[group]),
                "Mean doubt (nats/px)": float(self._doubt[group]),
                "Mean margin (nats)": float(self._margin[group]),
                **{
                    f"Mean {title} (nats/px)": float(means[group])
                    for title, means in self._doubts.items()
                },
                "Price (nats/px)": float(self._result.prices[label - 1]),
                "Gap": float(self._result.gap),
            }
        )


def _plain(rings: Sequence[NDArray[np.int64]], shift: NDArray[np.integer]) -> Polygon:
    return [(ring + shift).tolist() for ring in rings]


def _simplified(polygons: list[Polygon], size_um: float, result: Segmentation) -> list[Polygon]:
    """Return polygons with fewer corners that still fit together without gaps."""
    if result.pixel_size_um is None:
        raise VslpError(
            "Outlines are simplified by µm, and the pixel size is unknown: "
            "state it, or leave the simplification at 0."
        )
    try:
        import shapely
    except ImportError as error:
        raise VslpError(
            "Simplified outlines need the package shapely: pip install “napari-vslp[export]”."
        ) from error
    high, wide = result.pixel_size_um
    scale = np.array([wide, high])
    shapes = np.array([shapely.Polygon(rings[0], rings[1:]) for rings in polygons])
    in_um = shapely.transform(shapes, lambda corners: corners * scale)
    simple = shapely.coverage_simplify(in_um, size_um)
    back = shapely.transform(simple, lambda corners: np.rint(corners / scale))
    return [
        [shapely.get_coordinates(ring).astype(np.int64).tolist() for ring in _rings(shape)]
        for shape in back
    ]


def _rings(shape: Any) -> list[Any]:  # noqa: ANN401 - shapely is an extra
    return [shape.exterior, *shape.interiors]


class TissuesGeoJson(Exporter):
    """The tissues as polygons, GeoJSON of QuPath's kind."""

    name = "tissues.geojson"
    title = "Outlines for QuPath, GeoJSON"
    suffixes = (".geojson", ".json")
    layer_types = ("labels",)
    Options = GeoJsonOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the outlines."""
        told = as_geojson(result, options)
        text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        path.write_text(text + "\n", encoding="utf-8")
        return [path]


tissues_geojson = TissuesGeoJson()
