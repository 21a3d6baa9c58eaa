from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import Job
from napari_vslp.core.tissues import Click
from napari_vslp.energy.penalties.contract import penalty_of
from napari_vslp.energy.solver import Stop
from napari_vslp.review.cost_curve import MOST_VALUES, cost_curve, penalty_at
from tests.review.made import confidences, solved

EXACT = Stop(tolerance=1e-5, max_iterations=3000)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@pytest.fixture(scope="module")
def solution():
    return solved(confidences(3, (48, 56), seed=2), (0.35, 0.4, 0.25), tolerance=0.03)


@pytest.fixture(scope="module", params=["free", "typed"])
def curve(request, solution):
    return cost_curve(solution, 0, shares=SHARES, others=request.param, stop=EXACT)


def test_the_curve_is_convex(curve):
    rises = np.diff(curve.energies) / np.diff(curve.shares)
    assert (np.diff(rises) >= -1e-3).all()


def test_every_tangent_lies_below_the_curve(curve):
    """The slopes come from the prices, the values from the solves: neither knows the other."""
    away = curve.shares[None, :] - curve.shares[:, None]
    tangents = curve.energies[:, None] + curve.slopes[:, None] * away
    assert (tangents <= curve.energies[None, :] + 1e-3).all()


@pytest.mark.parametrize("others", ["free", "typed"])
def test_finite_differences_agree_with_the_prices(solution, others):
    near = (0.44, 0.5, 0.56)
    curve = cost_curve(solution, 0, shares=near, others=others, stop=EXACT)
    at = int(np.argmin(np.abs(curve.shares - 0.5)))
    low, high = at - 1, at + 1
    difference = (curve.energies[high] - curve.energies[low]) / (
        curve.shares[high] - curve.shares[low]
    )
    assert curve.slopes[at] == pytest.approx(difference, abs=0.08)


def test_with_the_others_free_the_slope_is_the_shadow_price_alone(solution):
    typed = penalty_of(solution.tissues, "interval", 1.0)
    penalty, (low, high) = penalty_at(typed, 0, 0.5, "free")
    np.testing.assert_array_equal(penalty.low, [0.5, 0, 0])
    np.testing.assert_array_equal(penalty.high, [0.5, 0.5, 0.5])
    assert not low.any()
    assert (high == 1).all()


def test_the_present_share_costs_what_the_result_costs():
    result = solved(confidences(3, (48, 56), seed=2), (0.35, 0.4, 0.25), tolerance=0.0)
    curve = cost_curve(result, 1, shares=SHARES, stop=EXACT)
    per_pixel = result.energy.objective / (result.labels > 0).sum()
    assert curve.present == pytest.approx(0.4, abs=1e-3)
    assert curve.at(curve.present) == pytest.approx(per_pixel, rel=2e-3)
    assert curve.slope_at(curve.present) == pytest.approx(_total_slope(result, 1), abs=0.1)


def _total_slope(result, tissue):
    """Return φ_k − Σ_j φ_j π_j/(1 − π_k), for shares that are met exactly."""
    values = np.array([t.value for t in result.tissues])
    others = [j for j in range(len(values)) if j != tissue]
    pulled = result.prices[others] @ values[others] / (1 - values[tissue])
    return result.prices[tissue] - pulled


def test_the_cheapest_share_is_where_the_curve_is_lowest(curve):
    assert curve.shares[0] <= curve.cheapest <= curve.shares[-1]
    around = curve.shares[np.argsort(np.abs(curve.shares - curve.cheapest))[:2]]
    assert curve.shares[np.argmin(curve.energies)] in around


@pytest.mark.parametrize("trust", ["interval", "measured", "quadratic", "robust", "kl", "none"])
def test_every_way_to_meet_the_shares_has_a_curve(trust):
    result = solved(confidences(2, (40, 40)), (0.5, 0.5), trust=trust)
    curve = cost_curve(result, 1, shares=(0.2, 0.5, 0.8))
    assert np.isfinite(curve.energies).all()
    assert np.isfinite(curve.slopes).all()


def test_the_bounds_of_the_others_always_leave_a_way():
    result = solved(confidences(4, (40, 40)), (0.1, 0.2, 0.3, 0.4), tolerance=0.04)
    typed = penalty_of(result.tissues, "interval", 1.0)
    for share in (0.02, 0.3, 0.98):
        penalty, _ = penalty_at(typed, 2, share, "typed")
        assert penalty.low.sum() <= 1 + 1e-9 <= penalty.high.sum() + 2e-9
        assert penalty.target.sum() == pytest.approx(1)


def test_a_large_image_is_solved_on_a_coarser_grid_with_nearly_the_same_slopes():
    result = solved(confidences(2, (160, 200), seed=4), (0.5, 0.5))
    fine = cost_curve(result, 0, shares=SHARES, most_values=10**9)
    coarse = cost_curve(result, 0, shares=SHARES, most_values=20_000)
    np.testing.assert_allclose(coarse.slopes, fine.slopes, atol=0.5)
    assert np.corrcoef(coarse.energies, fine.energies)[0, 1] > 0.98


def test_clicks_do_not_drown_the_curve():
    clicks = tuple(Click("gland", 5 + 4 * i, 9) for i in range(5))
    confidence = confidences(2, (40, 50))
    plain = cost_curve(solved(confidence, (0.5, 0.5)), 1, shares=(0.2, 0.5, 0.8))
    marked = cost_curve(solved(confidence, (0.5, 0.5), clicks=clicks), 1, shares=(0.2, 0.5, 0.8))
    np.testing.assert_allclose(marked.energies, plain.energies, atol=0.1)


def test_a_result_without_its_state_has_a_curve_too(solution):
    curve = cost_curve(replace(solution, state=None), 0, shares=(0.2, 0.5, 0.8))
    assert np.diff(curve.slopes).min() > -1e-2


def test_one_tissue_alone_is_refused(solution):
    single = replace(
        solution,
        tissues=solution.tissues[:1],
        confidence=solution.confidence[:1],
        state=None,
    )
    with pytest.raises(VslpError, match="two tissues"):
        cost_curve(single, 0)


def test_it_reports_and_can_be_cancelled(solution):
    heard = []
    cost_curve(solution, 0, shares=(0.2, 0.5), job=Job(on_progress=heard.append))
    assert {p.stage for p in heard if p.iteration is None} == {"Trying other shares"}
    job = Job()
    job.cancel.cancel()
    with pytest.raises(Cancelled):
        cost_curve(solution, 0, job=job)


def test_eleven_points_take_seconds_not_minutes():
    result = solved(confidences(4, (256, 256), seed=5), (0.25,) * 4)
    assert result.confidence.size > MOST_VALUES
    cost_curve(result, 0, shares=(0.5,))
    began = time.process_time()
    curve = cost_curve(result, 0)
    assert time.process_time() - began < 6  # 1 s on an idle core
    assert len(curve.shares) >= 11
