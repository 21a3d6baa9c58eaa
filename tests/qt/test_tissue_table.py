"""The table of tissues: whatever a hand does to it, the shares sum to 100 %."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_vslp.core.inputs import Inputs
from napari_vslp.core.session import Session
from napari_vslp.qt.segment.tissue_table import PRESETS, TissueTable

pytestmark = pytest.mark.window


@pytest.fixture
def table(qtbot) -> TissueTable:
    """Return a table with the session that it shows and edits."""
    table = TissueTable()
    qtbot.addWidget(table)
    table.session = Session(Inputs(tissues=next(iter(PRESETS.values()))))
    table.show_tissues(table.session.inputs.tissues)
    table.edit_asked.connect(table.session.apply)
    table.step_ended.connect(table.session.end_merge)
    show = table.show_tissues
    table.session.edited.connect(lambda _before, after: show(after.tissues))
    return table


def shares(table):
    return [t.value for t in table.session.inputs.tissues]


def test_shares_always_sum_to_100(table):
    for index, steps in ((0, 700), (1, 123), (2, 1000), (0, 0), (1, 501)):
        table.rows[index].slider.setValue(steps)
        assert sum(round(1000 * v) for v in shares(table)) == 1000
        assert sum(row.slider.value() for row in table.rows) == 1000


def test_a_locked_share_stays(table):
    table.rows[1].lock.click()
    before = shares(table)[1]
    table.rows[0].slider.setValue(1000)
    assert shares(table)[1] == before
    assert sum(shares(table)) == pytest.approx(1)
    assert not table.rows[1].slider.isEnabled()


def test_a_drag_to_the_end_and_back_keeps_the_proportions(table):
    before = shares(table)
    table.rows[0].slider.sliderPressed.emit()
    table.rows[0].slider.setValue(1000)
    table.rows[0].slider.setValue(round(1000 * before[0]))
    table.rows[0].slider.sliderReleased.emit()
    assert shares(table) == pytest.approx(before)


def test_an_unknown_share_takes_what_is_left(table):
    row = table.rows[0]
    row.unknown.click()
    assert shares(table)[0] is None
    assert row.share.text() == "unknown"
    assert not row.slider.isEnabled()
    row.unknown.click()
    assert sum(shares(table)) == pytest.approx(1)


def test_every_control_has_a_name_and_a_tooltip_or_text(table):
    row = table.rows[0]
    controls = (row.slider, row.share, row.tolerance, row.name, row.colour, row.pick, row.paint)
    for control in (*controls, row.lock, row.unknown, row.remove):
        assert "Gland" in control.accessibleName()
        assert control.toolTip()


def test_keys_move_a_slider(table, qtbot):
    slider = table.rows[0].slider
    slider.setFocus()
    before = slider.value()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == before + 1


@pytest.mark.parametrize("title", PRESETS)
def test_presets_replace_the_table(table, title):
    next(a for a in table.preset_button.menu().actions() if a.text() == title).trigger()
    assert table.session.inputs.tissues == PRESETS[title]
    assert [row.id for row in table.rows] == [t.id for t in PRESETS[title]]
    assert sum(shares(table)) == pytest.approx(1)


def test_a_removed_tissue_comes_back_to_its_place(table):
    rows = list(table.rows)
    rows[1].remove.click()
    assert table.rows == [rows[0], rows[2]]
    table.session.undo()
    assert [row.id for row in table.rows] == [row.id for row in rows]
    assert (table.rows[0], table.rows[2]) == (rows[0], rows[2])
    assert table.rows[1].name.text() == rows[1].name.text()


def test_keys_in_a_row_are_one_step(table, qtbot):
    before, slider = shares(table), table.rows[0].slider
    slider.setFocus()
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    table.rows[1].lock.click()
    table.session.undo()
    table.session.undo()
    assert shares(table) == before


def test_the_last_free_tissue_removed_gives_its_share_to_locked_ones(table):
    table.rows[0].lock.click()
    table.rows[1].lock.click()
    table.rows[2].remove.click()
    assert sum(shares(table)) == pytest.approx(1)
