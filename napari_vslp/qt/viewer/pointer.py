"""What lies under the mouse, said in the window's status bar: tissue, looks and doubt."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtWidgets import QLabel

from napari_vslp.qt.parts import messages
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.main_window import main_window


class Pointer:
    """Keeps a label at the right end of the status bar up to date.

    napari's own part of the bar tells of the selected layer, and is left alone.

    Parameters
    ----------
    viewer
        Whose mouse is followed.
    present
        Returns the binding of the chosen image, or None.
    """

    def __init__(self, viewer: Viewer, present: Callable[[], ImageBinding | None]) -> None:
        self._viewer, self._present = viewer, present
        self.label: QLabel | None = None
        viewer.mouse_move_callbacks.append(self._moved)

    def stop(self) -> None:
        """Say nothing any more."""
        if self._moved in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._moved)
        if self.label is not None:
            with suppress(RuntimeError):  # the window is gone, and the label with it
                self.label.deleteLater()
            self.label = None

    def say_at(self, position: tuple[float, ...]) -> str:
        """Return what lies at a place of the world, empty where there is nothing to say."""
        binding = self._present()
        result = binding.session.result if binding is not None else None
        if binding is None or result is None:
            return ""
        row, column = (round(float(at)) for at in binding.image.world_to_data(position)[-2:])
        top, left, bottom, right = result.region
        if not (top <= row < bottom and left <= column < right):
            return ""
        place = (row - top, column - left)
        label = int(result.labels[place])
        overview = binding.review.overview
        doubt = None
        if overview is not None and overview.doubt.shape == result.labels.shape:
            doubt = float(overview.doubt[place])
        if not label:
            return ""
        tissue = result.tissues[label - 1]
        return messages.under_mouse(tissue.name, float(result.confidence[label - 1][place]), doubt)

    def _moved(self, _viewer: object, event: Event) -> None:
        if self.label is None:
            self.label = QLabel()
            self.label.setAccessibleName("Under the mouse")
            window = main_window(self._viewer)
            if window is not None and (bar := window.statusBar()) is not None:
                bar.addPermanentWidget(self.label)
        self.label.setText(self.say_at(tuple(event.position)))
