"""The painted corrections of one image: a Labels layer whose painted pixels keep their tissue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.viewer.colours import label_colours
from napari_vslp.qt.viewer.source import image_shape, placement


class Corrections:
    """Keeps the Labels layer on which tissue i is painted as i + 1, and 0 leaves a pixel free.

    Parameters
    ----------
    viewer, image
        Where the layer is shown and what it lies on.
    on_change
        Called after a brush stroke.
    on_stop
        Called when the layer leaves the painting mode or is deleted.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image,
        on_change: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._viewer, self._image = viewer, image
        self._on_change, self._on_stop = on_change, on_stop
        self.layer: Labels | None = None

    def pick(self, index: int, tissues: Sequence[Tissue]) -> None:
        """Let the brush paint the tissue of this index."""
        layer = self._ensure_layer(tissues)
        layer.colormap = label_colours(tissues)
        layer.selected_label = index + 1
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"

    def stop(self) -> None:
        """Put the brush away."""
        if self.layer is not None and str(self.layer.mode) == "paint":
            self.layer.mode = "pan_zoom"

    def read(self) -> NDArray[np.uint8] | None:
        """Return (H, W) uint8, a copy for the working thread; None if nothing is painted."""
        if self.layer is None or not self.layer.data.any():
            return None
        return np.array(self.layer.data, np.uint8)

    def recolour(self, tissues: Sequence[Tissue]) -> None:
        """Show the tissues' present colours."""
        if self.layer is not None:
            self.layer.colormap = label_colours(tissues)

    def drop(self, index: int) -> None:
        """Free the pixels of a removed tissue and renumber those behind it."""
        if self.layer is None:
            return
        data = np.array(self.layer.data)
        data[data == index + 1] = 0
        data[data > index + 1] -= 1
        self.layer.data = data

    def forget_layer(self) -> None:
        """Know that the user deleted the layer, and what was painted with it."""
        self.layer = None
        self._on_stop()
        self._on_change()

    def disconnect(self) -> None:
        """Stop listening; the layer stays with what is painted."""
        if self.layer is not None:
            self.layer.events.paint.disconnect(self._painted)
            self.layer.events.mode.disconnect(self._on_mode)

    def _ensure_layer(self, tissues: Sequence[Tissue]) -> Labels:
        if self.layer is None:
            shape = image_shape(self._image)
            self.layer = Labels(
                np.zeros(shape, np.uint8),
                name="Corrections",
                opacity=0.7,
                colormap=label_colours(tissues),
                **placement(self._image),
            )
            self.layer.brush_size = max(5, max(shape) // 60)
            self._viewer.add_layer(self.layer)
            self.layer.events.paint.connect(self._painted)
            self.layer.events.mode.connect(self._on_mode)
        return self.layer

    def _painted(self) -> None:
        # napari says so before the pixels are changed, when painting comes from a script.
        QTimer.singleShot(0, self._on_change)

    def _on_mode(self, event: object) -> None:
        if str(getattr(event, "mode", "")) not in ("paint", "erase", "fill", "polygon", "pick"):
            self._on_stop()
