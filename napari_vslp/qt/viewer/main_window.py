"""The window around a viewer."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtWidgets import QMainWindow


def main_window(viewer: Viewer) -> QMainWindow | None:
    """Return the window of a viewer, or None for one that is only a model.

    napari names no public way, and hands plugins a viewer that hides what is private.
    """
    window = getattr(viewer, "window", None)
    window = getattr(getattr(window, "__wrapped__", window), "_qt_window", None)
    return window if isinstance(window, QMainWindow) else None
