"""The page “Audit”, driven as a hand would drive it; the pipeline answers at once."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from napari.layers import Shapes
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QShortcut

from napari_vslp.qt.parts.small_plot import NO_PLOTS
from napari_vslp.qt.review import messages
from napari_vslp.qt.segment.dock import AUDIT
from napari_vslp.qt.viewer.maps import DOUBT, OUTLINE
from napari_vslp.review.cost_curve import CostCurve
from napari_vslp.review.why import OUTSIDE

pytestmark = pytest.mark.window


@pytest.fixture
def audited(window, fake):
    """Return the window with a result, turned to the audit."""
    window.segment()
    window.dock.tabs.setCurrentIndex(AUDIT)
    return window


def rest(window):
    """Wait until a followed change was refined and is shown."""
    live = window.controller.solving.live
    window.until(lambda: live.settled)
    window.settle()


def landed(window):
    window.until(lambda: not window.controller.reviewing.camera.under_way)


def test_without_image_or_result_it_says_what_to_do(empty_window, fake, picture):
    page = empty_window.dock.audit
    empty_window.dock.tabs.setCurrentIndex(AUDIT)
    assert page.empty.text() == messages.NO_IMAGE
    empty_window.image = empty_window.viewer.add_image(picture, rgb=True)
    assert page.empty.text() == messages.NO_RESULT
    for button in (page.next, page.previous, page.looked, page.ask):
        button.click()
    page.cost.work.click()
    page.correct.undo.click()
    empty_window.segment()
    assert page.empty.isHidden()
    assert page.certificate.text().startswith("Within 0.01 % of the best possible.")


def test_the_list_names_rank_tissues_and_area(audited):
    window, page = audited, audited.dock.audit
    regions, result = window.binding.review.regions, window.session.result
    assert page.list.topLevelItemCount() == len(regions) > 2
    for rank, region in enumerate(regions):
        item = page.list.topLevelItem(rank)
        shown, other = result.tissues[region.shown].name, result.tissues[region.runner_up].name
        assert item.text(0) == str(rank + 1)
        assert item.text(1) == f"{shown} → {other}"
        assert item.text(2) == f"{region.pixels} px²"


def test_areas_are_in_square_microns_where_the_pixel_size_is_known(window, fake):
    window.dock.region.pixel_size.setValue(0.5)
    window.segment()
    region = window.binding.review.regions[0]
    assert window.dock.audit.list.topLevelItem(0).text(2) == f"{region.pixels / 4:.0f} µm²"


def test_next_and_previous_fly_outline_and_explain(audited):
    window, page = audited, audited.dock.audit
    page.next.click()
    page.next.click()
    state = window.binding.review
    assert state.index == 1
    landed(window)
    region = state.region
    top, left, bottom, right = region.box
    centre = np.array(window.viewer.scene.camera.center)[-2:]
    assert np.abs(centre - [(top + bottom) / 2, (left + right) / 2]).max() <= 0.5
    outline = window.binding.layers.layer(OUTLINE)
    np.testing.assert_allclose(outline.data[0], region.outline[0], atol=1e-6)
    np.testing.assert_allclose(outline.data[-1].mean(axis=0), region.point, atol=1e-6)
    assert "Looks like" in page.why.sentence.text()
    assert len(page.why.bars) == 3
    assert page.list.currentItem() is page.list.topLevelItem(1)
    page.previous.click()
    assert state.index == 0
    page.previous.click()
    assert state.index == len(state.regions) - 1


def test_outline_and_place_lie_on_the_image_and_in_its_region(window, fake):
    window.image.scale, window.image.translate = (0.5, 0.25), (7, 9)
    window.dock.region.draw_button.click()
    window.binding.region.layer.add_rectangles(np.array([[[10, 20], [10, 69], [49, 69], [49, 20]]]))
    window.segment()
    window.dock.tabs.setCurrentIndex(AUDIT)
    window.dock.audit.next.click()
    region, outline = window.binding.review.region, window.binding.layers.layer(OUTLINE)
    row, column = region.point
    assert 10 <= row < 50
    assert 20 <= column < 70
    labels = window.binding.layers.layer("labels")
    assert labels.data[row - 10, column - 20] == region.shown + 1
    world = outline.data_to_world(region.outline[0].mean(axis=0))
    assert world == pytest.approx(window.image.data_to_world(region.outline[0].mean(axis=0)))
    landed(window)
    centre = np.array(window.viewer.scene.camera.center)[-2:]
    corners = [window.image.data_to_world(at) for at in (region.box[:2], region.box[2:])]
    np.testing.assert_allclose(centre, np.mean(corners, axis=0), atol=0.3)


def test_the_outline_is_not_offered_as_a_region_and_goes_with_the_page(audited):
    window = audited
    window.dock.audit.next.click()
    box = window.dock.region.region_box
    assert [box.itemText(i) for i in range(box.count())] == ["Whole image"]
    outline = window.binding.layers.layer(OUTLINE)
    assert isinstance(outline, Shapes)
    assert window.viewer.layers.selection.active is not outline
    window.dock.tabs.setCurrentIndex(0)
    assert len(outline.data) == 0
    window.dock.tabs.setCurrentIndex(AUDIT)
    assert len(outline.data) > 0
    window.viewer.layers.remove(outline)
    window.dock.audit.next.click()
    assert window.binding.layers.layer(OUTLINE) is not None


def test_an_answer_is_a_click_that_is_followed_at_once_and_can_be_undone(audited, fake):
    window, page = audited, audited.dock.audit
    assert not window.dock.run.live.isChecked()
    page.next.click()
    place, runs = window.binding.review.spot, fake.count("run")
    page.correct.buttons[1].click()
    made = window.inputs.clicks
    assert [(c.tissue, c.row, c.column) for c in made] == [("Other tissue", *place)]
    rest(window)
    assert fake.count("run") == runs + 1
    assert fake.asked().clicks == made
    assert page.why.sentence.text().startswith("You marked this place as")
    state = window.binding.review
    assert state.region is not None
    assert not state.region.holds(place)
    following = state.index
    page.next.click()
    assert state.index == following
    state.spot = place
    page.correct.buttons[0].click()
    assert [c.tissue for c in window.inputs.clicks] == ["Gland"]
    page.correct.undo.click()
    assert window.inputs.clicks == made
    page.correct.undo.click()
    assert window.inputs.clicks == ()
    assert not page.correct.undo.isEnabled()
    rest(window)
    assert "Looks like" in page.why.sentence.text()


def test_it_is_means_the_outlined_place_and_waits_for_next(audited):
    window, page = audited, audited.dock.audit
    state = window.binding.review
    page.next.click()
    assert state.outlined is state.region
    assert state.region.holds(state.spot)
    page.correct.buttons[1].click()
    rest(window)
    made = window.inputs.clicks
    assert state.outlined is None  # the next one is listed, and nobody went there yet
    assert not any(button.isEnabled() for button in page.correct.buttons)
    page.correct.buttons[0].click()
    assert window.inputs.clicks == made
    page.next.click()
    assert state.outlined is state.region
    assert all(button.isEnabled() for button in page.correct.buttons)
    page.correct.undo.click()
    rest(window)
    assert state.spot == (made[0].row, made[0].column)
    assert all(button.isEnabled() for button in page.correct.buttons)
    assert state.outlined is None or state.outlined.holds(state.spot)


def test_a_region_that_overlaps_one_looked_at_counts_as_looked_at(audited):
    state = audited.binding.review
    audited.dock.audit.next.click()
    audited.dock.audit.looked.click()
    assert state.ticks()[0]
    state.looked_at.clear()  # as if the very place had gone to another region
    assert state.ticks()[0]
    assert not all(state.ticks())


def test_a_click_of_the_audit_leaves_the_tools_of_the_table_alone(audited):
    window, page = audited, audited.dock.audit
    window.dock.table.rows[0].pick.click()
    page.next.click()
    page.correct.buttons[1].click()
    assert not window.dock.table.rows[0].pick.isChecked()
    assert [c.tissue for c in window.inputs.clicks] == ["Other tissue"]


def test_the_brush_is_that_of_the_table(audited, fake):
    window, page = audited, audited.dock.audit
    page.correct.brushes[1].click()
    corrections = window.binding.paint.layer
    assert (str(corrections.mode), corrections.selected_label) == ("paint", 2)
    assert window.dock.table.rows[1].paint.isChecked()
    page.correct.brushes[2].click()
    assert corrections.selected_label == 3
    assert [b.isChecked() for b in page.correct.brushes] == [False, False, True]
    corrections.paint((5, 5), 3)
    window.until(lambda: fake.asked().paint is not None)
    rest(window)
    assert fake.asked().paint.by_position(window.inputs.tissues)[5, 5] == 3
    page.ask.click()
    assert str(corrections.mode) == "pan_zoom"
    assert not any(b.isChecked() for b in page.correct.brushes)
    window.dock.table.rows[0].pick.click()
    assert not page.ask.isChecked()


def test_places_are_ticked_off_and_passed_over(audited):
    window, page = audited, audited.dock.audit
    total = len(window.binding.review.regions)
    page.next.click()
    page.looked.click()
    assert window.binding.review.index == 1
    assert page.count.text() == f"1 of {total} looked at"
    assert page.list.topLevelItem(0).text(0) == "✓ 1"
    page.previous.click()
    page.looked.click()
    assert page.count.text() == f"0 of {total} looked at"
    for _ in range(total):
        page.looked.click()
    assert page.left.text() == messages.ALL_LOOKED
    assert not page.left.isHidden()
    page.next.click()


def test_where_nothing_is_doubtful_it_says_so(window, fake, monkeypatch):
    monkeypatch.setattr("napari_vslp.review.overview.doubtful_regions", lambda *_: ())
    window.segment()
    window.dock.tabs.setCurrentIndex(AUDIT)
    page = window.dock.audit
    assert page.left.text() == messages.NOTHING
    assert page.list.isHidden()
    assert not page.next.isEnabled()


def test_a_place_outside_is_answered_with_a_sentence(audited):
    window, page = audited, audited.dock.audit
    window.controller.reviewing.ask_at(window.binding, (-5, 400))
    assert page.why.sentence.text() == OUTSIDE
    assert not page.correct.buttons[0].isEnabled()


def test_while_a_slider_moves_the_list_stays(audited, fake):
    window = audited
    window.dock.run.live.click()
    rest(window)
    before = window.binding.review.overview
    seen = []
    window.controller.solving.shown.connect(lambda b: seen.append(b.review.overview is before))
    window.dock.table.rows[0].slider.setValue(700)
    rest(window)
    assert seen[0]
    assert window.binding.review.overview is not before
    assert fake.count("live") >= 1


def test_doubt_is_shown_when_asked_for(audited):
    window, page = audited, audited.dock.audit
    layer = window.binding.layers.layer(DOUBT)
    assert not layer.visible
    page.doubt.click()
    assert layer.visible
    window.segment()
    assert page.doubt.isChecked()
    page.doubt.click()
    assert not layer.visible


def test_a_renamed_tissue_is_renamed_everywhere(audited):
    window, page = audited, audited.dock.audit
    page.next.click()
    name = window.dock.table.rows[0].name
    name.setText("Crypt")
    name.editingFinished.emit()
    assert page.correct.buttons[0].text() == "Crypt"
    assert page.cost.tissue.itemText(0) == "Crypt"
    page.correct.buttons[0].click()
    assert window.inputs.clicks[0].tissue == "Gland", "the id stays"
    assert window.binding.clicks.layer.features["tissue"][0] == "Crypt"


def test_a_tissue_that_was_removed_is_refused_in_words(audited):
    window, page = audited, audited.dock.audit
    page.next.click()
    window.dock.table.rows[2].remove.click()
    page.correct.buttons[2].click()
    assert window.status == messages.CLICK_FAILED.format("White background")
    assert window.inputs.clicks == ()


def test_another_image_has_an_audit_of_its_own(audited, picture):
    window, page = audited, audited.dock.audit
    page.next.click()
    other = window.viewer.add_image(picture[::-1], name="other", rgb=True)
    window.dock.region.choose_image(other)
    assert page.empty.text() == messages.NO_RESULT
    window.dock.region.choose_image(window.image)
    assert page.empty.isHidden()
    assert window.binding.review.index == 0
    window.viewer.layers.remove(window.image)
    assert page.empty.text() == messages.NO_RESULT


def test_keys_press_the_buttons(audited):
    """Without a window manager no window is active, so that the keys themselves do nothing."""
    page = audited.dock.audit
    keys = {s.key().toString(): s for s in page.findChildren(QShortcut)}
    assert set(keys) == {"F6", "F7", "F8", "F9"}
    keys["F8"].activated.emit()
    assert audited.binding.review.index == 0
    keys["F9"].activated.emit()
    assert audited.binding.review.ticks()[0]
    keys["F7"].activated.emit()
    assert audited.binding.review.index == 0
    keys["F6"].activated.emit()
    assert page.ask.isChecked()


class Gate:
    """Stands in for `cost_curve`: it waits, looking at its cancel token."""

    def __init__(self):
        self.open, self.begun = threading.Event(), threading.Event()

    def __call__(self, result, tissue, *, job):
        self.begun.set()
        for _ in range(2000):
            job.check()
            if self.open.wait(0.005):
                break
        shares = np.array([0.1, 0.3, 0.5, 0.7])
        name = result.tissues[tissue].name
        energies = 1 + (shares - 0.4) ** 2
        return CostCurve(tissue, name, shares, energies, 2 * (shares - 0.4), result.reached[name])


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    monkeypatch.setattr("napari_vslp.review.cost_curve.cost_curve", gate)
    yield gate
    gate.open.set()


def work_out(window, gate):
    window.dock.audit.cost.work.click()
    assert gate.begun.wait(20)


def drawn(window, gate):
    work_out(window, gate)
    gate.open.set()
    window.until(lambda: window.dock.audit.cost.curve is not None)
    return window.dock.audit.cost


def test_the_curve_says_what_the_image_would_choose(audited, gate):
    cost = drawn(audited, gate)
    assert cost.curve.name == "Gland"
    assert cost.said.text().replace("\u00a0", " ").endswith("it would choose about 40 %.")
    assert cost.plot.present.value() == pytest.approx(45, abs=1)
    assert not cost.cancel.isEnabled()


def test_a_clicked_share_moves_the_slider_and_keeps_the_curve(audited, gate):
    window, cost = audited, drawn(audited, gate)
    cost.share_taken.emit("Gland", 0.3)
    assert window.shares[0] == pytest.approx(0.3)
    rest(window)
    assert cost.curve.present == pytest.approx(0.3, abs=0.02)
    window.dock.table.rows[0].lock.click()
    cost.share_taken.emit("Gland", 0.6)
    assert window.status == messages.LOCKED_SHARE.format("Gland")
    window.dock.table.rows[1].unknown.click()
    cost.share_taken.emit("Other tissue", 0.6)
    assert window.status == messages.UNKNOWN_SHARE.format("Other tissue")


def test_a_curve_is_dropped_when_the_result_changes(audited, gate):
    window, cost = audited, drawn(audited, gate)
    window.segment()
    assert cost.curve is None
    assert cost.said.text() == messages.CHANGED


def test_the_curve_can_be_cancelled(audited, gate):
    window, cost = audited, audited.dock.audit.cost
    work_out(window, gate)
    assert cost.cancel.isEnabled()
    cost.cancel.click()
    runner = window.controller.reviewing.cost.runner
    window.until(lambda: not runner.computing)
    assert cost.curve is None
    assert cost.work.isEnabled()


def test_an_image_removed_while_its_curve_is_worked_out_is_no_crash(audited, gate):
    window = audited
    work_out(window, gate)
    window.viewer.layers.remove(window.image)
    gate.open.set()
    runner = window.controller.reviewing.cost.runner
    window.until(lambda: not runner.computing)
    assert window.dock.audit.cost.curve is None
    assert not window.dock.audit.empty.isHidden()


def test_the_window_closed_while_a_curve_is_worked_out_is_no_crash(audited, gate):
    work_out(audited, gate)
    audited.viewer.close()
    runner = audited.controller.reviewing.cost.runner
    audited.until(lambda: not runner.computing)


def test_without_the_package_of_the_curves_the_audit_works(audited, gate, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    page = audited.dock.audit
    cost = page.cost
    page.search._draw()
    assert page.search.note.text() == NO_PLOTS
    page.energy._draw()
    assert page.energy.note.text().endswith(NO_PLOTS)
    assert len(page.energy.bars) == 3
    drawn(audited, gate)
    assert cost.said.text().endswith(NO_PLOTS)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3)])
def test_a_tiny_image_is_no_crash(empty_window, fake, shape):
    window = empty_window
    window.image = window.viewer.add_image(np.zeros((*shape, 3), np.uint8), rgb=True)
    window.segment()
    window.dock.tabs.setCurrentIndex(AUDIT)
    window.dock.audit.next.click()
    window.controller.reviewing.ask_at(window.binding, (0, 0))
    assert window.dock.audit.why.sentence.text()


def test_real_keys_and_clicks_lead_through_the_audit(make_shown_window, fake, picture):
    window = make_shown_window()
    window.image = window.viewer.add_image(picture, name="slide", rgb=True)
    window.segment()
    dock, hand = window.dock, window.qtbot
    tab = dock.tabs.tabRect(AUDIT).center()
    hand.mouseClick(dock.tabs, Qt.MouseButton.LeftButton, pos=tab)
    assert dock.pages.currentIndex() == AUDIT
    hand.mouseClick(dock.audit.next, Qt.MouseButton.LeftButton)
    landed(window)
    hand.mouseClick(dock.audit.next, Qt.MouseButton.LeftButton)
    landed(window)
    hand.mouseClick(dock.audit.ask, Qt.MouseButton.LeftButton)
    canvas = window.viewer.window._qt_viewer.canvas
    row, column = window.binding.review.region.point
    x, y = canvas.view.scene.transform.map([column + 1, row, 0, 1])[:2]
    hand.wait(100)
    at = QPoint(round(x), round(y))
    hand.mouseMove(canvas.native, at)
    hand.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=at)
    assert window.binding.review.spot == (row, column + 1)
    hand.mouseClick(dock.audit.correct.buttons[0], Qt.MouseButton.LeftButton)
    made = window.inputs.clicks
    assert [(c.tissue, c.row, c.column) for c in made] == [("Gland", row, column + 1)]
    rest(window)
    for fold in dock.audit.folds:
        hand.mouseClick(fold.button, Qt.MouseButton.LeftButton)
        hand.wait(30)
        assert fold.body.isVisible()
    assert dock.audit.energy.plot is not None
