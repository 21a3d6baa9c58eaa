"""Random edits in a real dock: table, layers and inputs say the same at every step."""

from __future__ import annotations

import random

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import Qt

from napari_vslp.core.inputs import Paint
from napari_vslp.core.settings import Settings

pytestmark = pytest.mark.window

SEQUENCES, LONGEST = 50, 25


class Hand:
    """Does to the dock and its layers what a hand could do; what makes no sense is left out."""

    def __init__(self, window, seed: int) -> None:
        self.window, self.draw = window, random.Random(seed)  # noqa: S311 - no secret
        self.table, self.binding = window.dock.table, window.binding

    def act(self) -> str:
        names = [name for name in dir(self) if name.startswith("do_")]
        name = self.draw.choice([*names, "do_undo", "do_undo", "do_redo"])
        getattr(self, name)()
        return name

    def row(self):
        return self.draw.choice(self.table.rows) if self.table.rows else None

    def pixel(self):
        return self.draw.randrange(60), self.draw.randrange(80)

    def do_undo(self):
        self.window.dock.run.undo.click()

    def do_redo(self):
        self.window.dock.run.redo.click()

    def do_slide(self):
        if (row := self.row()) is not None:
            row.slider.setValue(self.draw.randrange(1001))

    def do_drag(self):
        if (row := self.row()) is not None:
            row.slider.sliderPressed.emit()
            for _ in range(3):
                row.slider.setValue(self.draw.randrange(1001))
            row.slider.sliderReleased.emit()

    def do_tolerance(self):
        if (row := self.row()) is not None:
            self.type(row.tolerance, self.draw.randrange(51))

    def do_type(self):
        if (row := self.row()) is not None and row.share.isEnabled():
            self.type(row.share, self.draw.choice(["12,5", "30", "0", "100", "130", "33.33"]))

    def do_scale(self):
        self.table.scale_button.click()

    def type(self, field, number):
        field.selectAll()
        self.window.qtbot.keyClicks(field, str(number))
        self.window.qtbot.keyClick(field, Qt.Key.Key_Return)

    def do_lock(self):
        if (row := self.row()) is not None:
            row.lock.click()

    def do_unknown(self):
        if (row := self.row()) is not None:
            row.unknown.click()

    def do_rename(self):
        if (row := self.row()) is not None:
            row.name.setText(self.draw.choice(["Gland", "gland", "Crypt", "肿瘤", " "]))
            row.name.editingFinished.emit()

    def do_colour(self):
        if (row := self.row()) is not None:
            row.colour.chosen.emit(tuple(self.draw.randrange(256) for _ in range(3)))

    def do_add(self):
        self.table.add_button.click()

    def do_remove(self):
        if (row := self.row()) is not None:
            row.remove.click()

    def do_preset(self):
        self.draw.choice(self.table.preset_button.menu().actions()).trigger()

    def do_click(self):
        if (row := self.row()) is not None:
            row.pick.setChecked(True)
            self.binding.clicks.layer.add(self.pixel())
            row.pick.setChecked(False)

    def do_move_click(self):
        layer = self.binding.clicks.layer
        if layer is not None and len(layer.data):
            data = layer.data.copy()
            data[self.draw.randrange(len(data))] = self.pixel()
            layer.data = data

    def do_delete_click(self):
        layer = self.binding.clicks.layer
        if layer is not None and len(layer.data):
            layer.selected_data = {self.draw.randrange(len(layer.data))}
            layer.remove_selected()

    def do_click_outside(self):
        if (row := self.row()) is not None:
            row.pick.setChecked(True)
            self.binding.clicks.layer.add((-5, 5))
            row.pick.setChecked(False)

    def do_paint(self):
        if (row := self.row()) is not None:
            row.paint.setChecked(True)
            layer = self.binding.paint.layer
            layer.paint(self.pixel(), layer.selected_label)
            row.paint.setChecked(False)

    def do_erase(self):
        layer = self.binding.paint.layer
        if layer is not None:
            layer.paint(self.pixel(), 0)

    def do_region(self):
        self.window.dock.region.draw_button.click()
        (top, left), (bottom, right) = self.pixel(), self.pixel()
        corners = [[top, left], [top, right + 1], [bottom + 1, right + 1], [bottom + 1, left]]
        self.binding.region.layer.add_rectangles(np.array([corners], float))

    def do_whole_image(self):
        box = self.window.dock.region.region_box
        box.setCurrentIndex(0)
        box.activated.emit(0)

    def do_pixel_size(self):
        self.window.dock.region.pixel_size.setValue(self.draw.choice([0, 0.25, 0.5]))

    def do_smoothness(self):
        control = self.window.dock.advanced.form.controls["smoothness"]
        control.set_value(self.draw.choice([0.5, 4.0, "auto"]))

    def do_trust(self):
        control = self.window.dock.advanced.form.controls["trust"]
        control.set_value(self.draw.choice(["kl", "none", "interval"]))

    def do_edges(self):
        self.window.dock.advanced.form.controls["edges"].widget.click()

    def do_delete_a_layer(self):
        layers = [x for x in self.window.viewer.layers if x is not self.window.image]
        if layers:
            self.window.viewer.layers.remove(self.draw.choice(layers))


