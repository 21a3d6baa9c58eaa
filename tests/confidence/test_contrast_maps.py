"""The equations of CVM, and its batch of convex problems, against small hand-computed cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.confidence.contrast_maps import (
    TOLERANCE,
    ContrastOptions,
    chan_vese,
    contrast_map,
    contrast_of_click,
    difference,
    edge_weight,
    two_means,
)
from napari_vslp.energy.binary_batch import LEAST_VALUES, solve_batch
from napari_vslp.energy.penalties.constraints import Free
from napari_vslp.energy.problem import Problem
from napari_vslp.energy.solver import Stop, solve

OPTIONS = ContrastOptions(eta=0.5, clear=0.5, full=1.0)


def row(*values):
    return np.array(values, np.float32)


def blob(shape=(20, 33), noise=0.1, seed=0):
    """Return a z of one blob in noise, (1, H, W)."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    inside = (y - shape[0] / 2) ** 2 + (x - shape[1] / 3) ** 2 < (min(shape) / 3) ** 2
    z = np.where(inside, 0.8, 0.2) + noise * rng.standard_normal(shape)
    return np.clip(z, 0, 1).astype(np.float32)[None], inside


def test_the_contrast_map_of_four_pixels():
    found = contrast_map(row(1.0, 0.5, 0.1, 0.75), row(0.2, 1.0, 0.8, 0.5), 0.5)
    # S_p − S_q/2 = 0.9, 0, −0.3, 0.5
    np.testing.assert_allclose(found, row(1, 0, 0, 0.25 / 0.81), rtol=1e-6)


def test_without_eta_it_is_the_similarity_squared():
    own = row(1.0, 0.5, -0.5)
    np.testing.assert_allclose(contrast_map(own, row(0.3, 1.0, 0.9), 0.0), row(1, 0.25, 0))


def test_the_contrast_of_a_click_is_the_mean_over_the_other_tissues_clicks():
    own, first, second = row(1.0, 0.5, 0.0), row(0.0, 0.0, 1.0), row(0.2, 1.0, 0.0)
    found = contrast_of_click(own, [first, second], 0, OPTIONS)
    # C: (1, 1/4, 0) and (1, 0, 0), mean (1, 1/8, 0)
    np.testing.assert_allclose(found, row(1, 0.125, 0), rtol=1e-6)


def test_a_click_that_looks_like_another_tissues_counts_by_how_much_they_differ():
    own = row(1.0, 0.8, 0.0)
    # 1 − 0.9 is a fifth of `clear`
    found = contrast_of_click(own, [row(0.9, 1.0, 0.0)], 0, OPTIONS)
    assert found.max() == pytest.approx(0.2)
    assert contrast_of_click(own, [own], 0, OPTIONS).max() == 0


def test_a_place_counts_in_full_from_a_part_of_the_highest_contrast_on():
    own, other = row(1.0, 0.5, 0.25), row(0.0, 0.0, 0.0)
    found = contrast_of_click(own, [other], 0, replace(OPTIONS, full=0.25))
    # C is 1, a quarter, a sixteenth
    np.testing.assert_allclose(found, row(1, 1, 0.25), rtol=1e-6)


def test_a_map_without_any_contrast_stays_zero():
    assert not contrast_map(row(0.0, 0.0), row(1.0, 1.0), 0.6).any()


def test_the_edge_weight_of_a_step():
    z = np.zeros((1, 2, 3), np.float32)
    z[0, :, 2] = 0.5
    z[0, 1, 0] = 1.0
    # |∇z|² by forward differences: down 1 and across 0; across 1/4; across and down of the last
    expected = 1 / (1 + 4 * np.array([[1, 0.25, 0], [1, 0.25, 0]]))
    np.testing.assert_allclose(edge_weight(z, 4.0, 0.0)[0], expected, rtol=1e-6)
    assert (edge_weight(z, 0.0, 1.0) == 1).all()


