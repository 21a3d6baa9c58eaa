"""The painted corrections of one image as a Labels layer: what it shows is what the inputs say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from napari.components import LayerList
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer

from napari_vslp.core.edits import SetPaint
from napari_vslp.core.inputs import Paint
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.qt.viewer.maps import label_colours
from napari_vslp.qt.viewer.source import add_quietly, image_shape, placement

_PAINT = "paint"
_TOOLS = (_PAINT, "erase", "fill", "polygon", "pick")


class PaintBinding:
    """Keeps the Labels layer of an image and the paint of its inputs the same.

    The layer's labels are the codes of `Paint`: a tissue keeps its label whatever happens to the
    table, so that undo renumbers nothing.

    Parameters
    ----------
    layers, image
        Where the layer is shown and what it lies on.
    session
        Whose paint it is.
    on_stop
        Called when the layer leaves the painting modes or is deleted.
    """

    def __init__(
        self, layers: LayerList, image: Image, session: Session, on_stop: Callable[[], None]
    ) -> None:
        self._layers, self._image, self._session = layers, image, session
        self._on_stop = on_stop
        self._owners: tuple[str, ...] = ()
        self._shown: Sequence[tuple[str, Colour] | None] = ()
        self.layer: Labels | None = None

    def pick(self, tissue: str) -> None:
        """Let the brush paint the tissue of this id."""
        layer = self._made()
        self._own((tissue,))
        self._dress(layer)
        layer.selected_label = self._owners.index(tissue) + 1
        self._layers.selection.active = layer
        layer.mode = _PAINT

    def stop(self) -> None:
        """Put the brush away."""
        if self.layer is not None and str(self.layer.mode) == _PAINT:
            self.layer.mode = "pan_zoom"

    def read(self) -> Paint | None:
        """Return what is painted on the layer; None if nothing is."""
        if self.layer is None:
            return None
        return Paint.of(self.layer.data, self._owners)

    def take_over(self) -> None:
        """Take what was painted by hand into the inputs."""
        if self.layer is not None:
            painted = self.read()
            if not _same_pixels(painted, self._session.inputs.paint):
                self._session.apply(SetPaint(painted))
                self.render()  # the session may have taken less than what was painted

    def render(self) -> None:
        """Show the paint of the inputs, in the tissues' colours."""
        paint = self._session.inputs.paint
        if self.layer is None and paint is None:
            return
        layer = self._made()
        if paint is not None:
            if paint.owners[: len(self._owners)] != self._owners[: len(paint.owners)]:
                self._owners = ()  # it was not painted here, such as that of a file
            self._own(paint.owners)
        if not _same_pixels(self.read(), paint):
            np.copyto(layer.data, 0 if paint is None else paint.whole())
            layer.refresh(extent=False)
        self._dress(layer)

    def forget_layer(self) -> None:
        """Know that the user deleted the layer, and what was painted with it."""
        self.layer = None
        self._shown = ()
        self._on_stop()
        self._session.apply(SetPaint(None, "remove the corrections"))

    def _own(self, tissues: tuple[str, ...]) -> None:
        """Give each tissue a label that it keeps."""
        self._owners += tuple(t for t in tissues if t not in self._owners)

    def _dress(self, layer: Labels) -> None:
        present = {t.id: t for t in self._session.inputs.tissues}
        owners = [present.get(owner) for owner in self._owners]
        shown = [(t.name, t.colour) if t is not None else None for t in owners]
        if shown == self._shown:
            return
        self._shown = shown
        gone = Tissue("")  # nothing is painted with it any more
        layer.colormap = label_colours([t or gone for t in owners])
        names = ["free", *(t.name if t is not None else "" for t in owners)]
        layer.features = pd.DataFrame({"index": range(len(names)), "tissue": names})

    def _made(self) -> Labels:
        if self.layer is None:
            shape = image_shape(self._image)
            self._own(tuple(t.id for t in self._session.inputs.tissues))
            self.layer = Labels(
                np.zeros(shape, np.uint8),
                name="Corrections",
                opacity=0.7,
                **placement(self._image),
            )
            self.layer.brush_size = max(5, max(shape) // 60)
            self._dress(self.layer)
            add_quietly(self._layers, self.layer)
            self.layer.events.paint.connect(self._painted)
            self.layer.events.mode.connect(self._on_mode)
        return self.layer

    def _painted(self) -> None:
        # napari says so before the pixels are changed, when painting comes from a script.
        QTimer.singleShot(0, self.take_over)

    def _on_mode(self, event: object) -> None:
        if str(getattr(event, "mode", "")) not in _TOOLS:
            self._on_stop()


def _same_pixels(one: Paint | None, other: Paint | None) -> bool:
    """Return whether the same pixels are painted, whoever else could have been painted with."""
    if one is None or other is None:
        return one is other
    same = one.shape == other.shape and one.box == other.box
    return same and np.array_equal(one.codes, other.codes)
