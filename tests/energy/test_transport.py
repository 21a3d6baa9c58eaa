"""Without boundaries: prices by Newton's method, certified by the solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import ot
import pytest

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.registries import PENALTIES
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.problem import OUTSIDE, Problem, State
from napari_vslp.energy.solver import Stop, solve
from napari_vslp.energy.transport import cells, is_transport, transport_prices
from tests.energy.problems import random_problem


def exact(problem: Problem) -> float:
    inside = problem.tv_weight >= 0
    costs = problem.cost[:, inside].T.astype(np.float64)
    mass = np.full(len(costs), 1 / len(costs))
    return float(len(costs) * ot.emd2(mass, problem.penalty.target, costs, numItermax=10**7))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("tissues", [2, 3, 4, 6])
def test_the_energy_is_that_of_exact_transport(tissues: int, seed: int) -> None:
    problem = random_problem(tissues, (48, 48), smoothness=0, mode="measured", seed=seed)
    problem.tv_weight[:10, :20] = OUTSIDE
    found, _ = minimise(problem, stop=Stop(3e-5, 5000))
    assert found.certificate.relative_gap <= 3e-5
    assert found.certificate.objective == pytest.approx(exact(problem), rel=1e-4)


@pytest.mark.parametrize("mode", PENALTIES.names())
@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_newton_leaves_little_to_the_loop(tissues: int, mode: str) -> None:
    problem = random_problem(tissues, (128, 96), smoothness=0, mode=mode, shift=0.3)
    found, _ = minimise(problem, stop=Stop(2e-4, 3000))
    assert 0 <= found.certificate.relative_gap <= 2e-4
    assert found.iterations <= 100
    plain = State(
        np.full_like(problem.cost, 1 / tissues),
        np.zeros((2, *problem.cost.shape), np.float32),
        np.zeros(tissues),
    )
    slow = solve(problem, start=plain, stop=Stop(2e-4, 3000))
    assert found.certificate.objective == pytest.approx(slow.certificate.objective, rel=6e-4)


@pytest.mark.parametrize("levels", [2, 3])
def test_plateaus_are_left_to_the_loop(levels: int) -> None:
    """Few grey levels: masses of pixels tie, and only fractions of u meet the areas."""
    problem = random_problem(3, (48, 48), smoothness=0, mode="measured", shift=0.3)
    flat = replace(problem, cost=np.round(problem.cost * (levels / 3)).astype(np.float32) + 0.1)
    found, _ = minimise(flat, stop=Stop(1e-4, 3000))
    assert found.certificate.relative_gap <= 1e-4
    assert found.certificate.objective == pytest.approx(exact(flat), rel=5e-4)


def test_cells_count_every_pixel_and_border_once() -> None:
    problem = random_problem(4, (20, 30), smoothness=0)
    problem.tv_weight[3:9, 4:8] = OUTSIDE
    price = np.float32([0.1, -0.2, 0.0, 0.3])
    area, pairs = np.zeros(4), np.zeros((4, 4))
    value = cells(problem.cost, problem.tv_weight, price, 0.2, area, pairs)
    priced = (problem.cost - price[:, None, None])[:, problem.tv_weight >= 0]
    two = np.sort(priced, axis=0)[:2]
    assert value == pytest.approx(two[0].sum(), rel=1e-5)
    np.testing.assert_array_equal(area, np.bincount(priced.argmin(0), minlength=4))
    assert pairs.sum() == 2 * np.count_nonzero(two[1] - two[0] < 0.2)
    np.testing.assert_array_equal(pairs, pairs.T)
    assert not np.diag(pairs).any()


def test_only_several_tissues_without_boundaries_are_transport() -> None:
    assert is_transport(random_problem(2, (16, 16), smoothness=0))
    assert not is_transport(random_problem(2, (16, 16)))
    outside = random_problem(2, (16, 16), smoothness=0)
    outside.tv_weight[:] = OUTSIDE
    assert not is_transport(outside)


def test_cancel_ends_newton() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        transport_prices(random_problem(3, (32, 32), smoothness=0), Job(token))
