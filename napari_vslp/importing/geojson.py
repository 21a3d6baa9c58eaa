"""Annotations of QuPath and its like, read leniently from GeoJSON: a class and a geometry each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import check_plain

Point = tuple[float, float]
Ring = tuple[Point, ...]
Kind = Literal["point", "line", "polygon"]
_MOST_BYTES = 512 * 2**20
_FAR = 1e9  # px; no slide is larger
_NO_FILE = "export it from QuPath again with File › Export objects as GeoJSON"
# GeoJSON's type → what one member is, and how deep its coordinates are nested.
_KINDS: dict[str, tuple[Kind, bool]] = {
    "Point": ("point", False),
    "MultiPoint": ("point", True),
    "LineString": ("line", False),
    "MultiLineString": ("line", True),
    "Polygon": ("polygon", False),
    "MultiPolygon": ("polygon", True),
}


@dataclass(frozen=True)
class Annotation:
    """One annotation.

    Attributes
    ----------
    tissue
        Name of its class; empty if it has none.
    kind
        What each of its shapes is.
    shapes
        Of each shape its rings of (x, y), px of the whole image: the first one is its outline,
        the others are holes; points and lines have one.
    """

    tissue: str
    kind: Kind
    shapes: tuple[tuple[Ring, ...], ...]


def read_annotations(path: Path) -> tuple[Annotation, ...]:
    """Return the annotations of a file; cells and other detections are passed over.

    Raises
    ------
    VslpError
        If it cannot be opened or is no GeoJSON, or a geometry in it is damaged.
    """
    features = _features(read_json(path, f"no GeoJSON: {_NO_FILE}"), path)
    found = tuple(_annotations(features, path))
    if not found:
        raise VslpError(f"“{path.name}” holds no annotations: {_NO_FILE}.")
    return found


def read_json(path: Path, otherwise: str) -> Any:  # noqa: ANN401
    """Return what a JSON file holds.

    Raises
    ------
    VslpError
        If it cannot be opened, is very large or no JSON: ``“name” is …`` what `otherwise` says.
    """
    check_plain(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise VslpError(f"“{path.name}” is too large to be read: export fewer objects.")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, RecursionError) as error:
        raise VslpError(f"“{path.name}” is {otherwise}.") from error


def _features(told: Any, path: Path) -> list[Any]:  # noqa: ANN401
    if isinstance(told, dict) and told.get("type") == "FeatureCollection":
        told = told.get("features")
    elif isinstance(told, dict) and told.get("type") == "Feature":
        told = [told]
    if not isinstance(told, list):
        raise VslpError(f"“{path.name}” is no GeoJSON: {_NO_FILE}.")
    return told


def _annotations(features: list[Any], path: Path) -> Iterator[Annotation]:
    for number, feature in enumerate(features, start=1):
        where = f"The object {number} of “{path.name}”"
        if not isinstance(feature, dict):
            raise VslpError(f"{where} is no annotation: {_NO_FILE}.")
        told = feature.get("properties")
        properties = told if isinstance(told, dict) else {}
        if str(properties.get("objectType", "annotation")).lower() != "annotation":
            continue
        geometry = feature.get("geometry")
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        if not isinstance(geometry, dict) or not isinstance(kind, str) or kind not in _KINDS:
            raise VslpError(f"{where} has no point, line or polygon: delete it and export again.")
        what, several = _KINDS[kind]
        try:
            told = geometry["coordinates"]
            shapes = tuple(_shape(one, what) for one in (told if several else [told]))
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise VslpError(f"{where} has damaged coordinates: {_NO_FILE}.") from error
        yield Annotation(_class(properties), what, shapes)


def _class(properties: dict[str, Any]) -> str:
    """Return the class: a name, or names from the widest to the narrowest, or a text."""
    told = properties.get("classification")
    if isinstance(told, dict):
        names = told.get("names")
        told = told.get("name")
        if told is None and isinstance(names, list):
            told = ": ".join(map(str, names))
    return told.strip() if isinstance(told, str) else ""


def _shape(told: Any, kind: Kind) -> tuple[Ring, ...]:  # noqa: ANN401
    if kind == "point":
        return ((_point(told),),)
    rings = [told] if kind == "line" else told
    made = tuple(tuple(_point(one) for one in ring) for ring in rings)
    least = 2 if kind == "line" else 3
    if not made or any(len(ring) < least for ring in made):
        raise ValueError("too few corners")
    return made


def _point(told: Any) -> Point:  # noqa: ANN401
    x, y = (float(told[0]), float(told[1]))
    if isinstance(told, str) or not all(math.isfinite(v) and abs(v) < _FAR for v in (x, y)):
        raise ValueError("no place in an image")
    return x, y
