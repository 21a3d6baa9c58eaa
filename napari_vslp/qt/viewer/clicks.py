"""The clicks of one image: a Points layer whose feature `tissue` names what each point marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Points
from napari.utils.events import Event

from napari_vslp.core.tissues import Click, Colour, Tissue
from napari_vslp.qt.viewer.source import image_shape, placement

_SETTLED = {"added", "removed", "changed"}  # the -ing actions come before the data are there


class Clicks:
    """Keeps the Points layer of one image and reads it back as clicks.

    Parameters
    ----------
    viewer, image
        Where the points are shown and what they lie on.
    on_change
        Called when points were added, moved or removed.
    on_outside
        Called after a point outside the image was taken away again.
    on_stop
        Called when the layer leaves the adding mode or is deleted.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image,
        on_change: Callable[[], None],
        on_outside: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        self._viewer, self._image = viewer, image
        self._on_change, self._on_outside, self._on_stop = on_change, on_outside, on_stop
        self._quiet = False
        self.layer: Points | None = None

    def pick(self, tissue: Tissue) -> None:
        """Let the next clicks on the image mean this tissue."""
        layer = self._ensure_layer()
        layer.selected_data = set()  # or the selected points would change their tissue
        layer.feature_defaults = pd.DataFrame({"tissue": [tissue.name]})
        layer.current_face_color = _rgba(tissue.colour)
        self._viewer.layers.selection.active = layer
        layer.mode = "add"

    def stop(self) -> None:
        """Let clicks on the image mean nothing again."""
        if self.layer is not None and str(self.layer.mode) == "add":
            self.layer.mode = "pan_zoom"

    def read(self) -> tuple[Click, ...]:
        """Return the clicks in image pixels."""
        if self.layer is None:
            return ()
        pixels = np.floor(self.layer.data[:, -2:] + 0.5).astype(int)
        names = self.layer.features["tissue"]
        return tuple(
            Click(str(name), int(row), int(column))
            for name, (row, column) in zip(names, pixels, strict=True)
        )

    def write(self, clicks: Sequence[Click], tissues: Sequence[Tissue]) -> None:
        """Replace all clicks."""
        colours = {t.name: _rgba(t.colour) for t in tissues}
        layer = self._ensure_layer()
        self._quiet = True
        layer.data = np.array([(c.row, c.column) for c in clicks], float).reshape(-1, 2)
        layer.features = pd.DataFrame({"tissue": [c.tissue for c in clicks]})
        if clicks:
            layer.face_color = np.array([colours[c.tissue] for c in clicks])
        layer.selected_data = set()
        self._quiet = False

    def place(self, tissue: Tissue, row: int, column: int) -> tuple[Click, tuple[Click, ...]]:
        """Mark one pixel as a tissue, instead of what it was marked as before.

        Returns
        -------
        Click, tuple of Click
            The new one, and those that it replaces.
        """
        self.stop()
        layer = self._ensure_layer()
        gone = tuple(c for c in self.read() if (c.row, c.column) == (row, column))
        self._remove(self._at(row, column))
        self._add(layer, tissue, row, column)
        self._on_change()
        return Click(tissue.name, row, column), gone

    def take_back(
        self, placed: Click, replaced: Sequence[Click], tissues: Sequence[Tissue]
    ) -> None:
        """Undo `place`; what was replaced comes back if its tissue is still among these."""
        layer = self._ensure_layer()
        self._remove(self._at(placed.row, placed.column))
        for click in replaced:
            tissue = next((t for t in tissues if t.name == click.tissue), None)
            if tissue is not None:
                self._add(layer, tissue, click.row, click.column)
        self._on_change()

    def _at(self, row: int, column: int) -> list[int]:
        return [i for i, c in enumerate(self.read()) if (c.row, c.column) == (row, column)]

    def _add(self, layer: Points, tissue: Tissue, row: int, column: int) -> None:
        self._quiet = True
        layer.selected_data = set()  # or the selected points would change their tissue
        layer.feature_defaults = pd.DataFrame({"tissue": [tissue.name]})
        layer.current_face_color = _rgba(tissue.colour)
        layer.add([row, column])
        layer.selected_data = set()
        self._quiet = False

    def rename(self, before: str, after: Tissue) -> None:
        """Follow a tissue to its new name and colour."""
        if self.layer is None:
            return
        mine = (self.layer.features["tissue"] == before).to_numpy()
        features = self.layer.features.copy()
        features["tissue"] = features["tissue"].astype(object).where(~mine, after.name)
        self.layer.features = features
        colours = np.array(self.layer.face_color)
        colours[mine] = _rgba(after.colour)
        if len(colours):
            self.layer.face_color = colours

    def drop(self, tissue: str) -> None:
        """Take away the clicks of a tissue."""
        if self.layer is not None:
            gone = np.flatnonzero(self.layer.features["tissue"] == tissue)
            self._remove([int(i) for i in gone])

    def forget_layer(self) -> None:
        """Know that the user deleted the layer, and its clicks with it."""
        self.layer = None
        self._on_stop()
        self._on_change()

    def disconnect(self) -> None:
        """Stop listening; the layer stays with its clicks."""
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_data)
            self.layer.events.mode.disconnect(self._on_mode)

    def _ensure_layer(self) -> Points:
        if self.layer is None:
            self.layer = self._new_layer()
            self._viewer.add_layer(self.layer)
            self.layer.events.data.connect(self._on_data)
            self.layer.events.mode.connect(self._on_mode)
        return self.layer

    def _new_layer(self) -> Points:
        return Points(
            np.zeros((0, 2)),
            name="Clicks",
            features=pd.DataFrame({"tissue": pd.Series(dtype=object)}),
            size=max(3.0, max(image_shape(self._image)) / 45),
            border_color="white",
            border_width=0.12,
            **placement(self._image),
        )

    def _on_data(self, event: Event) -> None:
        if self._quiet or str(event.action) not in _SETTLED or self.layer is None:
            return
        shape = image_shape(self._image)
        pixels = np.floor(self.layer.data[:, -2:] + 0.5)
        outside = np.flatnonzero(((pixels < 0) | (pixels >= shape)).any(axis=1))
        if outside.size:
            self._remove([int(i) for i in outside])
            self._on_outside()
        self._on_change()

    def _remove(self, indices: list[int]) -> None:
        if self.layer is not None and indices:
            self._quiet = True
            self.layer.remove(indices)
            self.layer.selected_data = set()
            self._quiet = False

    def _on_mode(self, event: Event) -> None:
        if str(event.mode) != "add":
            self._on_stop()


def _rgba(colour: Colour) -> tuple[float, float, float, float]:
    return (colour[0] / 255, colour[1] / 255, colour[2] / 255, 1.0)
