"""Iterations in windows: the same minimum as everywhere, in boxes where the gap sits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.registries import PENALTIES
from napari_vslp.energy.engines import fused
from napari_vslp.energy.engines.contract import WindowEngine, make_engine
from napari_vslp.energy.engines.fused import BinaryEngine, CpuEngine, FusedEngine
from napari_vslp.energy.engines.graphs import GraphEngine
from napari_vslp.energy.problem import OUTSIDE, Problem, fix_pixels, start_state
from napari_vslp.energy.solver import Solution, Stop, solve
from napari_vslp.energy.windows import WindowSearch, choose_windows
from tests.energy.problems import random_problem

BOXES = np.array([[0, 9, 0, 7], [12, 30, 3, 40], [41, 53, 20, 41]], np.int64)


def clicked(tissues: int, shape: tuple[int, int] = (53, 41), **kinds) -> Problem:
    """Weak edges, a hole and some clicks: what leaves patches undecided."""
    problem = random_problem(tissues, shape, smoothness=6.0, seed=tissues, **kinds)
    rng = np.random.default_rng(tissues)
    problem.tv_weight[:] *= rng.choice([0.1, 1.0], shape, p=[0.3, 0.7]).astype(np.float32)
    problem.tv_weight[20:30, 5:15] = OUTSIDE
    fixed = np.zeros(shape, np.uint8)
    fixed[3, 4], fixed[40:43, 30:33] = 1, tissues
    return replace(problem, cost=fix_pixels(problem.cost, fixed))


def both(problem: Problem, tolerance: float = 1e-4) -> tuple[Solution, Solution]:
    return tuple(
        solve(problem, stop=Stop(tolerance, 5000, windows=windows)) for windows in (True, False)
    )


@pytest.mark.parametrize("mode", PENALTIES.names())
@pytest.mark.parametrize("tissues", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("anisotropic", [False, True])
def test_windows_and_whole_sweeps_prove_the_same_minimum(
    tissues: int, mode: str, anisotropic: bool
) -> None:
    problem = clicked(tissues, mode=mode, anisotropic=anisotropic)
    ours, plain = both(problem)
    for found in (ours, plain):
        assert found.limit == ""
        assert 0 <= found.certificate.relative_gap <= 1e-4
        assert found.certificate.violation <= 3e-4
        np.testing.assert_allclose(found.state.u.sum(0), 1, atol=1e-5)
        assert found.state.u.min() >= 0
    one, other = ours.certificate, plain.certificate
    # Either bound lies below either energy, and both are within a gap of each other.
    assert one.objective - one.gap <= other.objective * (1 + 1e-6)
    assert other.objective - other.gap <= one.objective * (1 + 1e-6)
    assert one.objective == pytest.approx(other.objective, rel=1.01e-4)


@pytest.mark.parametrize("make", [BinaryEngine, FusedEngine])
@pytest.mark.parametrize("anisotropic", [False, True])
def test_the_whole_image_as_one_window_takes_the_steps_of_a_sweep(
    make: type[CpuEngine], anisotropic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = clicked(2, anisotropic=anisotropic)
    monkeypatch.setattr(fused, "anchored", lambda n: [(1.9, 0.0)] * (n - 1) + [(1.0, 0.0)])
    swept, windowed = (make(problem, start_state(problem), threads=1) for _ in range(2))
    swept.advance(20, Job())
    windowed.advance_windows(np.array([[0, 53, 0, 41]], np.int64), 20, Job())
    one, other = swept.export(), windowed.export()
    # What lies outside the tissue is stepped by a sweep, for nothing, and stays in a window.
    tissue = problem.tv_weight >= 0
    np.testing.assert_allclose(one.u[:, tissue], other.u[:, tissue], atol=2e-5)
    np.testing.assert_allclose(one.p[:, :, tissue], other.p[:, :, tissue], atol=2e-4)
    np.testing.assert_allclose(one.price, other.price, atol=2e-5)


@pytest.mark.parametrize("tissues", [2, 4])
def test_outside_the_windows_nothing_changes_and_the_areas_are_those_of_all(tissues: int) -> None:
    problem = clicked(tissues)
    engine = make_engine(problem, start_state(problem), "numba")
    assert isinstance(engine, WindowEngine)
    engine.advance(30, Job())
    before = engine.export().copy()
    engine.advance_windows(BOXES, 25, Job())
    after = engine.export()
    outside = np.ones(problem.tv_weight.shape, bool)
    for top, stop, left, end in BOXES:
        outside[top:stop, left:end] = False
    np.testing.assert_array_equal(after.u[:, outside], before.u[:, outside])
    np.testing.assert_array_equal(after.p[:, :, outside], before.p[:, :, outside])
    assert np.abs(after.u - before.u).max() > 1e-3
    areas = after.u[:, problem.tv_weight >= 0].mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(engine.certify(Job()).area, areas, atol=1e-6)
    assert engine.certify(Job()).gap >= 0


@pytest.mark.parametrize("tissues", [2, 3])
def test_one_thread_and_two_take_the_same_windows(tissues: int) -> None:
    problem = clicked(tissues)
    alone, together = (
        solve(problem, stop=Stop(1e-7, 150), threads=n, start=start_state(problem)) for n in (1, 2)
    )
    np.testing.assert_array_equal(alone.state.u, together.state.u)
    np.testing.assert_array_equal(alone.state.p, together.state.p)
    np.testing.assert_array_equal(alone.state.price, together.state.price)


@pytest.mark.parametrize("tissues", [2, 3])
def test_a_flipped_image_has_the_same_energy(tissues: int) -> None:
    problem = random_problem(tissues, smoothness=4, anisotropic=True)
    # |∇u|₁ of forward differences is symmetric when the weight is even; take a constant one.
    problem = replace(problem, tv_weight=np.ones_like(problem.tv_weight))
    for way in (np.s_[:, ::-1], np.s_[:, :, ::-1]):
        flipped = replace(problem, cost=np.ascontiguousarray(problem.cost[way]))
        ours, theirs = (solve(p, stop=Stop(2e-5, 5000)) for p in (problem, flipped))
        assert ours.certificate.objective == pytest.approx(theirs.certificate.objective, rel=4e-5)
        same = ours.state.u.argmax(0) == theirs.state.u[way].argmax(0)
        assert same.mean() > 0.995


def test_a_cancel_is_noticed_within_the_windows() -> None:
    token = CancelToken()
    engine = make_engine(clicked(3), start_state(clicked(3)), "numba")
    token.cancel()
    with pytest.raises(Cancelled):
        engine.advance_windows(BOXES, 50, Job(token))


def test_engines_without_windows_sweep_the_whole_image() -> None:
    problem = clicked(3)
    assert not isinstance(GraphEngine(problem, start_state(problem)), WindowEngine)
    found = solve(problem, stop=Stop(1e-3, 3000), backend="torch")
    assert found.iterations % 10 == 0
    assert 0 <= found.certificate.relative_gap <= 1e-3


@pytest.mark.parametrize("most", [35, 47, 90])
def test_no_more_iterations_are_spent_than_allowed(most: int) -> None:
    found = solve(clicked(4), stop=Stop(1e-12, most))
    assert found.limit == "steps"
    assert most - 1 <= found.iterations <= most + 1


def gap_map(shape: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    gap = rng.random(shape) ** 30
    gap[: shape[0] // 3, : shape[1] // 4] += 0.3
    return gap.astype(np.float32)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (61, 83), (64, 64)])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.7, 1.0])
def test_windows_are_disjoint_and_hold_what_they_must_of_the_gap(
    shape: tuple[int, int], share: float, shifted: bool
) -> None:
    gap = gap_map(shape, 3)
    total = float(gap.sum(dtype=np.float64))
    for pad in (0, 1, 5):
        boxes, covered = choose_windows(gap, share * total, pad, shifted)
        times = np.zeros(shape, int)
        for top, stop, left, end in boxes:
            assert 0 <= top < stop <= shape[0]
            assert 0 <= left < end <= shape[1]
            times[top:stop, left:end] += 1
        assert times.max(initial=0) <= 1
        assert covered == pytest.approx(times.mean())
        assert gap[times == 0].sum(dtype=np.float64) <= share * total + 1e-6


def test_a_gap_that_does_not_fall_ends_in_iterations_everywhere() -> None:
    blocks = []

    class Stuck:
        def advance(self, iterations, job):
            pass

        def advance_windows(self, boxes, iterations, job):
            blocks.append(boxes.copy())

    problem = clicked(3)
    engine = make_engine(problem, start_state(problem), "numba")
    engine.advance(30, Job())
    gap = np.zeros((53, 41), np.float32)
    gap[5:9, 5:9] = 1
    found = replace(engine.certify(Job()), gap_map=gap)
    search = WindowSearch(Stuck(), 1e-6, problem.cost.shape)
    for _ in range(60):
        assert search.advance(found, 1000, Job()) >= 1
    whole = [b for b in blocks if (b == [[0, 53, 0, 41]]).all()]
    assert whole
    assert len(whole) < len(blocks)
