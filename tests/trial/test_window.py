"""In the window: a plugged-in source has its row, Live follows it, and its map is a layer."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from napari_vslp.qt.segment.dock import SegmentDock
from tests.trial.toy_source import DarknessOptions

pytestmark = pytest.mark.window


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(darkness, viewer, qtbot):
    """Return the dock with a small image, segmented by the real pipeline."""
    rng = np.random.default_rng(3)
    picture = rng.integers(150, 256, (48, 64, 3), dtype=np.uint8)
    picture[10:30, 20:40] //= 4
    dock = SegmentDock(viewer)
    viewer.window.add_dock_widget(dock, name="Segment", area="right")
    viewer.add_image(picture, name="slide", rgb=True)
    yield dock
    dock.controller.shutdown()
    qtbot.waitUntil(lambda: not dock.controller.solving.runner.computing, timeout=20_000)


def settled(dock, qtbot):
    runner, session = dock.controller.solving.runner, dock.controller.session
    qtbot.waitUntil(lambda: not runner.busy and session.result is not None, timeout=60_000)
    qtbot.waitUntil(lambda: dock.controller.binding.layers.settled, timeout=20_000)


def test_it_has_a_row_that_live_follows_and_a_layer(dock, viewer, qtbot):
    form = dock.advanced.extras["darkness"]
    assert "Darkness counts" in [label.text() for label in form.findChildren(QLabel)]
    form.controls["weight"].set_value(3.0)
    assert dock.controller.session.inputs.options.extras["darkness"] == DarknessOptions(3.0)
    dock.run.segment.click()
    settled(dock, qtbot)
    first = dock.controller.session.result
    assert any("darkness" in layer.name for layer in viewer.layers)
    dock.run.live.setChecked(True)
    form.controls["weight"].set_value(6.0)
    qtbot.waitUntil(lambda: dock.controller.session.result is not first, timeout=30_000)
    settled(dock, qtbot)
    assert not np.array_equal(dock.controller.session.result.confidence, first.confidence)
