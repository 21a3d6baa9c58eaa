"""The region of one image as a rectangle of a Shapes layer: what it shows is what is segmented."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from napari.components import LayerList
from napari.layers import Image, Shapes
from napari.utils.events import Event
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_vslp.core.edits import SetRegion
from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box
from napari_vslp.core.session import Session
from napari_vslp.qt.viewer.source import add_quietly, image_extent, image_shape, placement

_SETTLED = ("added", "removed", "changed")


class RegionBinding:
    """Keeps a rectangle and the region of an image's inputs the same.

    Parameters
    ----------
    layers, image
        Where the rectangle is shown and what it lies on.
    session
        Whose region it is.
    on_refused
        Called with a sentence when a rectangle can be no region.

    Attributes
    ----------
    layer
        The Shapes layer whose rectangle is the region; None for the whole image.
    """

    def __init__(
        self,
        layers: LayerList,
        image: Image,
        session: Session,
        on_refused: Callable[[str], None],
    ) -> None:
        self._layers, self._image, self._session = layers, image, session
        self._on_refused = on_refused
        self._rendering = False
        self.own: Shapes | None = None
        self.layer: Shapes | None = None

    def draw(self) -> None:
        """Let the hand draw the region on our own layer."""
        layer = self._made()
        self._listen(layer)
        self.render()
        self._layers.selection.active = layer
        layer.mode = "add_rectangle"

    def stop(self) -> None:
        """Let the hand draw no region any more."""
        if self.own is not None and str(self.own.mode) == "add_rectangle":
            self.own.mode = "pan_zoom"

    def choose(self, layer: Shapes | None) -> None:
        """Let the rectangle of a layer be the region, or None the whole image.

        Raises
        ------
        VslpError
            If its rectangle lies outside the image.
        """
        box = rectangle(self._image, layer) if layer is not None else None
        self._listen(layer)
        self._session.apply(SetRegion(box))
        self._listen(layer)  # an empty layer too: something may be drawn on it

    def check(self) -> None:
        """Raise `VslpError` if a layer is chosen on which nothing is drawn yet."""
        if self.layer is not None and rectangle(self._image, self.layer) is None:
            raise VslpError(
                f"“{self.layer.name}” holds no rectangle yet: draw one around the region."
            )

    def take_over(self) -> None:
        """Take what was drawn by hand into the inputs."""
        if self.layer is None:
            return
        try:
            box = rectangle(self._image, self.layer)
        except VslpError as error:
            self._on_refused(str(error))
            box = self._session.inputs.region
        if box is not None or self._session.inputs.region is not None:
            self._session.apply(SetRegion(box))
        self.render()

    def render(self) -> None:
        """Show the region of the inputs."""
        box = self._session.inputs.region
        if box is None:
            if self.own is not None and len(self.own.data):
                self._write(self.own, None)
        elif self.layer is None or self.layer is self.own:
            layer = self._made()
            self._listen(layer)
            if len(layer.data) != 1 or rectangle(self._image, layer) != box:
                self._write(layer, box)
        elif rectangle(self._image, self.layer) != box:
            self._write(self.layer, box)

    def follow(self, before: Box | None, after: Box | None) -> None:
        """Show another region; the whole image is no layer's."""
        if before != after:
            if after is None:
                self._listen(None)
            self.render()

    def forget_layer(self, layer: Shapes) -> None:
        """Know that the user deleted a layer; a region on it goes as well."""
        if layer is self.own:
            self.own = None
        if layer is self.layer:
            self.layer = None
            self._session.apply(SetRegion(None))

    def _listen(self, layer: Shapes | None) -> None:
        if self.layer is not None and self.layer is not self.own:
            self.layer.events.data.disconnect(self._on_data)
        if layer is not None and layer is not self.own:
            layer.events.data.connect(self._on_data)
        self.layer = layer

    def _made(self) -> Shapes:
        if self.own is None:
            self.own = Shapes(
                ndim=2,
                name="Region",
                face_color="transparent",
                edge_color="yellow",
                edge_width=max(1.0, image_extent(self._image) / 300),
                **placement(self._image),
            )
            add_quietly(self._layers, self.own)
            self.own.events.data.connect(self._on_data)
        return self.own

    def _write(self, layer: Shapes, box: Box | None) -> None:
        was, self._rendering = self._rendering, True
        layer.selected_data = set()
        corners = _corners(self._image, layer, box) if box is not None else None
        shapes = [] if layer is self.own else list(layer.data)
        if corners is not None and shapes:
            layer.data = [*shapes[:-1], corners]
        else:
            layer.data = shapes
            if corners is not None:
                layer.add_rectangles(corners)
        layer.selected_data = set()
        self._rendering = was

    def _on_data(self, event: Event) -> None:
        layer: Shapes = event.source
        if self._rendering or str(event.action) not in _SETTLED:
            return
        is_own = layer is self.own
        if self.layer is None and is_own:  # the hand drew without being asked to
            self.layer = layer
        chosen = self.layer
        if chosen is None or chosen is not layer:
            return
        if is_own and len(chosen.data) > 1:
            # The older one goes once napari has done with drawing the new one.
            QTimer.singleShot(0, self.take_over)
        else:
            self.take_over()


def rectangle(image: Image, shapes: Shapes) -> Box | None:
    """Return the selected (or else the last) rectangle of a Shapes layer in image pixels.

    None if there is none.

    Raises
    ------
    VslpError
        If it lies outside the image.
    """
    if not len(shapes.data):
        return None
    chosen = max(shapes.selected_data, default=len(shapes.data) - 1)
    world = [shapes.data_to_world(corner) for corner in shapes.data[chosen]]
    corners = np.array([image.world_to_data(at)[-2:] for at in world])
    shape = image_shape(image)
    # A pixel's centre has whole coordinates, so its edges lie half a pixel beside.
    top, left = np.clip(np.floor(corners.min(axis=0) + 0.5).astype(int), 0, shape)
    bottom, right = np.clip(np.ceil(corners.max(axis=0) - 0.5).astype(int) + 1, 0, shape)
    if bottom <= top or right <= left:
        raise VslpError(f"The rectangle in “{shapes.name}” lies outside “{image.name}”: move it.")
    return int(top), int(left), int(bottom), int(right)


def _corners(image: Image, shapes: Shapes, box: Box) -> NDArray[np.float64]:
    """Return the four corners of a box of image pixels in a layer's own coordinates."""
    top, left, bottom, right = box
    corners = ((top, left), (top, right - 1), (bottom - 1, right - 1), (bottom - 1, left))
    return np.array([shapes.world_to_data(image.data_to_world(at))[-2:] for at in corners])
