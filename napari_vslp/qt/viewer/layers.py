"""The result as a group of layers that lie together above their image."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers.base import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.qt.viewer.colours import label_colours, label_features
from napari_vslp.qt.viewer.maps import (
    CONFIDENCE,
    DOUBTS,
    LABELS,
    OUTLINE,
    PREFIX,
    limits_of,
    title_of,
    values_of,
)
from napari_vslp.qt.viewer.source import place, placement
from napari_vslp.qt.viewer.writers import mask_metadata
from napari_vslp.qt.work.turns import Turns


class ResultLayers(QObject):
    """Makes the layers of one image's results and updates them in place.

    napari 0.9 has no layer groups: the layers lie side by side in the list and share the prefix
    “Result · ”. They are kept as objects, so a renamed one is still found, and what the user
    set (name, visibility, contrast, colour map, opacity) is left alone. Each layer is made or
    updated in a turn of its own of the event loop, so that the window never stands still.
    """

    def __init__(self, viewer: ViewerModel, image: Image, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._image = viewer, image
        self._layers: dict[str, Layer] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._names: dict[str, str] = {}
        self._colours: list[Colour] = []
        self._wanted: set[str] = set()  # layers to be shown once they are made
        self._turns = Turns(self)

    def layer(self, key: str) -> Layer | None:
        """Return a layer by its key (`LABELS`, of `MAPS`, `CONFIDENCE` + tissue), if alive."""
        found = self._layers.get(key)
        return found if found is not None and found in self._viewer.layers else None

    @property
    def image_alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return self._image in self._viewer.layers

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
        for key, values in values_of(result).items():
            layer = self.layer(key)
            if layer is not None and layer.visible:
                self._write(layer, values, result)

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
        values = values_of(result, doubt)
        maps = [partial(self._show_map, key, one, result) for key, one in values.items()]
        last = partial(self._remove_beyond, set(values))
        self._turns.replace([partial(self._dress_labels, result), *maps, last])

    def follow(self, old: str, new: str, result: Segmentation) -> None:
        """Give labels and confidences the present names and colours of the tissues."""
        self._dress_labels(result)
        old_key, new_key = CONFIDENCE + old, CONFIDENCE + new
        if old_key == new_key or old_key not in self._layers:
            return
        self._layers[new_key] = self._layers.pop(old_key)
        self._limits[new_key] = self._limits.pop(old_key)
        self._names[new_key] = self._names.pop(old_key)
        self._rename(new_key)

    def _make_labels(self, result: Segmentation) -> None:
        layer = Labels(
            result.labels.copy(),
            name=f"{PREFIX}tissues",
            opacity=0.45,
            colormap=label_colours(result.tissues),
            features=label_features(result.tissues, result.reached),
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
        layer.features = label_features(result.tissues, result.reached)

    def set_visible(self, key: str, on: bool) -> None:
        """Show or hide a layer, at once or as soon as it is made."""
        self._wanted.discard(key)
        layer = self.layer(key)
        if layer is not None:
            layer.visible = on
        elif on:
            self._wanted.add(key)

    def _show_map(self, key: str, values: FloatMap, result: Segmentation) -> None:
        layer = self.layer(key)
        if not self.image_alive:
            return
        if layer is None:
            self._make_map(key, values, result)
        elif isinstance(layer, Image):
            self._write(layer, values, result)
            if tuple(layer.contrast_limits) == self._limits.get(key):
                layer.contrast_limits = self._limits[key] = limits_of(key, values)

    def _make_map(self, key: str, values: FloatMap, result: Segmentation) -> None:
        title, colours = title_of(key)
        self._limits[key] = limits_of(key, values)
        layer = Image(
            values.copy(),
            name=PREFIX + title,
            colormap=colours,
            contrast_limits=self._limits[key],
            opacity=0.8,
            visible=key in self._wanted,
            **self._placement(result),
        )
        self.insert(key, layer)

    def insert(self, key: str, layer: Layer) -> None:
        """Put a layer into the group.

        Doubts lie above the labels, the outline above all, the rest between labels and image.

        The user's selected layer and tool stay: napari would select each new layer, which also
        takes as long as making it.
        """
        layers = self._viewer.layers
        self._layers[key] = layer
        activates = layers._activate_on_insert  # there is no public way
        layers._activate_on_insert = False
        below = self.layer(LABELS) if key in DOUBTS else None
        place = len(layers) if key == OUTLINE else layers.index(below or self._image) + 1
        layers.insert(place, layer)
        layers._activate_on_insert = activates
        self._names[key] = layer.name  # napari may have numbered it

    def _rename(self, key: str) -> None:
        """Follow a tissue to its new name, unless the user gave the layer one of their own."""
        layer = self._layers[key]
        if layer.name == self._names[key]:
            layer.name = PREFIX + title_of(key)[0]
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
        """Take away the confidences of tissues that are no more."""
        for key in [k for k in self._layers if k not in keys | {LABELS, OUTLINE}]:
            layer = self.layer(key)
            if layer is not None:
                self._viewer.layers.remove(layer)
            del self._layers[key]
