"""The result as a group of layers that lie together above their image."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from napari.components import LayerList
from napari.layers import Image, Labels
from napari.layers.base import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.qt.viewer.maps import (
    LABELS,
    OUTLINE,
    PREFIX,
    MapLayer,
    label_colours,
    label_features,
    maps_of,
)
from napari_vslp.qt.viewer.source import add_quietly, place, placement
from napari_vslp.qt.viewer.writers import mask_metadata
from napari_vslp.qt.work.worker import Turns


class ResultLayers(QObject):
    """Makes the layers of one image's results and updates them in place.

    napari 0.9 has no layer groups: the layers lie side by side in the list and share the prefix
    “Result · ”. They are kept as objects, so a renamed one is still found, and what the user
    set (name, visibility, contrast, colour map, opacity) is left alone. Each layer is made or
    updated in a turn of its own of the event loop, so that the window never stands still.
    """

    def __init__(self, layers: LayerList, image: Image, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._list, self._image = layers, image
        self._layers: dict[str, Layer] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._names: dict[str, str] = {}
        self._colours: list[Colour] = []
        self._wanted: set[str] = set()  # layers to be shown once they are made
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
        visible = {key for key in self._layers if self._is_visible(key)} - {LABELS, OUTLINE}
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
        wanted = maps_of(result, doubt)
        maps = [partial(self._show_map, key, shown, result) for key, shown in wanted.items()]
        last = partial(self._remove_beyond, {LABELS, OUTLINE, *wanted})
        self._turns.replace([partial(self._dress_labels, result), *maps, last])

    def dress(self, result: Segmentation) -> None:
        """Give labels and confidences the present names and colours of the tissues."""
        self._dress_labels(result)
        for key, shown in maps_of(result).items():
            self._rename(key, shown.title)

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

    def insert(self, key: str, layer: Layer, above: bool = False) -> None:
        """Put a layer into the group.

        Those `above` lie above the labels, the outline above all, the rest between labels and
        image.
        """
        self._layers[key] = layer
        below = self.layer(LABELS) if above else None
        place = None if key == OUTLINE else self._list.index(below or self._image) + 1
        add_quietly(self._list, layer, place)
        self._names[key] = layer.name  # napari may have numbered it

    def _is_visible(self, key: str) -> bool:
        layer = self.layer(key)
        return layer is not None and bool(layer.visible)

    def _make_labels(self, result: Segmentation) -> None:
        layer = Labels(
            result.labels.copy(),
            name=f"{PREFIX}tissues",
            opacity=0.45,
            colormap=label_colours(result.tissues),
            features=label_features(result),
            metadata=mask_metadata(result),
            **self._placement(result),
        )
        self._colours = [t.colour for t in result.tissues]
        self.insert(LABELS, layer)

    def _update_labels(self, result: Segmentation) -> None:
        layer = self.layer(LABELS)
        if layer is not None:
            self._write(layer, result.labels, result)
            layer.metadata.update(mask_metadata(result))

    def _dress_labels(self, result: Segmentation) -> None:
        layer = self.layer(LABELS)
        if not isinstance(layer, Labels):
            return
        colours = [t.colour for t in result.tissues]
        if colours != self._colours:
            layer.colormap = label_colours(result.tissues)
            self._colours = colours
        layer.features = label_features(result)
        layer.metadata.update(mask_metadata(result))

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
        return placement(self._image, (result.region[0], result.region[1]))

    def _remove_beyond(self, keys: set[str]) -> None:
        """Take away the maps that are no more, such as the confidences of removed tissues."""
        for key in [k for k in self._layers if k not in keys]:
            layer = self.layer(key)
            if layer is not None:
                self._list.remove(layer)
            del self._layers[key]
