"""The table of tissues: whatever a hand does to it, the shares sum to 100 %."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_vslp.qt.segment.presets import PRESETS
from napari_vslp.qt.segment.tissue_table import TissueTable

pytestmark = pytest.mark.window


@pytest.fixture
def table(qtbot) -> TissueTable:
    table = TissueTable()
    qtbot.addWidget(table)
    table.set_tissues(next(iter(PRESETS.values())))
    return table


def shares(table):
    return [t.value for t in table.tissues()]


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
def test_presets_replace_the_table(table, qtbot, title):
    with qtbot.waitSignal(table.tissues_replaced):
        next(a for a in table.preset_button.menu().actions() if a.text() == title).trigger()
    assert table.tissues() == list(PRESETS[title])
    assert sum(shares(table)) == pytest.approx(1)


def test_the_last_free_tissue_removed_gives_its_share_to_locked_ones(table):
    table.rows[0].lock.click()
    table.rows[1].lock.click()
    table.rows[2].remove.click()
    assert sum(shares(table)) == pytest.approx(1)
