"""Undo, Redo and the other commands: by button, by key, and from napari's palette."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from qtpy.QtWidgets import QFileDialog

from napari_vslp.core.registries import EXPORTERS
from napari_vslp.qt.segment.dock import AUDIT, SegmentDock
from napari_vslp.qt.segment.solving import STALE
from napari_vslp.qt.viewer import launch
from napari_vslp.qt.viewer.images import REDO, UNDO
from napari_vslp.qt.viewer.maps import LABELS

pytestmark = pytest.mark.window


def press(window, key):
    """Press a key on the canvas, with whatever layer is selected."""
    window.viewer.window._qt_viewer.canvas._key_map_handler.press_key(key)


def test_the_buttons_say_what_they_would_do(window):
    run, row = window.dock.run, window.dock.table.rows[0]
    assert not run.undo.isEnabled()
    assert not run.redo.isEnabled()
    row.slider.setValue(700)
    assert run.undo.toolTip() == "Undo: move a share"
    run.undo.click()
    assert window.shares[0] == pytest.approx(0.45)
    assert row.slider.value() == 450
    assert not run.undo.isEnabled()
    assert run.redo.toolTip() == "Redo: move a share"
    run.redo.click()
    assert row.slider.value() == 700


def test_a_grab_of_the_slider_is_one_step(window):
    slider = window.dock.table.rows[0].slider
    before = window.inputs
    for grab in ((500, 600, 700), (300, 200)):
        slider.sliderPressed.emit()
        for steps in grab:
            slider.setValue(steps)
        slider.sliderReleased.emit()
    window.dock.run.undo.click()
    assert window.shares[0] == pytest.approx(0.7)
    window.dock.run.undo.click()
    assert window.inputs == before


@pytest.mark.parametrize("tool", ["pick", "paint", "region", "image"])
def test_the_keys_win_over_naparis_on_our_layers(window, tool):
    binding = window.binding
    before = window.inputs
    if tool == "region":
        window.dock.region.draw_button.click()
        corners = [[10, 20], [10, 49], [39, 49], [39, 20]]
        binding.region.layer.add_rectangles(np.array([corners]))
    elif tool == "image":
        window.dock.table.rows[0].slider.setValue(700)
        window.viewer.layers.selection.active = window.image
    else:
        getattr(window.dock.table.rows[1], tool).click()
        if tool == "pick":
            binding.clicks.layer.add([5, 6])
        else:
            binding.paint.layer.paint((5, 6), 2)
            window.qtbot.wait(10)
    made = window.inputs
    assert made != before
    press(window, UNDO)
    assert window.inputs == before
    press(window, REDO)
    assert window.inputs == made


def test_undo_brings_the_result_of_that_step_back(window, fake):
    first = window.segment()
    labels = window.binding.layers.layer(LABELS)
    window.dock.table.rows[0].slider.setValue(900)
    assert window.status == STALE
    second = window.segment()
    assert not np.array_equal(first.labels, second.labels)
    window.dock.run.undo.click()
    window.settle()
    np.testing.assert_array_equal(labels.data, first.labels)
    assert window.dock.table.rows[0].bar.reached == pytest.approx(first.reached["Gland"])
    assert window.status.startswith("Done")
    window.dock.run.redo.click()
    window.settle()
    np.testing.assert_array_equal(labels.data, second.labels)
    assert fake.count("run") == 2


def test_undo_to_before_the_first_result_takes_its_layers_away(window, fake):
    window.dock.table.rows[0].slider.setValue(900)
    window.segment()
    window.dock.run.undo.click()
    assert window.session.result is None
    assert [layer.name for layer in window.viewer.layers] == ["slide"]
    assert window.dock.table.rows[0].reached.text() == ""
    window.dock.run.redo.click()
    window.settle()
    assert window.binding.layers.layer(LABELS) is not None


def test_a_removed_tissue_comes_back_with_its_clicks_and_paint(window):
    row = window.dock.table.rows[1]
    row.pick.click()
    window.binding.clicks.layer.add([5, 6])
    row.paint.click()
    window.binding.paint.layer.paint((20, 20), 2)
    window.qtbot.wait(10)
    row.remove.click()
    assert len(window.binding.clicks.layer.data) == 0
    assert not window.binding.paint.layer.data.any()
    window.dock.run.undo.click()
    np.testing.assert_array_equal(window.binding.clicks.layer.data, [[5, 6]])
    assert window.binding.paint.layer.data[20, 20] == 2


def test_deleted_layers_come_back_with_what_was_on_them(window):
    window.dock.table.rows[0].pick.click()
    window.binding.clicks.layer.add([5, 6])
    window.viewer.layers.remove(window.binding.clicks.layer)
    assert window.inputs.clicks == ()
    window.dock.run.undo.click()
    np.testing.assert_array_equal(window.binding.clicks.layer.data, [[5, 6]])


def test_a_region_moves_back_and_goes(window):
    window.dock.region.draw_button.click()
    region, box = window.binding.region, window.dock.region.region_box
    region.layer.add_rectangles(np.array([[[10, 20], [10, 49], [39, 49], [39, 20]]]))
    region.layer.data = [np.array([[20, 20], [20, 49], [49, 49], [49, 20]])]
    assert window.inputs.region == (20, 20, 50, 50)
    window.dock.run.undo.click()
    assert window.inputs.region == (10, 20, 40, 50)
    np.testing.assert_allclose(region.layer.data[0].min(axis=0), (10, 20))
    assert box.currentText() == "Rectangle: Region"
    window.dock.run.undo.click()
    assert window.inputs.region is None
    assert len(region.own.data) == 0
    assert box.currentText() == "Whole image"
    window.dock.run.redo.click()
    assert box.currentText() == "Rectangle: Region"
    np.testing.assert_allclose(region.own.data[0].max(axis=0), (39, 49))


def test_only_the_last_rectangle_of_our_layer_stays(window):
    window.dock.region.draw_button.click()
    layer = window.binding.region.layer
    layer.add_rectangles(np.array([[[1, 2], [1, 9], [9, 9], [9, 2]]]))
    layer.add_rectangles(np.array([[[10, 20], [10, 49], [39, 49], [39, 20]]]))
    window.until(lambda: len(layer.data) == 1)
    assert window.inputs.region == (10, 20, 40, 50)


def test_a_reopened_dock_finds_the_session(window, fake):
    window.segment()
    session = window.session
    window.controller.shutdown()
    again = SegmentDock(window.viewer)
    window.qtbot.addWidget(again)
    assert again.controller.session is session
    assert again.table.rows[0].reached.text().startswith("reached")
    again.controller.shutdown()


def test_two_docks_show_one_session(window, fake):
    other = SegmentDock(window.viewer)
    window.qtbot.addWidget(other)
    window.dock.table.rows[0].slider.setValue(700)
    assert other.table.rows[0].slider.value() == 700
    other.run.undo.click()
    assert window.dock.table.rows[0].slider.value() == 450
    other.controller.shutdown()


# ---- commands


def test_the_commands_have_plain_titles_and_can_be_run():
    manager = PluginManager.instance()
    titles = {c.id: c.title for c in manager.get_manifest("napari-vslp").contributions.commands}
    assert titles["napari-vslp.undo"] == "Undo"
    assert titles["napari-vslp.redo"] == "Redo"
    assert titles["napari-vslp.export"] == "Export result"
    assert titles["napari-vslp.next_doubtful_place"] == "Next doubtful place"


def test_the_commands_act_on_the_dock_of_the_window(window, fake, monkeypatch):
    monkeypatch.setattr(launch.napari, "current_viewer", lambda: window.viewer)
    window.segment()
    launch.next_doubtful_place()
    assert window.dock.tabs.currentIndex() == AUDIT
    assert window.binding.review.index == 0
    window.dock.table.rows[0].slider.setValue(700)
    launch.undo()
    assert window.shares[0] == pytest.approx(0.45)
    launch.redo()
    assert window.shares[0] == pytest.approx(0.7)


def test_without_a_dock_a_command_says_so(make_napari_viewer, monkeypatch):
    viewer = make_napari_viewer()
    monkeypatch.setattr(launch.napari, "current_viewer", lambda: viewer)
    launch.undo()
    assert notification_manager.records[-1].message == launch.NO_DOCK


# ---- export


def test_the_menu_lists_the_exporters(window):
    window.dock.exporting.menu.aboutToShow.emit()
    titles = [action.text() for action in window.dock.exporting.menu.actions()]
    assert titles == [f"{EXPORTERS.title(name)}…" for name in EXPORTERS.names()]


def test_a_result_is_written_where_it_was_asked_for(window, fake, monkeypatch, tmp_path):
    target = tmp_path / "numbers.json"
    assert not window.dock.run.export.isEnabled()
    window.segment()
    assert window.dock.run.export.isEnabled()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.dock.exporting.export("summary.json")
    window.until(target.exists)
    window.until(lambda: not window.dock.exporting.runner.busy)
    assert set(json.loads(target.read_text(encoding="utf-8"))["reached"]) == set(
        window.session.result.reached
    )
    assert window.status == f"Written to {tmp_path}: numbers.json."
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.json"]


def test_maps_are_written_to_a_folder(window, fake, monkeypatch, tmp_path):
    window.segment()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "maps"))
    window.dock.exporting.export("energy-maps")
    window.until(lambda: window.status.startswith("Written"))
    assert (tmp_path / "maps" / "fidelity.tif").exists()


def test_the_options_of_an_exporter_are_asked_for_and_used(window, fake, monkeypatch, tmp_path):
    window.segment()
    target = tmp_path / "a.geojson"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.dock.exporting.choose("tissues.geojson")
    form = window.dock.exporting.form
    assert set(form.form.controls) == {
        "viewer", "offset_x", "offset_y", "simplify_um", "by_region", "locked"
    }  # fmt: skip
    form.form.controls["by_region"].set_value(True)
    form.go_on.click()
    window.until(target.exists)
    window.until(lambda: not window.dock.exporting.runner.busy)
    told = json.loads(target.read_text(encoding="utf-8"))["features"]
    assert {one["geometry"]["type"] for one in told} == {"Polygon"}
    window.dock.exporting.choose("tissues.geojson")
    assert window.dock.exporting.form.form.value().by_region
    window.dock.exporting.form.reject()
