"""What is shown of a real result, on the real canvas: true colours, one picture at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_vslp import demo
from napari_vslp.core.tissues import Click
from napari_vslp.qt.segment.dock import AUDIT
from napari_vslp.qt.viewer.launch import fill
from napari_vslp.qt.viewer.lines import drawn
from napari_vslp.qt.viewer.maps import DOUBT, LABELS, LINES, TERM

pytestmark = pytest.mark.window


@pytest.fixture
def solved(make_shown_window):
    """Return the window with a quarter of the demo, segmented by the real pipeline."""
    window = make_shown_window()
    whole = demo.tumour_nest()
    clicks = tuple(Click(c.tissue, c.row // 2, c.column // 2) for c in whole.clicks)
    small = replace(whole, image=whole.image[::2, ::2].copy(), clicks=clicks)
    window.image = fill(window.viewer, window.dock, small)
    window.viewer.window._qt_window.resize(1280, 800)
    window.segment()
    return window


def canvas_place(window, row, column):
    canvas = window.viewer.window._qt_viewer.canvas
    at = window.image.data_to_world((row, column))
    x, y = canvas.view.scene.transform.map([at[1], at[0], 0, 1])[:2]
    return canvas.native, QPointF(x, y).toPoint()


def visible(window):
    layers = window.binding.layers
    keys = [LABELS, LINES, *layers.maps]
    return {k for k in keys if (found := layers.layer(k)) is not None and found.visible}


def test_shown_colours_are_true_and_pictures_come_one_at_a_time(solved):
    window, qtbot = solved, solved.qtbot
    true_on_the_canvas(window)

    panel = window.dock.show_panel
    assert visible(window) == {LABELS, LINES}
    for key in (DOUBT, TERM + "fidelity", LABELS):
        panel.picture.setCurrentIndex(panel.picture.findData(key))
        panel.picture.activated.emit(panel.picture.currentIndex())
        assert visible(window) == ({LABELS, LINES} if key == LABELS else {key})
        assert panel.legend.accessibleName().startswith("Legend: ")
    panel.strength.setValue(40)
    assert window.binding.layers.layer(LABELS).opacity == pytest.approx(0.4)

    native = window.viewer.window._qt_viewer.canvas.native
    native.setFocus()
    qtbot.keyPress(native, Qt.Key.Key_F4)
    assert visible(window) == set()
    qtbot.keyRelease(native, Qt.Key.Key_F4)
    assert visible(window) == {LABELS, LINES}
    qtbot.mousePress(panel.peek, Qt.MouseButton.LeftButton)
    assert visible(window) == set()
    qtbot.mouseRelease(panel.peek, Qt.MouseButton.LeftButton)
    assert visible(window) == {LABELS, LINES}

    native, at = canvas_place(window, 100, 165)
    qtbot.mouseMove(native, at + QPoint(3, 3))
    qtbot.mouseMove(native, at)
    label = window.controller.showing.pointer.label
    window.until(lambda: window.controller.showing.pointer.label is not None, 5)
    label = window.controller.showing.pointer.label
    assert "looks" in label.text()
    assert "doubt" in label.text()

    row = window.dock.table.rows[0]
    for put_away in (lambda: qtbot.keyClick(native, Qt.Key.Key_Escape), turn_to_audit(window)):
        qtbot.mouseClick(row.pick, Qt.MouseButton.LeftButton)
        assert window.binding.clicks.layer.mode == "add"
        put_away()
        assert window.binding.clicks.layer.mode == "pan_zoom"
        assert not row.pick.isChecked()


def turn_to_audit(window):
    return lambda: window.dock.tabs.setCurrentIndex(AUDIT)


def true_on_the_canvas(window):
    """Check that the lines of each tissue are nearest to its own swatch, in a picture taken."""
    layer = window.binding.clicks.layer
    layer.visible = False
    window.qtbot.wait(50)
    picture = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    layer.visible = True
    ratio = picture.shape[1] / window.viewer.window._qt_viewer.canvas.native.width()
    result = window.session.result
    lines = drawn(result.labels)
    swatches = rgb2lab(np.array([t.colour for t in result.tissues])[None] / 255)[0]
    rng = np.random.default_rng(0)
    for index in range(len(result.tissues)):
        deep = lines == index + 1  # pixels whose neighbours are of the line too
        deep[1:] &= lines[:-1] == index + 1
        deep[:, 1:] &= lines[:, :-1] == index + 1
        places = rng.permutation(np.argwhere(deep))[:40]
        points = [canvas_place(window, r - 0.5, c - 0.5)[1] for r, c in places]
        seen = np.array([picture[int(p.y() * ratio), int(p.x() * ratio)] for p in points])
        away = deltaE_ciede2000(rgb2lab(seen[None] / 255)[0][:, None], swatches[None])
        assert (away.argmin(axis=1) == index).mean() > 0.9, result.tissues[index].name
