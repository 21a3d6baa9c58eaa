"""Take the pictures of the window that the README and the docs show.

The audit is also shown on an image of EBHI-Seg (CC BY 4.0) where ``../shared/data`` is there.

It needs a screen of at least 1280 × 800 px; without one::

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_screenshots.py

With a table of images and shares, it takes those of the dock “Teach tissues” instead, once a
training from that table has shown eight points of its curves; the training is then thrown away::

    xvfb-run -s "-screen 0 1280x800x24" python docs/make_screenshots.py shares.csv
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from napari_vslp.core.tissues import PALETTE, Tissue
from napari_vslp.demo import Sample, tumour_nest
from napari_vslp.qt.segment.dock import AUDIT, SegmentDock
from napari_vslp.qt.teach.dock import TrainDock
from napari_vslp.qt.viewer.launch import fill, open_dock

FOLDER = Path(__file__).parent / "images"
SIZE = (1280, 800)
THEMES = {"dark": "", "light": "-light"}
POINTS = 8
EBHI = Path(__file__).parents[2] / "shared" / "data" / "ebhi_seg"
EBHI_IMAGE = "HGIN_GTxc2012788-1-400-002.jpg"  # of the validation part


def main() -> None:
    """Take the pictures of the one dock or, with a table, of the other."""
    FOLDER.mkdir(exist_ok=True)
    with notification_manager:
        if len(sys.argv) > 1:
            teach(Path(sys.argv[1]))
        else:
            segment()
            audit_ebhi()


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
    _audit(dock)
    _save(viewer, "audit", whole=False, themes=("dark",))
    viewer.close()


def audit_ebhi() -> None:
    """Look over a held-out colon biopsy whose share of gland is known, if the data are there."""
    if not EBHI.is_dir():
        return
    with (EBHI / "index.csv").open(encoding="utf-8", newline="") as stream:
        row = next(r for r in csv.DictReader(stream) if r["image"] == EBHI_IMAGE)
    with Image.open(EBHI / "images" / EBHI_IMAGE) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    share = round(float(row["gland"]), 2)
    tissues = (
        Tissue("gland", share, 0.05, PALETTE[0]),
        Tissue("other tissue", 1 - share, 0.05, PALETTE[1]),
    )
    viewer = Viewer(title="napari-vslp")
    dock = open_dock(viewer)
    fill(viewer, dock, Sample("EBHI-Seg: colon biopsy", pixels, tissues, ()))
    viewer.window._qt_window.resize(*SIZE)
    _turn(lambda: False, 0.5)
    dock.run.segment.click()
    _turn(lambda: _solved(dock), 120)
    _audit(dock)
    viewer.reset_view()
    dock.audit.doubt.click()
    _save(viewer, "audit-ebhi", themes=("dark",))
    viewer.close()


def _audit(dock: SegmentDock) -> None:
    """Turn to the audit and go to the second place, as a hand would."""
    dock.tabs.setCurrentIndex(AUDIT)
    for _ in range(2):
        dock.audit.next.click()
        _turn(lambda: False, 1.0)


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
        _turn(lambda: len(dock.curves.history) >= POINTS, 3600)
        # The dock alone: the images of a cohort are nobody else's to show.
        _save(viewer, "teach", dock)
        dock.controller.end()
        viewer.close()


def _save(
    viewer: Viewer,
    name: str,
    part: QWidget | None = None,
    whole: bool = True,
    themes: Sequence[str] = tuple(THEMES),
) -> None:
    """Save the window, or a part of it, in each theme, with the whole image or the view as is."""
    if whole:
        viewer.reset_view()
    for theme in themes:
        viewer.theme = theme
        _turn(lambda: False, 1.0)
        shown = part or viewer.window._qt_window
        shown.grab().save(str(FOLDER / f"{name}{THEMES[theme]}.png"))


def _solved(dock: SegmentDock) -> bool:
    binding = dock.controller.binding
    busy = dock.controller.solving.runner.busy
    return not busy and binding is not None and binding.layers.settled


def _turn(is_true: Callable[[], bool], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while not is_true() and time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
