from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import Job
from napari_vslp.review.overview import doubt, look_over
from napari_vslp.review.regions import GRID, MOST, block_mean, doubtful_regions
from tests.made import with_pixel_size, with_terms
from tests.review.made import confidences, solved


@pytest.fixture(scope="module")
def solution():
    return solved(confidences(3, (120, 150), seed=3))


@pytest.fixture(scope="module")
def regions(solution):
    return doubtful_regions(solution, doubt(solution))


def with_spots(shape, spots, **changes):
    """Return a result of two halves, sure but for round spots (row, column, radius)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    base = solved(confidences(2, (48, 48)), (0.5, 0.5))
    labels = np.where(columns < shape[1] // 2, 1, 2).astype(np.uint8)
    margin = np.full(shape, 6.0, np.float32)
    own = np.full(shape, 0.97, np.float32)
    for row, column, radius in spots:
        spot = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        margin[spot], own[spot] = 0.05, 0.52
    zero = np.zeros(shape, np.float32)
    first = np.where(labels == 1, own, 1 - own)
    return replace(
        with_terms(base, fidelity=zero, regularisation=zero),
        labels=labels,
        confidence=np.stack([first, 1 - first]),
        prices=np.zeros(2),
        margin=margin,
        spread=zero,
        state=None,
        region=(0, 0, *shape),
        image_shape=shape,
        **changes,
    )


def test_doubt_lies_between_0_and_1_and_falls_with_the_margin(solution):
    found = doubt(solution)
    assert found.dtype == np.float32
    assert found.shape == solution.labels.shape
    assert 0 <= found.min() <= found.max() <= 1
    surer = replace(solution, margin=solution.margin + 1)
    assert (doubt(surer) <= found).all()


def test_nothing_is_doubtful_where_nothing_is_shown():
    white = np.zeros((64, 80))
    white[:, :30] = 1
    result = solved(white=white, tissue_only=True)
    found = doubt(result)
    assert (found[:, :30] == 0).all()
    for region in doubtful_regions(result, found):
        assert region.box[1] >= 30


def test_regions_are_ranked_connected_apart_and_not_too_many(solution, regions):
    assert 2 <= len(regions) <= MOST
    worths = [r.energy * r.pixels for r in regions]
    assert worths == sorted(worths, reverse=True)
    taken = np.zeros(solution.labels.shape, int)
    for region in regions:
        top, left, bottom, right = region.box
        assert region.mask.shape == (bottom - top, right - left)
        assert region.pixels == region.mask.sum() > 0
        assert ndimage.label(region.mask, np.ones((3, 3)))[1] == 1
        taken[top:bottom, left:right] += region.mask
    assert taken.max() == 1
    assert 0 < (taken > 0).mean() < 0.2


def test_the_same_result_has_the_same_regions(solution, regions):
    again = doubtful_regions(solution, doubt(solution))
    assert [r.box for r in again] == [r.box for r in regions]
    assert [r.point for r in again] == [r.point for r in regions]


def test_a_region_shows_what_most_of_it_is_and_the_place_to_click_is_of_that(solution, regions):
    for region in regions:
        top, left, bottom, right = region.box
        labels = solution.labels[top:bottom, left:right][region.mask]
        assert np.bincount(labels).argmax() == region.shown + 1
        assert region.runner_up != region.shown
        assert region.holds(region.point)
        assert solution.labels[region.point] == region.shown + 1


def test_every_spot_is_found_and_the_larger_ranks_first():
    result = with_spots((160, 200), [(40, 40, 6), (110, 150, 12), (100, 50, 8)])
    regions = doubtful_regions(result, doubt(result))
    assert len(regions) == 3
    for region, (row, column, radius) in zip(
        regions, [(110, 150, 12), (100, 50, 8), (40, 40, 6)], strict=True
    ):
        assert np.hypot(region.point[0] - row, region.point[1] - column) <= radius
        assert 0.6 <= region.pixels / (np.pi * radius**2) <= 1.4
        assert region.shown == (0 if column < 100 else 1)


def test_two_spots_that_touch_are_two_regions():
    result = with_spots((160, 200), [(80, 30, 12), (80, 56, 12)])
    regions = doubtful_regions(result, doubt(result))
    assert sorted(round(r.point[1], -1) for r in regions) in ([30, 60], [30, 50])


def test_where_all_is_sure_nothing_is_doubtful():
    result = with_spots((96, 96), [])
    assert doubtful_regions(result, doubt(result)) == ()


def test_areas_are_in_square_microns_if_the_pixel_size_is_known():
    spots = [(40, 40, 8)]
    known = with_pixel_size(with_spots((96, 96), spots), (0.5, 0.25))
    region = doubtful_regions(known, doubt(known))[0]
    assert region.area_um2 == pytest.approx(region.pixels * 0.125)
    unknown = with_spots((96, 96), spots)
    assert doubtful_regions(unknown, doubt(unknown))[0].area_um2 is None


def test_positions_are_those_of_the_whole_image():
    confidence = confidences(3, (120, 150), seed=3)
    here = doubtful_regions(r := solved(confidence), doubt(r))
    moved = doubtful_regions(r := solved(confidence, offset=(17, 29)), doubt(r))
    for one, other in zip(here, moved, strict=True):
        assert (other.point[0] - 17, other.point[1] - 29) == one.point
        assert other.box == tuple(a + b for a, b in zip(one.box, (17, 29, 17, 29), strict=True))
        for line, shifted in zip(one.outline, other.outline, strict=True):
            np.testing.assert_allclose(shifted - line, np.tile((17, 29), (len(line), 1)))


def test_a_large_image_is_looked_over_on_a_grid_and_its_outlines_fit():
    side = 2 * GRID
    result = with_spots((side, side), [(300, 200, 40), (500, 600, 60)])
    regions = doubtful_regions(result, doubt(result))
    assert len(regions) == 2
    for region, (row, column, radius) in zip(
        regions, [(500, 600, 60), (300, 200, 40)], strict=True
    ):
        away = np.hypot(*(region.outline[0] - (row, column)).T)
        np.testing.assert_allclose(away, radius, atol=8)
        assert np.hypot(*(np.array(region.point) - (row, column))) <= radius


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 40)])
def test_tiny_images_are_no_crash(shape):
    result = solved(confidences(2, shape), (0.5, 0.5), tolerance=0.5)
    overview = look_over(result)
    assert overview.doubt.shape == shape
    assert all(r.pixels for r in overview.regions)


def test_one_tissue_that_fills_the_image_is_no_crash():
    result = solved(confidences(2), (1.0, 0.0), tolerance=0.0)
    assert set(np.unique(result.labels)) == {1}
    assert all(r.shown == 0 for r in look_over(result).regions)


def test_a_cancelled_job_ends():
    job = Job()
    job.cancel.cancel()
    with pytest.raises(Cancelled):
        look_over(solved(confidences(2), (0.5, 0.5)), job)


def test_block_means_are_means():
    values = np.random.default_rng(0).random((7, 10)).astype(np.float32)
    found = block_mean(values, 3)
    assert found.shape == (3, 4)
    assert found[0, 1] == pytest.approx(values[:3, 3:6].mean())
    assert block_mean(values, 1) is values


def test_it_is_quick_enough_to_follow_every_solve():
    result = with_spots((512, 512), [(60 * i, 50 * i, 10) for i in range(1, 8)])
    found = doubt(result)
    doubtful_regions(result, found)
    began = time.process_time()
    doubtful_regions(result, found)
    assert time.process_time() - began <= 0.15  # 15 ms on an idle core
