"""The outline of the doubtful region in question, and a ring around the place asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Shapes
from numpy.typing import NDArray

from napari_vslp.qt.viewer.layers import ResultLayers
from napari_vslp.qt.viewer.maps import OUTLINE, PREFIX
from napari_vslp.qt.viewer.source import image_extent, placement

_LINE_PX, _RING_PX = 2.0, 9.0  # on the screen
_UNDER, _LINE, _RING = "black", "#ffe94a", "white"
Line = NDArray[np.float64]


class Outline:
    """Keeps the Shapes layer “Result · doubtful region” of one image.

    Parameters
    ----------
    image
        What it lies on; outlines and places are in its pixels.
    layers
        The group that the layer belongs to.
    """

    def __init__(self, image: Image, layers: ResultLayers) -> None:
        self._image, self._layers = image, layers
        self._outline: Sequence[Line] = ()
        self._spot: tuple[int, int] | None = None
        self._zoom = 1.0

    def show(
        self, outline: Sequence[Line], spot: tuple[int, int] | None, zoom: float | None = None
    ) -> None:
        """Draw an outline and a ring, as thick as it takes at a zoom (screen px per world unit)."""
        self._outline, self._spot, self._zoom = outline, spot, zoom or self._zoom
        self._draw()

    def clear(self) -> None:
        """Draw nothing."""
        self.show((), None)

    def _draw(self) -> None:
        layer = self._layers.layer(OUTLINE)
        shapes = self._shapes()
        if layer is None:
            if not shapes or not self._layers.image_alive:
                return
            layer = Shapes(
                ndim=2, name=f"{PREFIX}doubtful region", opacity=0.9, **placement(self._image)
            )
            layer.editable = False
            self._layers.insert(OUTLINE, layer)
        if not isinstance(layer, Shapes):
            return
        layer.selected_data = set()
        layer.data = []
        if shapes:
            data, kinds, widths, colours = zip(*shapes, strict=True)
            layer.add(
                list(data),
                shape_type=list(kinds),
                edge_width=list(widths),
                edge_color=list(colours),
                face_color="transparent",
            )
            layer.selected_data = set()

    def _shapes(self) -> list[tuple[Any, str, float, str]]:
        """Return (vertices, kind, width, colour): each line once in black below, once bright."""
        if self._spot is None and not self._outline:
            return []
        pixel = float(np.mean(np.abs(np.asarray(self._image.scale[-2:]))))
        unit = 1 / max(self._zoom * pixel, 1e-6)  # px of the image to a px of the screen
        unit = min(unit, image_extent(self._image) / 200)
        found: list[tuple[Any, str, float, str]] = []
        for width, colour in ((2 * _LINE_PX * unit, _UNDER), (_LINE_PX * unit, _LINE)):
            found += [(line, "path", width, colour) for line in self._outline]
        if self._spot is not None:
            row, column = self._spot
            side = _RING_PX * unit
            corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * side + (row, column)
            for width, colour in ((2 * _LINE_PX * unit, _UNDER), (_LINE_PX * unit, _RING)):
                found.append((corners, "ellipse", width, colour))
        return found
