"""The images of a viewer: one session each, bound to the layers that show and edit it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from app_model.types import KeyCode, KeyMod
from napari.components import LayerList, ViewerModel
from napari.layers import Image, Labels, Points, Shapes
from napari.layers.base import Layer
from napari.utils.events import Event
from psygnal import Signal

from napari_vslp.core.inputs import Inputs
from napari_vslp.core.session import Session
from napari_vslp.qt.review.state import ReviewState
from napari_vslp.qt.review.view import Outline
from napari_vslp.qt.viewer.clicks import ClicksBinding
from napari_vslp.qt.viewer.layers import ResultLayers
from napari_vslp.qt.viewer.paint import PaintBinding
from napari_vslp.qt.viewer.region import RegionBinding
from napari_vslp.qt.viewer.source import place, placement
from napari_vslp.qt.viewer.writers import OURS

TOOLS_AWAY = "Escape"
UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
REDO = KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ


class ImageBinding:
    """Binds the session of one image to the layers that show and edit it.

    Signals
    -------
    clicked_outside
        A click beside the image was taken away.
    tool_stopped
        Clicks ("pick") or the brush ("paint") mean no tissue any more.
    refused
        A sentence: what was drawn cannot be.
    escaped
        Esc was pressed on one of our layers.
    """

    clicked_outside = Signal()
    tool_stopped = Signal(str)
    refused = Signal(str)
    escaped = Signal()

    def __init__(self, layers: LayerList, image: Image, session: Session) -> None:
        self.image, self.session = image, session
        self.review = session.review = ReviewState()
        stopped = self.tool_stopped.emit
        self.layers = ResultLayers(layers, image)
        self.outline = Outline(image, self.layers)
        self.clicks = ClicksBinding(
            layers, image, session, self.clicked_outside.emit, partial(stopped, "pick")
        )
        self.paint = PaintBinding(layers, image, session, partial(stopped, "paint"))
        self.region = RegionBinding(layers, image, session, self.refused.emit)
        session.edited.connect(self._edited)
        session.resulted.connect(self._resulted)
        self._list = layers
        self._hidden: list[Layer] = []
        moves = image.events
        for event in (moves.scale, moves.translate, moves.rotate, moves.shear, moves.affine):
            event.connect(self._image_moved)

    @property
    def alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return self.layers.image_alive

    def own_layers(self) -> list[Layer]:
        """Return the image and all layers that show what is known of it, from below."""
        ours = [self.image, self.clicks.layer, self.paint.layer, self.region.own]
        return [x for x in self._list if any(x is one for one in ours) or self.layers.holds(x)]

    def raise_above(self, others: Iterable[ImageBinding]) -> None:
        """Lay this image and its layers on top, and hide what lies on the others."""
        for other in others:
            other.hide()
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []
        self.image.visible = True
        mine = self.own_layers()
        if list(self._list)[-len(mine) :] != mine:
            self._list.move_multiple([self._list.index(x) for x in mine], len(self._list))

    def hide(self) -> None:
        """Hide what lies on the image until it is chosen again."""
        seen = [x for x in self.own_layers() if x.visible and x is not self.image]
        self._hidden += seen
        for layer in seen:
            layer.visible = False

    def _image_moved(self, _event: Event) -> None:
        """Let everything that lies on the image follow it."""
        for layer in (self.clicks.layer, self.paint.layer, self.region.own):
            if layer is not None:
                place(layer, placement(self.image))
        self.layers.follow_image()

    def take_over(self) -> None:
        """Take what the hand did on layers and napari has not told yet into the inputs."""
        self.paint.take_over()
        self.region.take_over()

    def undo(self, _layer: object = None) -> None:
        """Go back one step."""
        self.take_over()
        self.session.undo()

    def redo(self, _layer: object = None) -> None:
        """Do again what was taken back."""
        self.take_over()
        self.session.redo()

    def stop_tools(self, but: Layer | None = None) -> None:
        """Put clicks and the brush away, unless a layer is theirs."""
        if but is None or but is not self.clicks.layer:
            self.clicks.stop()
        if but is None or but is not self.paint.layer:
            self.paint.stop()

    def forget(self, layer: Layer) -> None:
        """Know that the user deleted a layer."""
        if layer is self.clicks.layer:
            self.clicks.forget_layer()
        elif layer is self.paint.layer:
            self.paint.forget_layer()
        elif isinstance(layer, Shapes):
            self.region.forget_layer(layer)

    def bind_keys(self, layer: Layer) -> None:
        """Let our undo win over napari's while one of our layers is selected."""
        if layer in (self.clicks.layer, self.paint.layer, self.region.own):
            layer.bind_key(UNDO, self.undo, overwrite=True)
            layer.bind_key(REDO, self.redo, overwrite=True)
            layer.bind_key(TOOLS_AWAY, lambda _layer: self.escaped.emit(), overwrite=True)

    def _edited(self, before: Inputs, after: Inputs) -> None:
        dressed = _looks(before) != _looks(after)
        if dressed or before.clicks != after.clicks:
            self.clicks.render()
        if dressed or before.paint != after.paint:
            self.paint.render()
        self.region.follow(before.region, after.region)
        self.review.follow_answers(before.clicks, after.clicks)
        result = self.session.result
        if dressed and result is not None:
            self.layers.dress(result)

    def _resulted(self) -> None:
        result = self.session.result
        if result is None:
            self.review.clear()
            self.layers.clear()
        elif self.review.turn_to(result) and self.review.overview is not None:
            self.layers.show(result, self.review.overview.doubt)
        else:
            self.layers.show_live(result)


