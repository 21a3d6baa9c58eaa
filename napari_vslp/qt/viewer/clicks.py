"""The clicks of one image as a Points layer: what it shows is what the inputs say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from napari.components import LayerList
from napari.layers import Image, Points
from napari.utils.events import Event

from napari_vslp.core.edits import SetClicks
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Click, Colour
from napari_vslp.qt.viewer.source import add_quietly, image_shape, placement

# The -ing actions of napari come before the data are there.
_TITLES = {"added": "add a click", "removed": "remove a click", "changed": "move a click"}
_ADD = "add"


class ClicksBinding:
    """Keeps the Points layer of an image and the clicks of its inputs the same.

    Each point carries the id of its tissue in the feature `id`, beside the name that napari shows.

    Parameters
    ----------
    layers, image
        Where the points are shown and what they lie on.
    session
        Whose clicks they are.
    on_outside
        Called after a point outside the image was taken away again.
    on_stop
        Called when the layer leaves the adding mode or is deleted.
    """

    def __init__(
        self,
        layers: LayerList,
        image: Image,
        session: Session,
        on_outside: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._layers, self._image, self._session = layers, image, session
        self._on_outside, self._on_stop = on_outside, on_stop
        self._rendering = False
        self.layer: Points | None = None

    def pick(self, tissue: str) -> None:
        """Let the next clicks on the image mean the tissue of this id."""
        layer = self._made()
        layer.selected_data = set()  # or the selected points would change their tissue
        self._mean(layer, tissue)
        self._layers.selection.active = layer
        layer.mode = _ADD

    def stop(self) -> None:
        """Let clicks on the image mean nothing again."""
        if self.layer is not None and str(self.layer.mode) == _ADD:
            self.layer.mode = "pan_zoom"

    def read(self) -> tuple[Click, ...]:
        """Return the clicks of the layer, in image pixels."""
        if self.layer is None:
            return ()
        pixels = np.floor(self.layer.data[:, -2:] + 0.5).astype(int)
        return tuple(
            Click(str(tissue), int(row), int(column))
            for tissue, (row, column) in zip(self.layer.features["id"], pixels, strict=True)
        )

    def render(self) -> None:
        """Show the clicks of the inputs, with their tissues' names and colours."""
        clicks = self._session.inputs.clicks
        if self.layer is None and not clicks:
            return
        layer, was = self._made(), self._rendering
        self._rendering = True
        if self.read() != clicks:
            layer.data = np.array([(c.row, c.column) for c in clicks], float).reshape(-1, 2)
            layer.features = self._features(clicks)
            layer.selected_data = set()
        self._dress(layer, clicks)
        self._rendering = was

    def forget_layer(self) -> None:
        """Know that the user deleted the layer, and its clicks with it."""
        self.layer = None
        self._on_stop()
        self._session.apply(SetClicks((), "remove all clicks"))

    def _features(self, clicks: tuple[Click, ...]) -> pd.DataFrame:
        names = {t.id: t.name for t in self._session.inputs.tissues}
        return pd.DataFrame(
            {
                "tissue": [names.get(c.tissue, "") for c in clicks],
                "id": [c.tissue for c in clicks],
            },
            dtype=object,
        )

    def _dress(self, layer: Points, clicks: tuple[Click, ...]) -> None:
        features = self._features(clicks)
        if list(layer.features["tissue"]) != list(features["tissue"]):
            layer.features = features
        colours = {t.id: _rgba(t.colour) for t in self._session.inputs.tissues}
        wanted = np.array([colours[c.tissue] for c in clicks])
        if len(wanted) and not np.allclose(layer.face_color, wanted):
            layer.face_color = wanted
        if str(layer.mode) == _ADD:
            meant = str(layer.feature_defaults["id"][0])
            if meant in colours:
                self._mean(layer, meant)
            else:
                self.stop()

    def _mean(self, layer: Points, tissue: str) -> None:
        """Let new points of the layer be of a tissue."""
        found = self._session.inputs.tissue(tissue)
        if found is not None and not layer.selected_data:
            layer.feature_defaults = pd.DataFrame({"tissue": [found.name], "id": [found.id]})
            layer.current_face_color = _rgba(found.colour)

    def _made(self) -> Points:
        if self.layer is None:
            self.layer = Points(
                np.zeros((0, 2)),
                name="Clicks",
                features=self._features(()),
                size=max(3.0, max(image_shape(self._image)) / 45),
                border_color="white",
                border_width=0.12,
                **placement(self._image),
            )
            add_quietly(self._layers, self.layer)
            self.layer.events.data.connect(self._on_data)
            self.layer.events.mode.connect(self._on_mode)
        return self.layer

    def _on_data(self, event: Event) -> None:
        title = _TITLES.get(str(event.action))
        if self._rendering or title is None or self.layer is None:
            return
        shape = image_shape(self._image)
        made = self.read()
        inside = tuple(c for c in made if 0 <= c.row < shape[0] and 0 <= c.column < shape[1])
        self._session.apply(SetClicks(inside, title))
        self.render()  # the session may have taken less than what was made
        if len(inside) < len(made):
            self._on_outside()

    def _on_mode(self, event: Event) -> None:
        if str(event.mode) != _ADD:
            self._on_stop()


def _rgba(colour: Colour) -> tuple[float, float, float, float]:
    return (colour[0] / 255, colour[1] / 255, colour[2] / 255, 1.0)
