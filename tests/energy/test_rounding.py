"""Hard labels keep areas even where relaxed labels tie."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from napari_vslp.energy.problem import FLOOR, GAIN, edge_weight
from napari_vslp.energy.rounding import largest, round_labels

INSIDE = np.ones((20, 20), bool)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    tissues=st.integers(2, 6),
    width=st.sampled_from([0.0, 0.05]),
)
def test_any_feasible_interval_is_met_to_a_pixel(seed: int, tissues: int, width: float) -> None:
    rng = np.random.default_rng(seed)
    u = rng.dirichlet(np.ones(tissues), (20, 20)).transpose(2, 0, 1).astype(np.float32)
    target = rng.dirichlet(np.ones(tissues))
    low, high = np.maximum(target - width, 0), np.minimum(target + width, 1)
    labels = round_labels(u, u, INSIDE, low, high)
    areas = np.bincount(labels.ravel(), minlength=tissues + 1)[1:] / 400
    assert (areas >= low - 1.01 / 400).all()
    assert (areas <= high + 1.01 / 400).all()


def test_ties_go_where_confidence_is_higher() -> None:
    u = np.full((2, 20, 20), 0.5, np.float32)
    confidence = np.zeros_like(u)
    confidence[1, :, :5] = 1
    labels = round_labels(u, confidence, INSIDE, np.array([0.75, 0.25]), np.array([0.75, 0.25]))
    assert (labels[:, :5] == 2).all()
    assert (labels[:, 5:] == 1).all()


def test_nothing_moves_without_need() -> None:
    u = np.random.default_rng(0).random((3, 20, 20)).astype(np.float32)
    labels = round_labels(u, u, INSIDE, np.zeros(3), np.ones(3))
    np.testing.assert_array_equal(labels, u.argmax(0) + 1)
    np.testing.assert_array_equal(largest(u), u.argmax(0))


def test_edge_weight_is_low_on_edges_only() -> None:
    image = np.full((40, 40, 3), 220, np.uint8)
    image[:, 20:] = 120
    weight = edge_weight(image)
    assert weight.dtype == np.float32
    assert weight.min() >= FLOOR
    assert weight[:, 19:21].max() < GAIN / 3
    assert weight[:, :10].min() == pytest.approx(GAIN, abs=1e-3)
    np.testing.assert_allclose(edge_weight(image[:, ::-1]), weight[:, ::-1], atol=1e-6)


def test_glass_around_the_tissue_does_not_change_its_edges() -> None:
    tissue = np.random.default_rng(0).integers(60, 200, (120, 120, 3), dtype=np.uint8)
    glass = np.pad(tissue, ((20, 20), (60, 60), (0, 0)), constant_values=250)
    inner, alone = edge_weight(glass)[25:135, 65:175], edge_weight(tissue)[5:115, 5:115]
    assert inner.mean() == pytest.approx(alone.mean(), rel=0.15)


def test_a_stronger_stain_does_not_change_the_edges() -> None:
    image = np.random.default_rng(1).integers(60, 180, (30, 30, 3), dtype=np.uint8)
    stronger = (2 * image.astype(int) - 120).astype(np.uint8)
    weight = edge_weight(image)
    assert np.abs(edge_weight(stronger) - weight).mean() < 0.1 * weight.mean()


def test_a_flat_image_has_no_edges() -> None:
    assert (edge_weight(np.full((1, 1, 3), 90, np.uint8)) == 1).all()
    assert (edge_weight(np.full((8, 8, 3), 90, np.uint8)) == 1).all()


@st.composite
def many_tissues(draw):
    """Draw labels of up to 16 tissues with shares that can be met, some pixels fixed or outside."""
    count = draw(st.integers(2, 16))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (int(rng.integers(6, 30)), int(rng.integers(6, 30)))
    u = rng.dirichlet(np.full(count, draw(st.sampled_from([0.05, 0.3, 3.0]))), shape)
    u = np.ascontiguousarray(u.transpose(2, 0, 1), np.float32)
    if draw(st.booleans()):
        u[:] = u.mean(axis=(1, 2), keepdims=True)  # nothing but the areas tells the pixels apart
    inside = rng.random(shape) < draw(st.sampled_from([0.6, 1.0]))
    target = rng.dirichlet(np.full(count, draw(st.sampled_from([0.2, 1.0, 20.0]))))
    width = draw(st.sampled_from([0.0, 1e-3, 0.05]))
    return u, inside, np.maximum(target - width, 0), np.minimum(target + width, 1)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(many_tissues())
def test_every_area_is_within_a_pixel_of_its_limits_up_to_sixteen_tissues(problem):
    u, inside, low, high = problem
    labels = round_labels(u, u, inside, low, high)
    pixels = int(inside.sum())
    counts = np.bincount(labels[inside], minlength=len(u) + 1)[1:]
    assert counts.sum() == pixels
    assert (labels[~inside] == 0).all()
    assert (counts >= np.floor(low * pixels + 1e-6)).all()
    assert (counts <= np.ceil(high * pixels - 1e-6)).all()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(many_tissues(), st.sampled_from([0.01, 0.05, 0.5]), st.integers(0, 2**32 - 1))
def test_beside_painted_pixels_the_areas_miss_by_as_few_pixels_as_can_be(problem, part, seed):
    u, inside, low, high = problem
    count, pixels = len(u), int(inside.sum())
    rng = np.random.default_rng(seed)
    painted = rng.integers(1, count + 1, inside.shape) * (rng.random(inside.shape) < part)
    fixed = painted.astype(np.uint8)
    labels = round_labels(u, u, inside, low, high, fixed)
    np.testing.assert_array_equal(labels[inside & (fixed > 0)], fixed[inside & (fixed > 0)])
    counts = np.bincount(labels[inside], minlength=count + 1)[1:]
    bound = np.bincount(fixed[inside], minlength=count + 1)[1:]
    fewest, most = np.floor(low * pixels + 1e-6), np.ceil(high * pixels - 1e-6)
    missed = np.maximum(np.maximum(counts - most, fewest - counts), 0).sum()
    least = np.maximum(bound - most, 0).sum()
    least += max(0, np.maximum(fewest, bound).sum() - pixels)
    least += max(0, pixels - np.maximum(most, bound).sum())
    assert missed == least


def test_fixed_pixels_that_leave_no_way_stay_where_they_are():
    rng = np.random.default_rng(0)
    u = rng.dirichlet(np.ones(9), (12, 12)).transpose(2, 0, 1).astype(np.float32)
    fixed = np.ones((12, 12), np.uint8)
    inside = np.ones((12, 12), bool)
    shares = np.full(9, 1 / 9)
    np.testing.assert_array_equal(round_labels(u, u, inside, shares, shares, fixed), fixed)
