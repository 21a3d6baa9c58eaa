"""How long the rest of a reading takes."""

import time

import pytest

from napari_vslp.encoders.reading.clock import Clock


def test_the_time_left_is_true_where_every_pixel_takes_as_long(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock(needed=1000)
    clock.start()
    assert clock.left is None
    now += 5.0  # the first batch is slow
    clock.count(100)
    assert clock.left is None
    for read_so_far in range(200, 1100, 100):
        now += 0.5
        clock.count(100)
        assert clock.left == pytest.approx((1000 - read_so_far) * 0.005)
    now += 60.0  # somebody looked at what there was
    clock.start()
    assert clock.left == pytest.approx(0)
    assert clock.fraction == 1


def test_steps_that_may_be_left_out_count_where_they_are_expected(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Clock(needed=300, further=200)
    clock.start()
    for _ in range(2):
        now += 1.0
        clock.count(100)
    assert clock.left == pytest.approx(1.0)
    clock.goes_on = True
    assert clock.left == pytest.approx(3.0)
