"""A slider on a large image: solved on a coarser grid, certified on the fine one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_vslp.core.progress import Job
from napari_vslp.energy import minimise as minimising
from napari_vslp.energy import multigrid
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.multigrid import add_change, halve, levels_of, refine, restrict
from napari_vslp.energy.penalties.constraints import Interval
from napari_vslp.energy.problem import OUTSIDE, Problem, State, cost_of
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop
from tests.energy.problems import random_problem

SMALL_GRID = 160 * 160 * 4


@pytest.fixture(autouse=True)
def a_grid_of_a_small_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multigrid, "GRID_VALUES", SMALL_GRID)
    monkeypatch.setattr(minimising, "GRID_VALUES", SMALL_GRID)


def smooth_problem(tissues: int, shape: tuple[int, int]) -> Problem:
    """As a network sees it: confidences without noise from pixel to pixel."""
    problem = random_problem(tissues, shape)
    costs = np.stack([gaussian_filter(c, 2.0) for c in problem.cost])
    share = np.exp(-2 * costs)
    return replace(problem, cost=cost_of((share / share.sum(0)).astype(np.float32)))


def moved(problem: Problem, change: float) -> Problem:
    step = np.zeros(len(problem.cost))
    step[:2] = change, -change
    target = problem.penalty.target + step
    penalty = Interval(np.maximum(target - 0.01, 0), target + 0.01, target)
    return replace(problem, penalty=penalty)


def labels_of(problem: Problem, u: np.ndarray) -> np.ndarray:
    return round_labels(u, np.exp(-problem.cost), problem.tv_weight >= 0, *problem.penalty.bounds())


@pytest.mark.parametrize("shape", [(256, 256), (301, 257)])
def test_a_drag_shows_nearly_the_labels_of_the_full_solve(shape: tuple[int, int]) -> None:
    problem = smooth_problem(4, shape)
    _, warm = minimise(problem, stop=Stop(1e-4, 1000))
    assert levels_of(problem.cost.size) == 1
    for change in (0.02, 0.05, 0.03):
        asked = moved(problem, change)
        shown, warm = minimise_live(asked, warm)
        best, _ = minimise(asked, stop=Stop(1e-4, 1000))
        differ = labels_of(asked, shown.state.u) != labels_of(asked, best.state.u)
        assert differ.mean() <= 0.02
        np.testing.assert_allclose(shown.state.u.sum(0), 1, atol=1e-5)
        assert shown.state.u.min() >= 0
        assert shown.certificate.objective >= best.certificate.objective - best.certificate.gap


def test_the_certificate_is_that_of_the_fine_state() -> None:
    problem = smooth_problem(4, (256, 256))
    _, warm = minimise(problem, stop=Stop(1e-3, 500))
    asked = moved(problem, 0.04)
    shown, _ = minimise_live(asked, warm)
    again = make_engine(asked, shown.state.copy()).certify(Job())
    assert shown.certificate.gap == pytest.approx(again.gap)
    assert shown.certificate.fidelity.shape == problem.tv_weight.shape
    assert shown.certificate.relative_gap > 0


def test_the_grid_is_made_once_a_drag_and_again_after_a_release() -> None:
    problem = smooth_problem(4, (256, 256))
    _, warm = minimise(problem, stop=Stop(1e-3, 500))
    before = warm.state.copy()
    _, first = minimise_live(moved(problem, 0.02), warm)
    np.testing.assert_array_equal(warm.state.u, before.u)
    np.testing.assert_array_equal(warm.state.p, before.p)
    _, second = minimise_live(moved(problem, 0.03), first)
    assert first.grid is not None
    assert second.grid is not None
    assert second.grid.base is first.grid.base
    released, after = minimise(moved(problem, 0.03), warm=second, stop=Stop(1e-4, 1000))
    assert released.certificate.relative_gap <= 1e-4
    _, third = minimise_live(moved(problem, 0.04), after)
    assert third.grid is not None
    assert third.grid.fine is after.state
    assert third.grid.problem.cost is first.grid.problem.cost


def test_a_move_that_changes_nothing_shows_the_solved_labels() -> None:
    problem = smooth_problem(4, (256, 256))
    solved, warm = minimise(problem, stop=Stop(1e-4, 1000))
    shown, _ = minimise_live(problem, warm)
    same = shown.state.u.argmax(0) == solved.state.u.argmax(0)
    assert same.mean() > 0.995


def test_the_full_solve_leaves_the_grid_for_the_first_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = smooth_problem(4, (256, 256))
    _, warm = minimise(problem, stop=Stop(1e-3, 500))

    def again(*_: object, **__: object) -> None:
        raise AssertionError("the grid is made a second time")

    monkeypatch.setattr(minimising, "make_grid", again)
    shown, _ = minimise_live(moved(problem, 0.03), warm)
    assert shown.certificate.violation < 0.02


@pytest.mark.parametrize("tissues", [2, 3, 6])
def test_any_number_of_tissues_and_a_mask(tissues: int) -> None:
    problem = smooth_problem(tissues, (331, 300))
    problem.tv_weight[:60, :90] = OUTSIDE
    _, warm = minimise(problem, stop=Stop(1e-3, 500))
    shown, _ = minimise_live(moved(problem, 0.03), warm)
    assert shown.certificate.gap >= 0
    assert not shown.certificate.fidelity[:60, :90].any()
    assert shown.certificate.violation < 0.02


def test_levels_leave_at_most_the_grid() -> None:
    for values in (1, SMALL_GRID, SMALL_GRID + 1, 4 * SMALL_GRID, 5 * SMALL_GRID, 10**9):
        levels = levels_of(values)
        assert values / 4**levels <= SMALL_GRID
        assert levels == 0 or values / 4 ** (levels - 1) > SMALL_GRID


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (1, 5), (5, 1), (1, 1)])
def test_halving_takes_the_means_of_tissue_blocks(shape: tuple[int, int]) -> None:
    problem = random_problem(3, (16, 16))
    cost = np.ascontiguousarray(problem.cost[:, : shape[0], : shape[1]])
    tv_weight = np.ascontiguousarray(problem.tv_weight[: shape[0], : shape[1]])
    tv_weight[0, 0] = OUTSIDE
    coarse = halve(replace(problem, cost=cost, tv_weight=tv_weight))
    rows, columns = (shape[0] + 1) // 2, (shape[1] + 1) // 2
    assert coarse.tv_weight.shape == (rows, columns)
    for y in range(rows):
        for x in range(columns):
            block = np.s_[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
            inside = tv_weight[block] >= 0
            if not inside.any():
                assert coarse.tv_weight[y, x] == OUTSIDE
                continue
            assert coarse.tv_weight[y, x] == pytest.approx(tv_weight[block][inside].mean() / 2)
            for k in range(3):
                expected = cost[k][block][inside].mean()
                assert coarse.cost[k, y, x] == pytest.approx(expected, rel=1e-5)


def test_restriction_and_refinement_keep_what_is_constant() -> None:
    problem = random_problem(3, (13, 10))
    u = np.broadcast_to(np.float32([0.2, 0.5, 0.3])[:, None, None], problem.cost.shape)
    coarse = restrict(np.ascontiguousarray(u))
    assert coarse.shape == (3, 7, 5)
    np.testing.assert_allclose(coarse, u[:, :7, :5], atol=1e-6)
    state = State(coarse, np.zeros((2, *coarse.shape), np.float32), np.zeros(3))
    np.testing.assert_allclose(refine(state, problem).u, u, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 4])
def test_a_change_is_interpolated_onto_the_simplex(factor: int) -> None:
    rng = np.random.default_rng(0)
    base = rng.dirichlet(np.ones(3), (33, 21)).transpose(2, 0, 1).astype(np.float32)
    rows, columns = -(-33 // factor), -(-21 // factor)
    out = np.empty_like(base)
    add_change(base, np.zeros((3, rows, columns), np.float32), factor, out)
    np.testing.assert_allclose(out, base, atol=1e-6)
    change = np.zeros((3, rows, columns), np.float32)
    change[0], change[1] = 1, -1
    add_change(base, change, factor, out)
    np.testing.assert_allclose(out.sum(0), 1, atol=1e-5)
    assert (out[0] >= base[0] - 1e-6).all()
    assert not out[1].any()