class Images:
    """The images of one viewer, each with its binding; it outlives the docks.

    Signals
    -------
    listed
        Images or shapes came, went or have other names.
    removed
        An `ImageBinding` whose image was removed.
    bound
        A new `ImageBinding`.
    """

    listed = Signal()
    bound = Signal(ImageBinding)
    removed = Signal(ImageBinding)

    def __init__(self, layers: LayerList) -> None:
        self._list = layers
        self._bindings: dict[Layer, ImageBinding] = {}
        self.docks: list[Any] = []  # controllers; the last one has the keys
        layers.events.inserted.connect(self._inserted)
        layers.events.removed.connect(self._removed)
        layers.selection.events.active.connect(self._put_tools_away)
        for layer in layers:
            layer.events.name.connect(self._renamed)

    @staticmethod
    def of(viewer: ViewerModel) -> Images:
        """Return the images of a viewer, the same ones for every dock."""
        if viewer not in _IMAGES:
            _IMAGES[viewer] = Images(viewer.layers)
        return _IMAGES[viewer]

    def images(self) -> list[Image]:
        """Return the image layers that can be segmented."""
        return [x for x in self._list if isinstance(x, Image) and not self._ours(x)]

    def image_of(self, layer: Layer | None) -> Image | None:
        """Return the image that a layer is, or that it tells something of; None for others."""
        if isinstance(layer, Image) and not self._ours(layer):
            return layer
        for image, binding in self._bindings.items():
            if isinstance(image, Image) and any(layer is x for x in binding.own_layers()):
                return image
        return None

    def show_only(self, chosen: ImageBinding) -> None:
        """Lay one image with its layers on top, and hide what lies on the others."""
        chosen.raise_above(one for one in self._bindings.values() if one is not chosen)

    def shapes(self) -> list[Shapes]:
        """Return the Shapes layers that can be a region."""
        return [x for x in self._list if isinstance(x, Shapes) and not self._ours(x)]

    def binding(self, image: Image, start: Inputs) -> ImageBinding:
        """Return the binding of an image; a new one begins with the inputs given."""
        if image not in self._bindings:
            session = Session(start)
            self._bindings[image] = ImageBinding(self._list, image, session)
            self.bound.emit(self._bindings[image])
        return self._bindings[image]

    def bindings(self) -> list[ImageBinding]:
        """Return all bindings there are."""
        return list(self._bindings.values())

    def _ours(self, layer: Layer) -> bool:
        # The mark stays on copies, and on maps whose image was removed.
        return OURS in layer.metadata or any(
            binding.layers.holds(layer) for binding in self._bindings.values()
        )

    def _inserted(self, event: Event) -> None:
        layer = event.value
        layer.events.name.connect(self._renamed)
        if isinstance(layer, Points | Labels | Shapes):
            for binding in self._bindings.values():
                binding.bind_keys(layer)
        if isinstance(layer, Image | Shapes) and not self._ours(layer):
            self.listed.emit()

    def _removed(self, event: Event) -> None:
        layer = event.value
        layer.events.name.disconnect(self._renamed)
        for binding in self._bindings.values():
            binding.forget(layer)
        gone = self._bindings.pop(layer, None)
        if gone is not None:
            self.removed.emit(gone)
        if isinstance(layer, Image | Shapes):
            self.listed.emit()

    def _renamed(self, event: Event) -> None:
        if event.source in self._bindings:
            self._bindings[event.source].session.name_image(name=event.source.name)
        if isinstance(event.source, Image | Shapes) and not self._ours(event.source):
            self.listed.emit()

    def _put_tools_away(self, event: Event) -> None:
        """Let clicks and the brush go when the user turns to another layer."""
        if event.value is not None:
            for binding in self._bindings.values():
                binding.stop_tools(but=event.value)


_IMAGES: WeakKeyDictionary[ViewerModel, Images] = WeakKeyDictionary()


def _looks(inputs: Inputs) -> list[tuple[str, str, object]]:
    return [(t.id, t.name, t.colour) for t in inputs.tissues]
