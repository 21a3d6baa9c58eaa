"""Draw what goes from QuPath to napari-vslp and back, from the files that are exchanged.

QuPath itself is not needed: the annotations are read and drawn as it would read them::

    python docs/make_qupath_picture.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.demo import tumour_nest
from napari_vslp.export.annotations.geojson import as_geojson
from napari_vslp.export.options import GeoJsonOptions
from napari_vslp.export.overlay import tinted
from napari_vslp.importing.geojson import read_annotations
from napari_vslp.importing.marks import annotation_marks
from napari_vslp.importing.shapes import fill as fill_polygon
from napari_vslp.pipeline import segment

FOLDER = Path(__file__).parent / "images"
BOX = (150, 100, 630, 580)  # left, top, right, bottom


def main() -> None:
    """Segment the demo with its clicks as annotations of points, and draw both files."""
    sample = tumour_nest()
    left, top, right, bottom = BOX
    inside = [c for c in sample.clicks if top <= c.row < bottom and left <= c.column < right]
    frame = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    features = [_feature("Point", [c.column + 0.5, c.row + 0.5], c.tissue) for c in inside]
    features.append(_feature("Polygon", [frame], ""))
    marks = FOLDER / "marks.geojson"
    marks.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    said = Inputs(ImageReference(shape=sample.image.shape[:2]), tuple(sample.tissues))
    said = annotation_marks.read(marks, said)(said)
    colours = {t.name: t.colour for t in said.tissues}
    sent = Image.fromarray(sample.image)
    pen = ImageDraw.Draw(sent)
    for one in read_annotations(marks):
        for shape in one.shapes:
            if one.kind == "point":
                x, y = shape[0][0]
                fill = colours[one.tissue]
                pen.ellipse((x - 9, y - 9, x + 9, y + 9), fill=fill, outline="white", width=3)
            else:
                pen.line([*shape[0]], fill=(255, 230, 60), width=5)
    marks.unlink()
    result = segment(sample.image, said.tissues, clicks=said.clicks, region=said.region)
    marks.write_text(json.dumps(as_geojson(result, GeoJsonOptions())), "utf-8")
    names = [t.name for t in result.tissues]
    labels = np.zeros(sample.image.shape[:2], np.uint8)
    for one in read_annotations(marks):
        for shape in one.shapes:
            fill_polygon(shape, labels, names.index(one.tissue) + 1)
    marks.unlink()
    back = Image.fromarray(tinted(sample.image, labels, result.tissues))
    sheet = Image.new("RGB", (2 * sent.width + 20, sent.height), "white")
    sheet.paste(sent, (0, 0))
    sheet.paste(back, (sent.width + 20, 0))
    sheet.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(FOLDER / "qupath.png")


def _feature(kind: str, coordinates: list[Any], tissue: str) -> dict[str, Any]:
    told: dict[str, Any] = {"objectType": "annotation"}
    if tissue:
        told["classification"] = {"name": tissue, "color": [200, 0, 0]}
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": told}


if __name__ == "__main__":
    main()
