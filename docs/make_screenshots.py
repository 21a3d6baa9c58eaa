"""Take the pictures of the window that the README and the docs show.

It needs a screen of at least 1280 × 800 px; without one::

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_screenshots.py

With a table of images and shares, it takes those of the dock “Teach tissues” instead, once a
training from that table has shown eight points of its curves; the training is then thrown away::

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_screenshots.py shares.csv
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication, QWidget

from napari_vslp.demo import tumour_nest
from napari_vslp.widgets.dock import SegmentDock
from napari_vslp.widgets.launch import fill, open_dock
from napari_vslp.widgets.train_dock import TrainDock

FOLDER = Path(__file__).parent / "images"
SIZE = (1280, 800)
THEMES = {"dark": "", "light": "-light"}
POINTS = 8


def main() -> None:
    """Take the pictures of the one dock or, with a table, of the other."""
    FOLDER.mkdir(exist_ok=True)
    with notification_manager:
        if len(sys.argv) > 1:
            teach(Path(sys.argv[1]))
        else:
            segment()


def segment() -> None:
    """Solve the demo in the real window."""
    viewer = Viewer(title="napari-vslp")
    dock = open_dock(viewer)
    fill(viewer, dock, tumour_nest())
    viewer.window._qt_window.resize(*SIZE)
    _turn(lambda: False, 0.5)
    dock.run.segment.click()
    _turn(lambda: _solved(dock), 120)
    _save(viewer, "window")
    viewer.close()


def teach(table: Path) -> None:
    """Train from a table for a while."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VSLP_MODELS"] = folder
        viewer = Viewer(title="napari-vslp")
        dock = TrainDock(viewer)
        viewer.window.add_dock_widget(dock, name="Teach tissues", area="right")
        viewer.window._qt_window.resize(*SIZE)
        dock.table.choose(table)
        _turn(lambda: dock.table.reading is not None, 60)
        dock.run.start.click()
        _turn(lambda: len(dock.curves.records) >= POINTS, 3600)
        # The dock alone: the images of a cohort are nobody else's to show.
        _save(viewer, "teach", dock)
        dock.teaching.end()
        viewer.close()


def _save(viewer: Viewer, name: str, part: QWidget | None = None) -> None:
    """Save the window, or a part of it, in each theme."""
    viewer.reset_view()
    for theme, ending in THEMES.items():
        viewer.theme = theme
        _turn(lambda: False, 1.0)
        shown = part or viewer.window._qt_window
        shown.grab().save(str(FOLDER / f"{name}{ending}.png"))


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
