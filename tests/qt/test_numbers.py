"""Numbers stay as they are typed, by real keys, and what cannot be is said in a word."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QLocale, Qt

from napari_vslp.core.edits import ReplaceTissues
from napari_vslp.qt.segment.tissue_row import NONE_OF_IT

pytestmark = pytest.mark.window


def type_into(window, field, text, end=Qt.Key.Key_Return):
    field.setFocus()
    field.selectAll()
    window.qtbot.keyClicks(field, text)
    window.qtbot.keyClick(field, end)


def shown(window):
    return [row.share.text() for row in window.dock.table.rows]


def test_what_is_typed_from_top_to_bottom_stays(window):
    table = window.dock.table
    for row, text in zip(table.rows, ("30", "50", "20"), strict=True):
        type_into(window, row.share, text)
    assert shown(window) == ["30 %", "50 %", "20 %"]
    assert window.shares == [0.3, 0.5, 0.2]
    assert table.sum.text() == "Sum: 100 %"
    assert table.scale_button.isHidden()
    window.dock.run.undo.click()
    assert shown(window)[:2] == ["30 %", "50 %"]


def test_the_sum_is_said_and_one_button_scales_it(window):
    table = window.dock.table
    for row, text in zip(table.rows, ("30", "50", "24"), strict=True):
        type_into(window, row.share, text)
    assert table.sum.text() == "Sum: 104 %, 4 too many"
    assert shown(window) == ["30 %", "50 %", "24 %"]
    window.qtbot.mouseClick(table.scale_button, Qt.MouseButton.LeftButton)
    assert sum(window.shares) == pytest.approx(1)
    assert table.sum.text() == "Sum: 100 %"
    window.dock.run.undo.click()
    assert shown(window) == ["30 %", "50 %", "24 %"]


def test_a_slider_moves_only_what_nobody_typed(window):
    table = window.dock.table
    type_into(window, table.rows[0].share, "30")
    table.rows[1].slider.setValue(600)
    assert window.shares == [0.3, 0.6, 0.1]


def test_unknown_on_and_off_gives_the_number_back(window):
    row = window.dock.table.rows[0]
    type_into(window, row.share, "33.3")
    before = window.inputs.tissues
    for _ in range(2):
        window.qtbot.mouseClick(row.unknown, Qt.MouseButton.LeftButton)
    assert window.inputs.tissues == before


def test_zero_with_a_tolerance_is_a_range_and_zero_alone_is_said(window):
    row = window.dock.table.rows[2]
    type_into(window, row.share, "0")
    assert window.inputs.tissues[2].interval == (0.0, 0.05)
    type_into(window, row.tolerance, "0")
    assert window.inputs.tissues[2].interval == (0.0, 0.0)
    assert row.pull.text() == NONE_OF_IT


@pytest.mark.parametrize("text", ["120", "-3", "1000"])
def test_a_number_that_cannot_be_is_refused_with_a_word(window, text):
    row = window.dock.table.rows[0]
    before = window.inputs
    type_into(window, row.share, text)
    assert window.inputs == before
    assert row.share.text() == "45 %"
    assert f"{text} is not possible" in window.status


@pytest.mark.parametrize("language", ["C", "de_DE", "en_US"])
@pytest.mark.parametrize("text", ["12,5", "12.5"])
def test_comma_and_point_are_read_in_every_locale(window, language, text):
    field = window.dock.table.rows[0].share
    field.setLocale(QLocale(language))
    type_into(window, field, text)
    assert window.shares[0] == 0.125


def test_keys_lead_through_the_table(make_shown_window, fake, picture, qtbot):
    window = make_shown_window()
    window.image = window.viewer.add_image(picture, name="slide", rgb=True)
    first, second, _ = window.dock.table.rows
    window.viewer.window._qt_window.activateWindow()
    first.share.setFocus()
    window.until(first.share.hasFocus)
    for key, there in (
        (Qt.Key.Key_Tab, first.tolerance),
        (Qt.Key.Key_Tab, second.share),
        (Qt.Key.Key_Backtab, first.tolerance),
        (Qt.Key.Key_Down, second.tolerance),
        (Qt.Key.Key_Up, first.tolerance),
        (Qt.Key.Key_Return, second.tolerance),
    ):
        qtbot.keyClick(window.dock.focusWidget(), key)
        assert there.hasFocus(), key


def test_a_table_typed_before_the_image_stays_and_the_next_image_is_free(empty_window, picture):
    window = empty_window
    type_into(window, window.dock.table.rows[0].share, "30")
    window.viewer.add_image(picture, name="one", rgb=True)
    assert window.inputs.tissues[0].typed
    two = window.viewer.add_image(picture, name="two", rgb=True)
    window.dock.region.choose_image(two)
    assert window.shares[0] == 0.3
    assert not window.inputs.tissues[0].typed


def test_a_preset_takes_the_place_of_what_was_typed(window):
    type_into(window, window.dock.table.rows[0].share, "30")
    window.dock.table.preset_button.menu().actions()[0].trigger()
    assert not any(t.typed for t in window.inputs.tissues)
    assert ReplaceTissues.title == window.session.undo_title
