"""The demo as `napari-vslp demo` opens it where there is a screen."""

from __future__ import annotations

import pytest

from napari_vslp.demo import tumour_nest
from napari_vslp.qt.viewer import launch

pytestmark = pytest.mark.window


def test_the_demo_fills_the_dock_and_segments(make_napari_viewer, qtbot, fake, monkeypatch):
    opened = []
    open_dock = launch.open_dock

    def note(viewer):
        opened.append(open_dock(viewer))
        return opened[0]

    def run():
        controller = opened[0].controller
        runner = controller.solving.runner
        qtbot.waitUntil(lambda: fake.count("run") == 1 and not runner.busy, timeout=20000)
        qtbot.waitUntil(lambda: controller.binding.layers.settled, timeout=20000)

    monkeypatch.setattr(launch, "Viewer", lambda title: make_napari_viewer(title=title))
    monkeypatch.setattr(launch, "open_dock", note)
    monkeypatch.setattr(launch.napari, "run", run)
    launch.show_demo()
    sample, binding = tumour_nest(), opened[0].controller.binding
    assert binding.session.inputs.tissues == sample.tissues
    assert binding.session.inputs.clicks == binding.clicks.read() == sample.clicks
    assert binding.layers.layer("labels") is not None
    opened[0].controller.shutdown()
