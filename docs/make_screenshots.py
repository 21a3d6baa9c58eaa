"""Take the pictures of the window that the README and the docs show.

It needs a screen of at least 1280 × 800 px; without one::

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_screenshots.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication

from napari_vslp.demo import tumour_nest
from napari_vslp.widgets.dock import SegmentDock
from napari_vslp.widgets.launch import fill, open_dock

FOLDER = Path(__file__).parent / "images"
SIZE = (1280, 800)
THEMES = {"dark": "window.png", "light": "window-light.png"}


def main() -> None:
    """Solve the demo in the real window and save it in each theme."""
    FOLDER.mkdir(exist_ok=True)
    with notification_manager:
        viewer = Viewer(title="napari-vslp")
        dock = open_dock(viewer)
        fill(viewer, dock, tumour_nest())
        window = viewer.window._qt_window
        window.resize(*SIZE)
        _turn(lambda: False, 0.5)
        dock.run.segment.click()
        _turn(lambda: _solved(dock), 120)
        viewer.reset_view()
        for theme, name in THEMES.items():
            viewer.theme = theme
            _turn(lambda: False, 1.0)
            window.grab().save(str(FOLDER / name))
        viewer.close()


def _solved(dock: SegmentDock) -> bool:
    session = dock.controller.session
    busy = dock.controller.solving.runner.busy
    return not busy and session is not None and session.layers.settled


def _turn(is_true: Callable[[], bool], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while not is_true() and time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
