"""Annotations as shares: how much of what is annotated each class covers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.importing import shapes
from napari_vslp.importing.contract import Imported, Importer, count
from napari_vslp.importing.geojson import read_annotations
from napari_vslp.importing.marks import check_size
from napari_vslp.importing.names import TOLERANCE, table_of
from napari_vslp.learning.table import key

MOST_CLASSES = 255


class AnnotationShares(Importer):
    """The areas of classes as shares of all that has a class, within the region."""

    name = "annotation-shares"
    title = "Areas of annotations as shares"
    suffixes = (".geojson", ".json")

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read the polygons; later ones cover earlier ones."""
        found = [one for one in read_annotations(path) if one.kind == "polygon" and one.tissue]
        names = {key(one.tissue): one.tissue for one in reversed(found)}
        order = list(dict.fromkeys(key(one.tissue) for one in found))
        if len(order) > MOST_CLASSES:
            raise VslpError(f"“{path.name}” holds more than {MOST_CLASSES} classes: export fewer.")
        check_size(inputs.image.shape)
        canvas = np.zeros(inputs.image.shape, np.uint8)
        for one in found:
            for shape in one.shapes:
                shapes.fill(shape, canvas, order.index(key(one.tissue)) + 1)
        top, left, bottom, right = inputs.region or (0, 0, *canvas.shape)
        part = canvas[top:bottom, left:right]
        pixels = np.bincount(part.ravel(), minlength=len(order) + 1)[1:]
        if not pixels.sum():
            raise VslpError(
                f"No polygon with a class in “{path.name}” lies in the region: name a "
                "file with polygons of this image."
            )
        half = None if inputs.tissues else TOLERANCE
        shares: dict[str, tuple[float | None, float | None]] = {
            names[one]: (float(p) / int(pixels.sum()), half)
            for one, p in zip(order, pixels, strict=True)
        }
        return Imported(
            f"Imported from {path.name}: the shares of {count(len(order), 'tissue')}.",
            tissues=table_of(shares, inputs.tissues, path),
            title="import shares",
        )


annotation_shares = AnnotationShares()
