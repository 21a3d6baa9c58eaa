"""One session an image layer: made when it is chosen, kept while it is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from napari.layers import Image, Shapes
from napari.layers.base import Layer
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.review.outline import Outline
from napari_vslp.qt.segment.region_panel import RegionPanel
from napari_vslp.qt.viewer.clicks import Clicks
from napari_vslp.qt.viewer.corrections import Corrections
from napari_vslp.qt.viewer.layers import ResultLayers
from napari_vslp.qt.viewer.session import Session
from napari_vslp.qt.viewer.source import image_extent, pixel_size_um, placement


class Sessions(QObject):
    """Follows the viewer's layers and the choice of image, and keeps each image's own state.

    Parameters
    ----------
    viewer
        napari's viewer.
    panel
        Offers the images and regions.
    first_tissues
        Returns the table that a new image starts from.

    Signals
    -------
    chosen
        Another image, or none, is present now.
    changed
        Clicks, corrections or the region of the present image changed.
    clicked_outside
        A click beside the image was taken away.
    tool_stopped
        Clicks ("pick") or the brush ("paint") mean no tissue any more.
    """

    chosen = Signal()
    changed = Signal()
    clicked_outside = Signal()
    tool_stopped = Signal(str)

    def __init__(
        self,
        viewer: Viewer,
        panel: RegionPanel,
        first_tissues: Callable[[], list[Tissue]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._panel, self._first_tissues = viewer, panel, first_tissues
        self._sessions: dict[Layer, Session] = {}
        self._named: list[Layer] = []
        self.present: Session | None = None
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        viewer.layers.selection.events.active.connect(self._put_tools_away)
        panel.image_chosen.connect(self._choose)
        panel.region_changed.connect(self._region_changed)

    def disconnect_all(self) -> None:
        """Stop listening to the viewer and its layers, which all stay."""
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.layers.selection.events.active.disconnect(self._put_tools_away)
        for layer in self._named:
            layer.events.name.disconnect(self.list_layers)
        for session in self._sessions.values():
            session.disconnect()

    def list_layers(self, _event: Event | None = None) -> None:
        """Offer the viewer's images and rectangles in the panel."""
        images = [x for x in self._viewer.layers if isinstance(x, Image) and not self._ours(x)]
        shapes = [x for x in self._viewer.layers if isinstance(x, Shapes) and not self._ours(x)]
        for layer in self._named:
            layer.events.name.disconnect(self.list_layers)
        self._named = [*images, *shapes]
        for layer in self._named:
            layer.events.name.connect(self.list_layers)
        self._panel.list_layers(images, shapes)

    def draw_region(self, session: Session) -> Shapes:
        """Return the session's Shapes layer, made if need be, ready to draw a rectangle."""
        shapes = session.region_layer
        if shapes is None:
            shapes = Shapes(
                ndim=2,
                name="Region",
                face_color="transparent",
                edge_color="yellow",
                edge_width=max(1.0, image_extent(session.image) / 300),
                **placement(session.image),
            )
            self._viewer.add_layer(shapes)
            session.region_layer = shapes
        self._viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"
        return shapes

    def _ours(self, layer: Layer) -> bool:
        return any(session.layers.holds(layer) for session in self._sessions.values())

    def _inserted(self, event: Event) -> None:
        if isinstance(event.value, Image | Shapes) and not self._ours(event.value):
            self.list_layers()

    def _removed(self, event: Event) -> None:
        layer = event.value
        for session in self._sessions.values():
            session.forget(layer)
        gone = self._sessions.pop(layer, None)
        if gone is not None:
            gone.disconnect()
            if gone is self.present:
                self.present = None
        if isinstance(layer, Image | Shapes):
            self.list_layers()

    def _put_tools_away(self, event: Event) -> None:
        """Let clicks and the brush go when the user turns to another layer."""
        if self.present is None or event.value is None:
            return
        if event.value is not self.present.clicks.layer:
            self.present.clicks.stop()
        if event.value is not self.present.corrections.layer:
            self.present.corrections.stop()

    def _choose(self, image: Image | None) -> None:
        if self.present is not None:
            self.present.clicks.stop()
            self.present.corrections.stop()
        if image is not None and image not in self._sessions:
            self._sessions[image] = self._new(image)
        self.present = self._sessions[image] if image is not None else None
        self.chosen.emit()

    def _new(self, image: Image) -> Session:
        stopped, changed = self.tool_stopped.emit, self.changed.emit
        layers = ResultLayers(self._viewer, image, self)
        return Session(
            image=image,
            clicks=Clicks(
                self._viewer, image, changed, self.clicked_outside.emit, partial(stopped, "pick")
            ),
            corrections=Corrections(self._viewer, image, changed, partial(stopped, "paint")),
            layers=layers,
            outline=Outline(image, layers),
            # A series of one kind of tissue: the next image starts from the last one's table.
            tissues=self._first_tissues(),
            pixel_size_um=pixel_size_um(image),
        )

    def _region_changed(self) -> None:
        if self.present is not None:
            self.present.region_layer = self._panel.region_layer()
            self.changed.emit()
