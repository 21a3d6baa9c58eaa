"""The proportion penalty: each step is the proximal one, each gap is a Fenchel–Young gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.tissues import Tissue
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.penalties.constraints import Interval
from napari_vslp.energy.penalties.contract import Penalty, nearest_target, penalty_of
from napari_vslp.energy.solver import Stop
from tests.energy.problems import random_problem

TARGET = np.array([0.5, 0.3, 0.2])
LOW, HIGH = TARGET - 0.05, TARGET + 0.05


def of(mode: str, rho: float = 0.7) -> Penalty:
    return PENALTIES.get(mode)(LOW, HIGH, TARGET, rho)


def feasible(mode: str, price: np.ndarray) -> np.ndarray:
    if mode == "robust":
        return np.clip(price, -0.7, 0.7)
    return np.zeros_like(price) if mode == "none" else price


@pytest.mark.parametrize("mode", [m for m in PENALTIES.names() if m != "none"])
@pytest.mark.parametrize("z", [-1.3, -0.4, 0.01, 0.2, 2.0])
@pytest.mark.parametrize("kappa", [0.5, 1.0])
def test_step_is_the_proximal_point_of_the_dual(mode: str, z: float, kappa: float) -> None:
    penalty = of(mode)
    found = penalty.step(np.full(3, z), kappa)
    for k in range(3):
        one = penalty.keep(np.arange(3) == k)
        limit = 0.7 if mode == "robust" else 10.0
        best = minimize_scalar(
            lambda r, one=one: -one.dual(np.array([r])) + (r - z) ** 2 / (2 * kappa),
            bounds=(-limit, limit),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert found[k] == pytest.approx(best.x, abs=1e-5)


@pytest.mark.parametrize("mode", PENALTIES.names())
@pytest.mark.parametrize("rho", [0.05, 0.7, 20.0])
def test_the_step_on_a_device_is_the_step(mode: str, rho: float) -> None:
    target = np.array([0.5, 0.3, 0.2, 0.0])
    penalty = PENALTIES.get(mode)(np.maximum(target - 0.05, 0), target + 0.05, target, rho)
    for kappa in (0.25, 1.0):
        step = penalty.step_on_device(kappa, torch.zeros(4, dtype=torch.float64))
        for scale in (0.01, 1.0, 30.0):
            z = scale * np.random.default_rng(0).standard_normal(4)
            found = step(torch.as_tensor(z)).numpy()
            np.testing.assert_allclose(found, penalty.step(z, kappa), rtol=1e-9, atol=1e-9)


@given(
    mode=st.sampled_from(PENALTIES.names()),
    weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    prices=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
)
def test_gap_is_never_negative(mode: str, weights: list[float], prices: list[float]) -> None:
    penalty = of(mode)
    area = np.array(weights) / sum(weights)
    price = feasible(mode, np.array(prices))
    assert penalty.value(area, price) - penalty.dual(price) + price @ area >= -1e-12
    assert penalty.gap(area, price) >= 0


@pytest.mark.parametrize("mode", PENALTIES.names())
def test_gap_vanishes_at_the_target_without_prices(mode: str) -> None:
    assert of(mode).gap(TARGET, np.zeros(3)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mode", PENALTIES.names())
def test_labels_are_bound_by_constraints_alone(mode: str) -> None:
    low, high = of(mode).bounds()
    bound = {"measured": (TARGET, TARGET), "interval": (LOW, HIGH)}
    expected = bound.get(mode, (np.zeros(3), np.ones(3)))
    np.testing.assert_array_equal(low, expected[0])
    np.testing.assert_array_equal(high, expected[1])


@pytest.mark.parametrize("mode", ["robust", "quadratic", "kl"])
@pytest.mark.parametrize("share", [0.2, 0.49, 0.7])
def test_what_moving_a_share_between_two_tissues_costs(mode: str, share: float) -> None:
    target = np.array([0.4, 0.6])
    penalty = PENALTIES.get(mode)(target, target, target, 0.7)
    first, second = (
        penalty.value(np.array([a, 1 - a]), np.zeros(2)) for a in (share, share + 1e-6)
    )
    assert penalty.exchange(share) == pytest.approx((second - first) / 1e-6, abs=1e-4)


def test_violations_measure_the_distance_to_the_interval() -> None:
    found = of("interval").violations(np.array([0.6, 0.3, 0.1]))
    np.testing.assert_allclose(found, [0.05, 0, 0.05], atol=1e-12)


def test_nearest_target_sums_to_one_inside_the_intervals() -> None:
    low, high = np.array([0.5, 0.1, 0.0]), np.array([0.7, 0.2, 0.15])
    found = nearest_target(np.array([0.6, 0.2, 0.1]), low, high)
    assert found.sum() == pytest.approx(1)
    assert (found >= low - 1e-9).all()
    assert (found <= high + 1e-9).all()


def test_unknown_tissues_share_what_is_left() -> None:
    found = nearest_target(np.array([0.6, np.nan, np.nan]), np.zeros(3), np.ones(3))
    np.testing.assert_allclose(found, [0.6, 0.2, 0.2], atol=1e-9)


def test_measured_shares_with_an_unknown_tissue_bind_only_the_known_ones() -> None:
    penalty = penalty_of((Tissue("a", 0.6, 0.1), Tissue("b"), Tissue("c")), "measured", 1.0)
    assert isinstance(penalty, Interval)
    np.testing.assert_allclose(penalty.low, [0.6, 0, 0])
    np.testing.assert_allclose(penalty.high, [0.6, 1, 1])


@pytest.mark.parametrize("mode", ["measured", "robust", "quadratic", "kl"])
def test_the_price_tells_what_another_target_would_cost(mode: str) -> None:
    """dE*/dπ_k = M φ_k, but M ρ(1 − e^(−φ_k/ρ)) for Kullback–Leibler (docs/energy.md)."""
    rho, step = 0.5, 0.01
    problem = random_problem(3, (40, 48), smoothness=1, mode="none", seed=5)
    target = np.array([0.7, 0.2, 0.1])
    # Under equality what one tissue gains another loses; the others need not sum to 1.
    change = np.array([0.0, -1.0, 1.0]) if mode == "measured" else np.array([0.0, 0.0, 1.0])
    energies = []
    for side in (-step, 0.0, step):
        asked = target + side * change
        penalty = PENALTIES.get(mode)(asked, asked, asked, rho)
        found, _ = minimise(replace(problem, penalty=penalty), stop=Stop(1e-6, 20000))
        energies.append(found.certificate.objective)
        if side == 0:
            price = found.state.price
    slope = rho * -np.expm1(-price / rho) if mode == "kl" else price
    found_slope = (energies[2] - energies[0]) / (2 * step * problem.pixels)
    assert found_slope == pytest.approx(slope @ change, rel=0.05, abs=0.01)
    if mode == "kl":
        assert abs(found_slope - price @ change) > 0.05, "the plain price would be told apart"
