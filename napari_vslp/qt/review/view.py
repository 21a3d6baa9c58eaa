"""How the place in question is shown: the camera moves there, lines are drawn around it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_vslp.core.inputs import Box
from napari_vslp.qt.viewer.layers import ResultLayers
from napari_vslp.qt.viewer.maps import OUTLINE, PREFIX
from napari_vslp.qt.viewer.source import image_extent, placement

_LINE_PX, _RING_PX = 2.0, 9.0  # on the screen
_UNDER, _LINE, _RING = "black", "#ffe94a", "white"
MOVE_S = 0.25
_STEP_MS = 15
# The place fills this share of the view, but never so much that its surroundings are lost: the
# view shows at least this share of the image's longer side.
_FILLS, _SURROUNDINGS = 0.35, 0.22
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


class CameraAnimation(QObject):
    """Moves the camera smoothly; a new move takes over from a running one."""

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._camera, self._canvas = viewer.scene.camera, viewer.canvas
        self._timer = QTimer(self)
        self._timer.setInterval(_STEP_MS)
        self._timer.timeout.connect(self._move)
        self._begun = 0.0
        self._from = self._to = (np.zeros(3), 1.0)

    @property
    def under_way(self) -> bool:
        """Whether the camera still moves."""
        return self._timer.isActive()

    def move_to(self, image: Image, box: Box) -> float:
        """Move to a box of image pixels; return the zoom there (screen px per world unit)."""
        corners = [image.data_to_world(at)[-2:] for at in (box[:2], box[2:])]
        centre = np.mean(corners, axis=0)
        pixel = float(np.mean(np.abs(np.asarray(image.scale[-2:]))))
        widest = max(box[2] - box[0], box[3] - box[1]) / _FILLS
        shown = max(widest, _SURROUNDINGS * image_extent(image), 8) * pixel
        zoom = float(min(self._canvas.size)) / shown
        before = np.asarray(self._camera.center, float)
        after = before.copy()
        after[-2:] = centre
        self._from, self._to = (before, float(self._camera.zoom)), (after, zoom)
        self._begun = time.monotonic()
        self._timer.start()
        return zoom

    def stop(self) -> None:
        """Stay where the camera is."""
        self._timer.stop()

    def _move(self) -> None:
        way = min(1.0, (time.monotonic() - self._begun) / MOVE_S)
        eased = way * way * (3 - 2 * way)
        (start, zoom), (end, zoom_end) = self._from, self._to
        self._camera.center = tuple(start + eased * (end - start))
        self._camera.zoom = zoom * (zoom_end / zoom) ** eased
        if way >= 1.0:
            self._timer.stop()
