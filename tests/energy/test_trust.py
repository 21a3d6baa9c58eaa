"""The proportion term: each step is the proximal one, each gap is a Fenchel–Young gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.tissues import Tissue
from napari_vslp.energy.penalties import TrustTerm, nearest_target
from napari_vslp.energy.problem import trust_term

TARGET = np.array([0.5, 0.3, 0.2])
LOW, HIGH = TARGET - 0.05, TARGET + 0.05


def term(mode: str, rho: float = 0.7) -> TrustTerm:
    return TrustTerm(mode, LOW, HIGH, TARGET, rho)


def feasible(trust: TrustTerm, price: np.ndarray) -> np.ndarray:
    if trust.mode == "robust":
        return np.clip(price, -trust.rho, trust.rho)
    return np.zeros_like(price) if trust.mode == "none" else price


@pytest.mark.parametrize("mode", [m for m in PENALTIES.names() if m != "none"])
@pytest.mark.parametrize("z", [-1.3, -0.4, 0.01, 0.2, 2.0])
@pytest.mark.parametrize("kappa", [0.5, 1.0])
def test_step_is_the_proximal_point_of_the_dual(mode: str, z: float, kappa: float) -> None:
    trust = term(mode)
    found = trust.step(np.full(3, z), kappa)
    for k in range(3):
        one = TrustTerm(mode, LOW[[k]], HIGH[[k]], TARGET[[k]], trust.rho)
        limit = trust.rho if mode == "robust" else 10.0
        best = minimize_scalar(
            lambda r, one=one: -one.dual(np.array([r])) + (r - z) ** 2 / (2 * kappa),
            bounds=(-limit, limit),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert found[k] == pytest.approx(best.x, abs=1e-5)


@given(
    mode=st.sampled_from(PENALTIES.names()),
    weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    prices=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
)
def test_gap_is_never_negative(mode: str, weights: list[float], prices: list[float]) -> None:
    trust = term(mode)
    area = np.array(weights) / sum(weights)
    price = feasible(trust, np.array(prices))
    assert trust.value(area, price) - trust.dual(price) + price @ area >= -1e-12
    assert trust.gap(area, price) >= 0


@pytest.mark.parametrize("mode", PENALTIES.names())
def test_gap_vanishes_at_the_target_without_prices(mode: str) -> None:
    assert term(mode).gap(TARGET, np.zeros(3)) == pytest.approx(0, abs=1e-12)


def test_violations_measure_the_distance_to_the_interval() -> None:
    found = term("interval").violations(np.array([0.6, 0.3, 0.1]))
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


def test_measured_trust_with_an_unknown_tissue_binds_only_the_known_ones() -> None:
    trust = trust_term((Tissue("a", 0.6, 0.1), Tissue("b"), Tissue("c")), "measured", 1.0)
    assert trust.mode == "interval"
    np.testing.assert_allclose(trust.low, [0.6, 0, 0])
    np.testing.assert_allclose(trust.high, [0.6, 1, 1])