def agree(window) -> None:
    """Check that table, region, options, history and layers show the inputs."""
    inputs, dock, binding = window.inputs, window.dock, window.binding
    rows = dock.table.rows
    assert [row.id for row in rows] == [t.id for t in inputs.tissues]
    for row, tissue in zip(rows, inputs.tissues, strict=True):
        assert row.name.text() == tissue.name
        assert row.slider.value() == round(1000 * (tissue.value or 0))
        assert row.share.value() == pytest.approx(100 * (tissue.value or 0))
        assert row.tolerance.value() == pytest.approx(100 * tissue.tolerance)
        assert (row.lock.isChecked(), row.unknown.isChecked()) == (
            tissue.locked,
            tissue.value is None,
        )
        assert row.colour.colour() == tissue.colour
    assert dock.advanced.value() == inputs.options
    width = inputs.pixel_size_um[1] if inputs.pixel_size_um else 0
    assert dock.region.pixel_size.value() == width
    assert dock.run.undo.isEnabled() == bool(window.session.undo_title)
    assert dock.run.redo.isEnabled() == bool(window.session.redo_title)
    clicks_agree(inputs, binding.clicks.layer)
    paint_agrees(inputs, binding.paint.layer)
    whole = dock.region.region_box.currentIndex() == 0
    own = binding.region.own
    if inputs.region is None:
        assert own is None or not len(own.data)
    else:
        assert not whole
        top, left, bottom, right = inputs.region
        (corners,) = own.data
        np.testing.assert_allclose(np.floor(corners.min(axis=0) + 0.5), (top, left))
        np.testing.assert_allclose(np.ceil(corners.max(axis=0) - 0.5) + 1, (bottom, right))


def clicks_agree(inputs, layer: Points | None) -> None:
    if layer is None:
        assert inputs.clicks == ()
        return
    names = {t.id: t for t in inputs.tissues}
    assert len(layer.data) == len(inputs.clicks)
    for at, tissue, name, colour, click in zip(
        layer.data,
        layer.features["id"],
        layer.features["tissue"],
        layer.face_color,
        inputs.clicks,
        strict=True,
    ):
        assert (tissue, *np.floor(at + 0.5)) == (click.tissue, click.row, click.column)
        assert name == names[click.tissue].name
        np.testing.assert_allclose(255 * colour[:3], names[click.tissue].colour, atol=0.5)


def paint_agrees(inputs, layer) -> None:
    if layer is None or inputs.paint is None:
        assert inputs.paint is None
        assert layer is None or not layer.data.any()
        return
    np.testing.assert_array_equal(layer.data, inputs.paint.whole())
    for code in np.unique(inputs.paint.codes[inputs.paint.codes > 0]):
        tissue = inputs.tissue(inputs.paint.owners[code - 1])
        assert layer.features["tissue"][code] == tissue.name
        np.testing.assert_allclose(255 * layer.get_color(code)[:3], tissue.colour, atol=0.5)


def test_at_every_step_all_say_the_same_and_undo_leads_back_exactly(window, fake):
    first = window.inputs
    assert first.options == Settings()
    for seed in range(SEQUENCES):
        hand = Hand(window, seed)
        done = []
        for _ in range(hand.draw.randrange(1, LONGEST + 1)):
            done.append(hand.act())
            window.qtbot.wait(1)  # a stroke is told by the event loop
            try:
                agree(window)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, after {done}") from error
        last, steps = window.inputs, 0
        while window.session.undo_title:
            window.dock.run.undo.click()
            steps += 1
        assert window.inputs == first, f"seed {seed}: {done}"
        agree(window)
        for _ in range(steps):
            window.dock.run.redo.click()
        assert window.inputs == last, f"seed {seed}: {done}"
        agree(window)
        for _ in range(steps):
            window.dock.run.undo.click()
        assert isinstance(last.paint, Paint | None)
