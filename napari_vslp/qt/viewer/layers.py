"""The result as a group of layers that lie together above their image."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from napari.components import LayerList
from napari.layers import Image, Labels
from napari.layers.base import Layer
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.qt.viewer.lines import drawn
from napari_vslp.qt.viewer.maps import (
    LABELS,
    LINES,
    OUTLINE,
    PREFIX,
    MapLayer,
    label_colours,
    label_features,
    maps_of,
)
from napari_vslp.qt.viewer.source import add_quietly, place, placement
from napari_vslp.qt.viewer.writers import OURS, mask_metadata
from napari_vslp.qt.work.worker import Turns

FILL = 0.1  # opacity between the lines: a breath of colour, the tissue stays as it is
_DRAWN = {LABELS, LINES, OUTLINE}


class ResultLayers(QObject):
    """Makes the layers of one image's results and updates them in place.

    napari 0.9 has no layer groups: the layers lie side by side in the list and share the prefix
    “Result · ”. They are kept as objects, so a renamed one is still found, and what the user
    set (name, visibility, contrast, colour map, opacity) is left alone. Each layer is made or
    updated in a turn of its own of the event loop, so that the window never stands still.

    Attributes
    ----------
    maps
        Key → map of the full result that is shown or was shown last.

    Signals
    -------
    changed
        Maps came or went, or others are visible.
    """

    changed = Signal()

    def __init__(self, layers: LayerList, image: Image, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._list, self._image = layers, image
        self._layers: dict[str, Layer] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._names: dict[str, str] = {}
        self._colours: list[Colour] = []
        self._wanted: set[str] = set()  # layers to be shown once they are made
        self._peeked: list[Layer] = []
        self._switching = False
        self._corner = (0, 0)  # of the region shown, in px of the image
        self.maps: dict[str, MapLayer] = {}
        self._turns = Turns(self)

    def layer(self, key: str) -> Layer | None:
        """Return a layer by its key (see `maps`), if alive."""
        found = self._layers.get(key)
        return found if found is not None and found in self._list else None

    @property
    def image_alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return self._image in self._list

    @property
    def settled(self) -> bool:
        """Whether all layers show the newest result."""
        return self._turns.done

    def holds(self, layer: Layer) -> bool:
        """Whether this layer is one of the group."""
        return any(layer is mine for mine in self._layers.values())

    def show_live(self, result: Segmentation) -> None:
        """Show a passing result: only what is visible now, and nothing is made anew."""
        self._turns.replace()
        self._update_labels(result)
        visible = {key for key in self._layers if self._is_visible(key)} - _DRAWN
        if visible:
            for key, shown in maps_of(result).items():
                layer = self.layer(key) if key in visible else None
                if layer is not None:
                    self._write(layer, shown.values, result)

    def show(self, result: Segmentation, doubt: FloatMap | None = None) -> None:
        """Show a result in all layers; those that the user deleted are made again.

        Parameters
        ----------
        doubt
            (h, w) float32 in [0, 1].
        """
        if self.layer(LABELS) is None:
            self._make_labels(result)
        else:
            self._update_labels(result)
            if self.layer(LINES) is None:
                looks = {"colormap": label_colours(result.tissues), **self._placement(result)}
                self._make_lines(result, looks)
        wanted = self.maps = maps_of(result, doubt)
        maps = [partial(self._show_map, key, shown, result) for key, shown in wanted.items()]
        last = partial(self._remove_beyond, {*_DRAWN, *wanted})
        self._turns.replace([partial(self._dress_labels, result), *maps, last])

    def dress(self, result: Segmentation) -> None:
        """Give labels and confidences the present names and colours of the tissues."""
        self._dress_labels(result)
        for key, shown in maps_of(result).items():
            self._rename(key, shown.title)

    def follow_image(self) -> None:
        """Lie on the image again after it was moved, turned or scaled."""
        for key in self._layers:
            layer = self.layer(key)
            if layer is not None:
                corner = (0, 0) if key == OUTLINE else self._corner
                place(layer, placement(self._image, corner))

    def clear(self) -> None:
        """Take all layers of the result away: there is none."""
        self._turns.replace()
        self._remove_beyond({OUTLINE})

    def set_visible(self, key: str, on: bool) -> None:
        """Show or hide a layer, at once or as soon as it is made."""
        self._wanted.discard(key)
        layer = self.layer(key)
        if layer is not None:
            layer.visible = on
        elif on:
            self._wanted.add(key)

    def show_only(self, key: str) -> None:
        """Show one picture: the tissues by `LABELS`, or one map; the others are hidden."""
        self._switching = True
        for one in {*self._layers, *self._wanted, key} - {OUTLINE}:
            self.set_visible(one, one == key or {one, key} == {LABELS, LINES})
        self._switching = False
        self.changed.emit()

    def shown(self) -> str:
        """Return the key of the picture on top: a map above the labels counts before them."""
        maps = [k for k in self._layers if k not in _DRAWN and self._is_visible(k)]
        return maps[0] if maps else LABELS

    def peek(self, on: bool) -> None:
        """Hide the whole group for as long as the tissue below is looked at."""
        if on and not self._peeked:
            self._peeked = [one for key in self._layers if (one := self._visible(key))]
            for layer in self._peeked:
                layer.visible = False
        elif not on:
            for layer in self._peeked:
                layer.visible = True
            self._peeked = []

    def _visible(self, key: str) -> Layer | None:
        return self.layer(key) if self._is_visible(key) else None

    def insert(self, key: str, layer: Layer, above: bool = False) -> None:
        """Put a layer into the group.

        Those `above` lie above the labels, the outline above all, the rest between labels and
        image.
        """
        self._layers[key] = layer
        below = (self.layer(LINES) or self.layer(LABELS)) if above else None
        place = None if key == OUTLINE else self._list.index(below or self._image) + 1
        add_quietly(self._list, layer, place)
        self._names[key] = layer.name  # napari may have numbered it
        for event in (layer.events.visible, layer.events.opacity):
            event.connect(self._looks_changed)

    def _looks_changed(self, _event: object) -> None:
        if not self._peeked and not self._switching:
            self.changed.emit()

    def _is_visible(self, key: str) -> bool:
        layer = self.layer(key)
        return layer is not None and bool(layer.visible)

    def _make_labels(self, result: Segmentation) -> None:
        looks: dict[str, Any] = {
            "colormap": label_colours(result.tissues),
            "features": label_features(result),
            **self._placement(result),
        }
        layer = Labels(
            result.labels.copy(),
            name=f"{PREFIX}tissues",
            opacity=FILL,
            metadata=mask_metadata(result),
            **looks,
        )
        self._colours = [t.colour for t in result.tissues]
        self.insert(LABELS, layer)
        self._make_lines(result, looks)

    def _make_lines(self, result: Segmentation, looks: dict[str, Any]) -> None:
        if self.layer(LINES) is None:
            layer = Labels(drawn(result.labels), name=f"{PREFIX}outlines", opacity=1.0, **looks)
            layer.metadata.update(mask_metadata(result, drawn=True))
            layer.editable = False
            self.insert(LINES, layer, above=True)

    def _update_labels(self, result: Segmentation) -> None:
        layer, lines = self.layer(LABELS), self.layer(LINES)
        if layer is not None:
            self._write(layer, result.labels, result)
            layer.metadata.update(mask_metadata(result))
        if lines is not None:
            self._write(lines, drawn(result.labels), result)
            lines.metadata.update(mask_metadata(result, drawn=True))

    def _dress_labels(self, result: Segmentation) -> None:
        colours = [t.colour for t in result.tissues]
        for layer in (self.layer(LABELS), self.layer(LINES)):
            if isinstance(layer, Labels):
                if colours != self._colours:
                    layer.colormap = label_colours(result.tissues)
                layer.features = label_features(result)
                layer.metadata.update(mask_metadata(result, drawn=layer is self.layer(LINES)))
        self._colours = colours

    def _show_map(self, key: str, shown: MapLayer, result: Segmentation) -> None:
        layer = self.layer(key)
        if not self.image_alive:
            return
        if layer is None:
            self._make_map(key, shown, result)
        elif isinstance(layer, Image):
            self._write(layer, shown.values, result)
            self._rename(key, shown.title)
            if tuple(layer.contrast_limits) == self._limits.get(key):
                layer.contrast_limits = self._limits[key] = shown.limits

    def _make_map(self, key: str, shown: MapLayer, result: Segmentation) -> None:
        self._limits[key] = shown.limits
        layer = Image(
            shown.values.copy(),
            name=PREFIX + shown.title,
            colormap=shown.colours,
            contrast_limits=shown.limits,
            opacity=0.8,
            metadata={OURS: {}},
            visible=key in self._wanted,
            **self._placement(result),
        )
        self.insert(key, layer, shown.above)

    def _rename(self, key: str, title: str) -> None:
        """Follow a tissue to its new name, unless the user gave the layer one of their own."""
        layer = self.layer(key)
        wanted = PREFIX + title
        if layer is not None and layer.name == self._names[key] and layer.name != wanted:
            layer.name = wanted
            self._names[key] = layer.name

    def _write(self, layer: Layer, values: NDArray[Any], result: Segmentation) -> None:
        data = layer.data
        if (
            isinstance(data, np.ndarray)
            and data.shape == values.shape
            and data.dtype == values.dtype
        ):
            np.copyto(data, values)  # a third of the cost of a new array
            layer.refresh(extent=False)
        else:
            layer.data = values.copy()
        place(layer, self._placement(result))

    def _placement(self, result: Segmentation) -> dict[str, object]:
        self._corner = (result.region[0], result.region[1])
        return placement(self._image, self._corner)

    def _remove_beyond(self, keys: set[str]) -> None:
        """Take away the maps that are no more, such as the confidences of removed tissues."""
        for key in [k for k in self._layers if k not in keys]:
            layer = self.layer(key)
            if layer is not None:
                self._list.remove(layer)
            del self._layers[key]
        self.changed.emit()
