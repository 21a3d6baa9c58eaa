"""Proportions: projection, tightening and rounding keep what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_vslp.core.proportions import largest_remainder, nearest_shares, tighten

TINY = 1e-9
numbers = st.floats(-5, 5, allow_subnormal=False)


@st.composite
def boxes(draw):
    """Draw points (N, K), a box around shares that sum to one, and those shares."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(2, 6)))
    weights = draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0, allow_subnormal=False)))
    inside = (weights + 1e-3) / (weights + 1e-3).sum(axis=1, keepdims=True)
    below, above = (
        draw(arrays(np.float64, shape, elements=st.floats(0, 1, allow_subnormal=False)))
        for _ in range(2)
    )
    points = draw(arrays(np.float64, shape, elements=numbers))
    return points, inside * below, inside + (1 - inside) * above, inside


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_the_projection_lies_in_the_box_sums_to_one_and_stays(drawn):
    points, lower, upper, _ = drawn
    found = nearest_shares(points, lower, upper)
    assert found.dtype == np.float64
    assert found.shape == points.shape
    assert (found >= lower).all()
    assert (found <= upper).all()
    assert found.sum(axis=1) == pytest.approx(1, abs=TINY)
    assert nearest_shares(found, lower, upper) == pytest.approx(found, abs=TINY)


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_feasible_points_are_their_own_projection_and_no_other_is_nearer(drawn):
    points, lower, upper, inside = drawn
    assert nearest_shares(inside, lower, upper) == pytest.approx(inside, abs=TINY)
    found = nearest_shares(points, lower, upper)
    # At the nearest point of a convex set, every way into the set leads away from the point.
    assert (((points - found) * (inside - found)).sum(axis=1) <= 1e-7).all()


@settings(max_examples=60, deadline=None)
@given(numbers, numbers, st.floats(0, 1), st.floats(0, 1))
def test_for_two_tissues_it_is_the_clipped_difference(first, second, one, two):
    low, high = sorted((one, two))
    exact = np.clip((first - second + 1) / 2, low, high)
    found = nearest_shares([first, second], [low, 1 - high], [high, 1 - low])
    assert found == pytest.approx([exact, 1 - exact], abs=1e-12)


def test_boxes_are_shared_by_the_axes_in_front():
    points = np.random.default_rng(0).normal(size=(5, 4, 3))
    lower, upper = np.array([0.1, 0.0, 0.2]), np.array([0.5, 0.4, 1.0])
    found = nearest_shares(points, lower, upper)
    assert found.shape == (5, 4, 3)
    assert found[2, 3] == pytest.approx(nearest_shares(points[2, 3], lower, upper), abs=TINY)


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_tightening_loses_no_possible_share_and_reaches_both_ends(drawn):
    points, lower, upper, inside = drawn
    low, high = tighten(lower, upper)
    assert (low >= lower - TINY).all()
    assert (high <= upper + TINY).all()
    assert (low <= high).all()
    assert (low <= inside + TINY).all()
    assert (high >= inside - TINY).all()
    assert nearest_shares(points, low, high) == pytest.approx(
        nearest_shares(points, lower, upper), abs=1e-6
    )
    for tissue in range(lower.shape[1]):
        pull = 10.0 * np.eye(lower.shape[1])[tissue]
        ends = nearest_shares(pull, lower, upper), nearest_shares(-pull, lower, upper)
        assert ends[0][:, tissue] == pytest.approx(high[:, tissue], abs=1e-6)
        assert ends[1][:, tissue] == pytest.approx(low[:, tissue], abs=1e-6)


@pytest.mark.parametrize("total", [0.99, 1.01])
def test_rounded_points_are_scaled_to_one(total):
    rounded = np.array([0.2, 0.3, 0.5]) * total
    low, high = tighten(rounded, rounded)
    assert low == pytest.approx([0.2, 0.3, 0.5])
    assert high == pytest.approx([0.2, 0.3, 0.5])


@settings(max_examples=50, deadline=None)
@given(
    shares=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6),
    pixels=st.integers(1, 5000),
)
def test_counts_are_whole_pixels_within_one_of_the_share_and_sum_up(shares, pixels):
    shares = np.array(shares) / sum(shares)
    counts = largest_remainder(shares, pixels)
    assert counts.sum() == pixels
    assert np.abs(counts - shares * pixels).max() < 1.0 + 1e-9
