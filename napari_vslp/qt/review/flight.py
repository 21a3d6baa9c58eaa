"""Flying the camera to a place, in a quarter of a second."""

from __future__ import annotations

import time

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer

from napari_vslp.core.inputs import Box
from napari_vslp.qt.viewer.source import image_extent

FLIGHT_S = 0.25
_STEP_MS = 15
# The place fills this share of the view, but never so much that its surroundings are lost: the
# view shows at least this share of the image's longer side.
_FILLS, _SURROUNDINGS = 0.35, 0.22


class Flight(QObject):
    """Moves the camera smoothly; a new flight takes over from a running one."""

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

    def fly_to(self, image: Image, box: Box) -> float:
        """Fly to a box of image pixels; return the zoom there (px of the screen per world unit)."""
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
        way = min(1.0, (time.monotonic() - self._begun) / FLIGHT_S)
        eased = way * way * (3 - 2 * way)
        (start, zoom), (end, zoom_end) = self._from, self._to
        self._camera.center = tuple(start + eased * (end - start))
        self._camera.zoom = zoom * (zoom_end / zoom) ** eased
        if way >= 1.0:
            self._timer.stop()
