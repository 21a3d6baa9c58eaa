"""Sessions in napari's menus: Save session, Open session, and ``.vslp`` files dropped or opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import show_warning

from napari_vslp.core.saved.session_file import SUFFIX
from napari_vslp.qt.viewer.launch import NO_DOCK, dock_of, opened_dock

# What tells napari that a reader has done its work without giving layers.
_NO_LAYERS: list[tuple[Any, ...]] = [(None,)]

Reader = Callable[[str | Sequence[str]], list[tuple[Any, ...]]]


def save_session() -> None:
    """Ask for a file and save the session of the chosen image."""
    viewer = napari.current_viewer()
    dock = dock_of(viewer) if viewer is not None else None
    if dock is None:
        show_warning(NO_DOCK)
    else:
        dock.sessions.save()


def open_session() -> None:
    """Ask for a session file and open it, with the dock."""
    viewer = napari.current_viewer()
    if viewer is not None:
        opened_dock(viewer).sessions.open()


def read_vslp(path: str | Sequence[str]) -> Reader | None:
    """Return what opens session files in the present window; None for other files."""
    paths = [path] if isinstance(path, str) else list(path)
    return _open_all if all(one.lower().endswith(SUFFIX) for one in paths) else None


def _open_all(path: str | Sequence[str]) -> list[tuple[Any, ...]]:
    viewer = napari.current_viewer()
    paths = [path] if isinstance(path, str) else list(path)
    if viewer is not None and paths:
        opened_dock(viewer).sessions.opening.open(Path(paths[-1]))
    return _NO_LAYERS
