"""The dock, driven as a hand would drive it; the pipeline answers at once."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job, Progress
from napari_vslp.qt.parts import messages
from napari_vslp.qt.segment.controller import OUTSIDE
from napari_vslp.qt.segment.solving import CANCELLED, IMAGE_GONE, NO_IMAGE, STALE
from napari_vslp.review import wording

pytestmark = pytest.mark.window


def sentences() -> list[str]:
    return [note.message for note in notification_manager.records]


def test_segment_shows_asked_and_reached(window, fake):
    window.dock.table.preset_button.menu().actions()[1].trigger()
    result = window.segment()
    assert [t.name for t in result.tissues] == ["Tumour", "Lymphocytes", "Stroma", "Background"]
    row = window.dock.table.rows[0]
    assert row.bar.asked == (0.35, 0.45)
    assert row.bar.reached == pytest.approx(0.4, abs=0.02)
    assert row.reached.text() == wording.per_cent(result.reached["Tumour"]).join(["reached ", ""])
    assert row.pull.text() == "The image shows more of it than typed."
    assert "-0.6" not in row.pull.text()
    assert "+0.60" in row.pull.toolTip()
    assert re.fullmatch(
        r"Done in .+ s\. Next: look over the doubtful places, or export\.", window.status
    )


def test_tissues_come_and_go_with_their_clicks(window):
    table = window.dock.table
    table.add_button.click()
    assert len(table.rows) == 4
    assert sum(window.shares) == pytest.approx(1)
    table.rows[3].pick.click()
    window.binding.clicks.layer.add([10, 10])
    assert [c.tissue for c in window.inputs.clicks] == ["new tissue"]
    table.rows[3].remove.click()
    assert window.inputs.clicks == ()
    assert sum(window.shares) == pytest.approx(1)


def test_no_image_is_said_and_nothing_is_lost(empty_window):
    window = empty_window
    window.dock.run.segment.click()
    assert window.status == NO_IMAGE
    assert NO_IMAGE in sentences()
    assert window.dock.run.segment.isEnabled()


def spoil_one_tissue(table):
    table.rows[2].remove.click()
    table.rows[1].remove.click()


def spoil_the_name(table):
    table.rows[1].name.setText(" ")
    table.rows[1].name.editingFinished.emit()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (spoil_one_tissue, "At least two tissues"),
        (spoil_the_name, "A tissue has no name"),
    ],
)
def test_what_cannot_be_is_said_twice_and_can_be_mended(window, fake, spoil, expected):
    spoil(window.dock.table)
    window.segment()
    assert window.status.startswith(expected)
    assert any(s.startswith(expected) for s in sentences())
    assert window.dock.run.segment.isEnabled()
    window.dock.table.preset_button.menu().actions()[0].trigger()
    assert window.segment() is not None


def test_a_name_that_is_taken_is_refused_and_the_old_one_stays(window):
    name, before = window.dock.table.rows[1].name, window.inputs
    name.setText("gland")
    name.editingFinished.emit()
    assert name.text() == "Other tissue"
    assert window.inputs == before
    assert window.status == "There is already a tissue called “gland”: type another name."
    assert window.status in sentences()


def test_an_error_of_ours_arrives_and_keeps_the_result(window, fake):
    before = window.segment()
    fake.error = RuntimeError("CUDA error: device-side assert")
    window.segment()
    assert "Something went wrong" in window.status
    assert any("device-side assert" in s for s in sentences())
    assert window.session.result is before
    assert window.dock.run.segment.isEnabled()


def test_a_sentence_from_the_pipeline_arrives(window, fake):
    fake.error = VslpError("The image holds NaN.")
    window.segment()
    assert window.status == "The image holds NaN."


def test_a_stack_is_refused_with_a_sentence(window, fake):
    stack = window.viewer.add_image(np.zeros((3, 20, 30)), name="stack")
    window.dock.region.choose_image(stack)
    window.segment()
    assert "stack of 3 dimensions" in window.status


def test_what_is_read_so_far_is_shown_and_gives_way_to_the_result(window, fake):
    fake.gate.clear()
    fake.looks = (1,)
    window.dock.run.segment.click()
    window.until(lambda: window.session.result is not None and window._shown())
    assert window.runner.busy
    assert window.session.stale, "no step keeps it"
    first = window.session.result
    fake.gate.set()
    window.settle()
    assert window.session.result is not first
    assert not window.session.stale


def test_cancel_after_a_look_brings_the_previous_result_back(window, fake):
    before = window.segment()
    fake.gate.clear()
    fake.looks = (1,)
    window.dock.advanced.form.controls["augmentation"].widget.click()
    window.dock.run.segment.click()
    window.until(
        lambda: fake.count("live") == 1 and window.session.result.labels is not before.labels
    )
    window.dock.run.cancel.click()
    window.settle()
    np.testing.assert_array_equal(window.session.result.labels, before.labels)
    assert window.session.result.labels is before.labels


def test_a_look_that_comes_after_cancel_is_not_shown(window, fake):
    fake.gate.clear()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 1)
    solving = window.controller.solving
    request, seen = solving._request, fake.seen(window.image.data, None)
    result = fake.run(window.inputs, seen, job=Job())
    window.dock.run.cancel.click()
    solving._looked.emit(request, result)
    assert window.session.result is None


def test_cancel_keeps_the_previous_result(window, fake):
    before = window.segment()
    fake.gate.clear()
    window.dock.advanced.form.controls["augmentation"].widget.click()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 2)
    assert window.dock.run.cancel.isEnabled()
    window.dock.run.cancel.click()
    assert not window.runner.busy
    assert window.status == CANCELLED
    assert window.session.result is before
    window.until(lambda: not window.runner.computing)
    assert window.session.result is before


def test_an_image_removed_during_the_job_is_said(window, fake):
    fake.gate.clear()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 1)
    window.viewer.layers.remove(window.image)
    fake.gate.set()
    window.until(lambda: not window.runner.busy)
    assert window.status == IMAGE_GONE
    assert len(window.dock.table.rows) == 3


def test_an_image_renamed_during_the_job_changes_nothing(window, fake):
    fake.gate.clear()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 1)
    window.image.name = "another name"
    assert window.dock.region.image_box.currentText() == "another name"
    assert window.inputs.image.name == "another name"
    fake.gate.set()
    window.settle()
    assert window.session.result is not None


def test_each_image_keeps_its_tissues_and_clicks(window, fake, picture):
    window.dock.table.rows[0].slider.setValue(800)
    window.dock.table.rows[0].pick.click()
    window.binding.clicks.layer.add([5, 6])
    first = window.inputs.tissues
    other = window.viewer.add_image(picture[::-1], name="other", rgb=True)
    window.dock.region.choose_image(other)
    assert window.inputs.clicks == ()
    window.dock.table.rows[0].slider.setValue(100)
    window.dock.region.choose_image(window.image)
    assert window.inputs.tissues == first
    assert len(window.inputs.clicks) == 1


def test_a_guess_asks_for_clicks_and_notes_are_shown(window, fake):
    fake.start_only, fake.notes = True, ("The image is grey; colour would help it.",)
    window.segment()
    hint = window.dock.run.hint
    assert not hint.isHidden()
    assert hint.text().splitlines() == [wording.START_ONLY, *fake.notes]


def test_a_change_after_a_result_is_said(window, fake):
    window.segment()
    window.dock.table.rows[0].slider.setValue(700)
    assert window.status == STALE


def test_the_second_solve_does_not_look_at_the_image_again(window, fake):
    window.segment()
    window.segment()
    assert (fake.count("prepare"), fake.count("run")) == (1, 2)
    window.dock.advanced.form.controls["augmentation"].widget.click()
    window.segment()
    assert fake.count("prepare") == 2


def test_clicks_land_where_they_are_made(window, fake):
    window.image.scale, window.image.translate = (0.5, 0.5), (7, 9)
    window.dock.table.rows[1].pick.click()
    layer = window.binding.clicks.layer
    layer.add(layer.world_to_data((7 + 0.5 * 20, 9 + 0.5 * 30)))
    click = window.inputs.clicks[0]
    assert (click.tissue, click.row, click.column) == ("Other tissue", 20, 30)


def test_another_layer_puts_the_tools_away(window, fake):
    row = window.dock.table.rows[0]
    row.pick.click()
    row.paint.click()
    assert (row.pick.isChecked(), row.paint.isChecked()) == (False, True)
    assert window.binding.clicks.layer.mode == "pan_zoom"
    window.viewer.layers.selection.active = window.image
    assert not row.paint.isChecked()
    assert window.binding.paint.layer.mode == "pan_zoom"


def test_a_click_outside_is_taken_away_with_a_sentence(window, fake):
    window.dock.table.rows[1].pick.click()
    window.binding.clicks.layer.add([-3, 5])
    assert window.inputs.clicks == ()
    assert window.status == OUTSIDE


def test_clicks_follow_the_name_and_colour_of_their_tissue(window, fake):
    row = window.dock.table.rows[1]
    row.pick.click()
    window.binding.clicks.layer.add([5, 5])
    row.name.setText("Stroma")
    row.name.editingFinished.emit()
    row.colour._choose(row.palette().color(row.backgroundRole()))
    layer = window.binding.clicks.layer
    assert list(layer.features["tissue"]) == ["Stroma"]
    np.testing.assert_allclose(255 * layer.face_color[0][:3], row.colour.colour(), atol=0.5)
    window.segment()
    assert fake.asked().clicks == window.inputs.clicks
    assert fake.asked().clicks[0].tissue == row.id


def test_painted_pixels_are_kept(window, fake):
    window.dock.table.rows[2].paint.click()
    layer = window.binding.paint.layer
    layer.paint((5, 5), 3)
    window.segment()
    painted = fake.asked().paint.by_position(window.inputs.tissues)
    assert painted.shape == (60, 80)
    assert painted[5, 5] == 3
    window.dock.table.rows[0].remove.click()
    assert layer.data[5, 5] == 3
    assert window.inputs.paint.by_position(window.inputs.tissues)[5, 5] == 2
    window.dock.table.rows[1].remove.click()
    assert layer.data[5, 5] == 0
    window.dock.run.undo.click()
    assert layer.data[5, 5] == 3


def test_the_region_is_a_rectangle_of_a_shapes_layer(window, fake):
    window.image.scale, window.image.translate = (0.5, 0.5), (7, 9)
    window.dock.region.draw_button.click()
    shapes = window.binding.region.layer
    shapes.add_rectangles(np.array([[[10, 20], [10, 49], [39, 49], [39, 20]]]))
    window.segment()
    assert fake.calls[0][1]["region"] == (10, 20, 40, 50)
    labels = window.binding.layers.layer("labels")
    assert labels.data.shape == (30, 30)
    assert labels.data_to_world((0, 0)) == pytest.approx(window.image.data_to_world((10, 20)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scale": (0.5, 0.25), "units": ("um", "um")}, (0.5, 0.25)),
        ({"scale": (500, 500), "units": ("nm", "nm")}, (0.5, 0.5)),
        ({"scale": (0.5, 0.5)}, (0.5, 0.5)),
        ({"metadata": {"pixel_size_um": 0.25}}, (0.25, 0.25)),
        ({}, None),
    ],
)
def test_the_pixel_size_is_read_from_the_layer(window, fake, picture, options, expected):
    layer = window.viewer.add_image(picture, name="measured", rgb=True, **options)
    window.dock.region.choose_image(layer)
    assert window.inputs.pixel_size_um == (pytest.approx(expected) if expected else None)
    window.dock.region.pixel_size.setValue(2)
    window.segment()
    assert fake.asked().pixel_size_um[1] == 2


def test_the_dock_opens_before_anything_slow_is_loaded():
    code = (
        "import sys, napari.viewer, napari.layers\n"
        "before = set(sys.modules)\n"
        "from qtpy.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from napari.components import ViewerModel\n"
        "from napari_vslp.qt.segment.dock import SegmentDock\n"
        "dock = SegmentDock(ViewerModel())\n"
        "slow = {'torch', 'timm', 'torchvision', 'napari_vslp.pipeline'} & set(sys.modules)\n"
        "new = {'numba', 'llvmlite'} & (set(sys.modules) - before)\n"
        "sys.exit(str(slow | new) if slow | new else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_window_closed_during_a_job_is_no_crash(empty_window, fake, picture):
    window = empty_window
    window.viewer.add_image(picture, rgb=True)
    fake.gate.clear()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 1)
    window.viewer.close()
    window.until(lambda: not window.runner.computing)
    assert not fake.gate.is_set()


def test_auto_lets_the_image_choose_the_smoothness_and_keeps_it(window, fake):
    advanced = window.dock.advanced
    control = advanced.form.controls["smoothness"]
    control.auto.click()
    assert not control.number.isEnabled()
    assert window.inputs.options.smoothness == "auto"
    window.segment()
    assert fake.asked().options.smoothness == "auto"
    advanced.show_smoothness(8.0)
    assert control.number.value() == 8
    control.auto.click()
    assert window.inputs.options.smoothness == 8
    advanced.show_smoothness(1.0)
    assert control.number.value() == 8


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, "Reading the tissue…"),
        (0.4, "Reading the tissue…"),
        (7.6, "Reading the tissue… about 8 s left"),
        (140.0, "Reading the tissue… about 2 min left"),
    ],
)
def test_the_time_left_is_said_where_it_is_known(left, said):
    assert messages.of_progress(Progress("Reading the tissue", 0.5, seconds_left=left)) == said
