"""Ties the choice of a picture to the layers of the chosen image's result."""

from __future__ import annotations

from collections.abc import Callable

from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_vslp.qt.segment.show_panel import ShowPanel
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.pointer import Pointer


class Showing(QObject):
    """Shows one picture of the result at a time, and says what lies under the mouse.

    Parameters
    ----------
    viewer
        Whose mouse and status bar are followed.
    panel
        What the hand touches.
    present
        Returns the binding of the chosen image, or None.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: ShowPanel,
        present: Callable[[], ImageBinding | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._panel, self._present = panel, present
        self._binding: ImageBinding | None = None
        self.pointer = Pointer(viewer, present)
        panel.picture_asked.connect(self.show_picture)
        panel.strength_asked.connect(self._set_strength)
        panel.peek_asked.connect(self.peek)

    def refresh(self) -> None:
        """Offer what the present result has to show."""
        binding = self._present()
        if binding is not self._binding:
            if self._binding is not None:
                self._binding.layers.changed.disconnect(self.refresh, missing_ok=True)
            if binding is not None:
                binding.layers.changed.connect(self.refresh)
            self._binding = binding
        result = binding.session.result if binding is not None else None
        if binding is None or result is None:
            self._panel.setVisible(False)
            return
        layers = binding.layers
        key = layers.shown()
        layer = layers.layer(key)
        strength = float(layer.opacity) if layer is not None else 1.0
        self._panel.show_pictures(layers.maps, result.tissues, key, strength)

    def show_picture(self, key: str) -> None:
        """Show one picture."""
        binding = self._present()
        if binding is not None:
            binding.layers.show_only(key)
            self.refresh()

    def peek(self, on: bool) -> None:
        """Show the tissue alone, or the result again."""
        binding = self._present()
        if binding is not None:
            binding.layers.peek(on)

    def shutdown(self) -> None:
        """Follow the mouse no more; the dock or the window is closing."""
        self.pointer.stop()
        if self._binding is not None:
            self._binding.layers.changed.disconnect(self.refresh, missing_ok=True)

    def _set_strength(self, strength: float) -> None:
        binding = self._present()
        layer = binding.layers.layer(self._panel.key()) if binding is not None else None
        if layer is not None:
            layer.opacity = strength
