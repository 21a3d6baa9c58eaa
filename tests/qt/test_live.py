"""Live: the latest wish wins, one solve at a time, a full one when the slider rests."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.window


@pytest.fixture
def live(window, fake):
    window.segment()
    window.dock.run.live.click()
    window.settle()
    window.until(lambda: fake.count("run") == 2)
    window.settle()
    fake.calls.clear()
    return window


def test_a_move_is_followed_then_refined(live, fake):
    live.dock.table.rows[0].slider.setValue(800)
    live.until(lambda: fake.count("live") == 1)
    assert fake.calls[0][1]["start"] is not None
    live.until(lambda: fake.count("run") == 1)
    live.settle()
    assert live.session.result.tissues[0].value == pytest.approx(0.8)


def test_the_latest_of_many_moves_wins_and_none_queues(live, fake):
    for steps in range(500, 900, 10):
        live.dock.table.rows[0].slider.setValue(steps)
    live.until(lambda: fake.count("run") == 1)
    live.settle()
    assert fake.count("live") <= 2
    assert live.session.result.tissues[0].value == pytest.approx(0.89)


def test_a_live_result_changes_the_labels_in_place(live, fake):
    labels = live.binding.layers.layer("labels")
    before = labels.data.copy()
    live.dock.table.rows[0].slider.setValue(950)
    live.until(lambda: fake.count("live") == 1 and not live.runner.busy)
    assert live.binding.layers.layer("labels") is labels
    assert not np.array_equal(labels.data, before)
    live.until(lambda: fake.count("run") == 1)
    live.settle()


def test_a_click_is_followed(live, fake):
    live.dock.table.rows[1].pick.click()
    live.binding.clicks.layer.add([20, 20])
    live.until(lambda: fake.count("live") == 1)
    assert len(fake.asked().clicks) == 1


def test_a_brush_stroke_is_followed(live, fake):
    live.dock.table.rows[1].paint.click()
    live.binding.paint.layer.paint((20, 20), 2)
    live.until(lambda: fake.count("live") == 1)
    assert fake.asked().paint.by_position(live.inputs.tissues)[20, 20] == 2


def test_without_live_nothing_follows(window, fake):
    window.segment()
    window.dock.table.rows[0].slider.setValue(800)
    window.qtbot.wait(400)
    assert fake.count("live") == 0


def test_what_cannot_be_leaves_live_on(live, fake):
    live.dock.table.rows[1].name.setText("gland")
    live.dock.table.rows[1].name.editingFinished.emit()
    assert live.status.startswith("There is already a tissue called")
    live.dock.table.rows[1].name.setText("stroma")
    live.dock.table.rows[1].name.editingFinished.emit()
    live.dock.table.rows[0].slider.setValue(600)
    live.until(lambda: live.session.result.tissues[0].value == pytest.approx(0.6))