def test_levels_are_the_means_above_and_below_a_half():
    z = np.array([[[0.2, 0.6], [0.4, 1.0]], [[0.1, 0.2], [0.3, 0.2]]], np.float32)
    high, low = two_means(z, z > 0.5)
    np.testing.assert_allclose(high, [0.8, 1.0])
    np.testing.assert_allclose(low, [0.3, 0.2])
    expected = (z - high[:, None, None]) ** 2 - (z - low[:, None, None]) ** 2
    np.testing.assert_allclose(difference(z, high, low), expected, atol=1e-6)


def test_nothing_above_a_half_is_nothing_found():
    z = 0.5 * blob()[0]
    assert chan_vese(z, ContrastOptions()).u.max() == 0


@pytest.mark.parametrize("shape", [(20, 33), (33, 20), (1, 40), (64, 64)])
@pytest.mark.parametrize("levels", ["fixed", "alternated"])
def test_each_problem_is_solved_to_a_certified_gap(shape, levels):
    z = np.concatenate([blob(shape, noise, seed)[0] for seed, noise in enumerate((0.0, 0.1, 0.3))])
    found = chan_vese(z, ContrastOptions(levels=levels))
    assert (found.gap >= 0).all()
    assert (found.relative_gap <= TOLERANCE).all()
    assert found.u.min() >= 0
    assert found.u.max() <= 1


def test_the_blob_is_found_in_noise():
    z, inside = blob((40, 60), noise=0.2)
    found = chan_vese(z, ContrastOptions(smoothness=0.3)).u[0] > 0.5
    assert (found != inside).mean() < 0.02


def test_alternated_levels_are_the_means_of_what_is_found():
    z, _ = blob((40, 60), noise=0.2)
    options = ContrastOptions(smoothness=0.3, levels="alternated")
    found = chan_vese(z, options).u > 0.5
    renewed = solve_batch(
        difference(z, *two_means(z, found)), edge_weight(z, 10.0, 1.0) * np.float32(0.15)
    )
    assert ((renewed.u > 0.5) != found).mean() < 1e-3


def test_the_energy_is_that_of_the_solver_for_any_number_of_tissues():
    z, _ = blob((24, 31), noise=0.3)
    radius = edge_weight(z, 10.0, 1.0) * np.float32(0.1)
    d = difference(z, *two_means(z, z > 0.5))
    found = solve_batch(d, radius, tolerance=1e-5, max_iterations=3000)
    cost = np.stack([d[0], np.zeros_like(d[0])])
    free = Free(np.zeros(2), np.ones(2), np.full(2, 0.5))
    whole = solve(Problem(cost, radius[0], free), stop=Stop(tolerance=1e-5, max_iterations=3000))
    best = whole.certificate
    # Each energy is at most its own gap above the same minimum.
    assert abs(found.energy[0] - best.objective) <= found.gap[0] + best.gap + 1e-4
    assert ((found.u[0] > 0.5) != (whole.state.u[0] > 0.5)).mean() < 0.01


def test_a_problem_does_not_depend_on_its_neighbours_in_the_batch():
    side = int(np.sqrt(LEAST_VALUES)) + 1  # large enough for threads
    z = np.concatenate([blob((side, side // 2), 0.3, seed)[0] for seed in range(4)])
    together = chan_vese(z, ContrastOptions())
    for index in (0, 3):
        alone = chan_vese(z[[index]], ContrastOptions())
        np.testing.assert_array_equal(alone.u[0], together.u[index])
    turned = chan_vese(z[::-1], ContrastOptions())
    np.testing.assert_array_equal(turned.u[::-1], together.u)


def test_more_smoothness_is_a_shorter_boundary():
    z, _ = blob((40, 60), noise=0.4)
    lengths = [
        np.abs(np.diff((chan_vese(z, replace(OPTIONS, smoothness=s)).u[0] > 0.5).astype(int))).sum()
        for s in (0.0, 0.1, 0.5)
    ]
    assert lengths[0] > lengths[1] > lengths[2]
