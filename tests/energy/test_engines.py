"""Every path of the solver takes the same steps: kernels, two tissues, threads, graphs."""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.registries import ENGINES, PENALTIES
from napari_vslp.energy.engines import stripes
from napari_vslp.energy.engines.contract import Engine, make_engine
from napari_vslp.energy.engines.fused import BinaryEngine, CpuEngine, FusedEngine
from napari_vslp.energy.engines.graphs import GraphEngine
from napari_vslp.energy.engines.kernels import project_rows
from napari_vslp.energy.engines.reference import ReferenceEngine
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.problem import OUTSIDE, Problem, State, fix_pixels, start_state
from napari_vslp.energy.solver import Stop, solve
from tests.energy.problems import random_problem

MAPS = ("fidelity", "regularisation", "gap_map", "margin")


def problem_of(tissues: int, shape: tuple[int, int], mode: str, anisotropic: bool) -> Problem:
    """A part of a larger image, so that any shape will do, with a hole and a fixed pixel."""
    whole = random_problem(tissues, (64, 64), mode=mode, anisotropic=anisotropic)
    cost = np.ascontiguousarray(whole.cost[:, : shape[0], : shape[1]])
    tv_weight = np.ascontiguousarray(whole.tv_weight[: shape[0], : shape[1]])
    fixed = np.zeros(shape, np.uint8)
    if min(shape) > 20:
        tv_weight[10:20, 5:15] = OUTSIDE
        fixed[3, 4] = tissues
    return replace(whole, cost=fix_pixels(cost, fixed), tv_weight=tv_weight)


def run(engine: Engine, iterations: int = 60) -> tuple[Engine, object]:
    engine.advance(iterations, Job())
    engine.advance(iterations, Job())
    return engine, engine.certify(Job())


def assert_same(ours: Engine, theirs: Engine) -> None:
    (ours, mine), (theirs, other) = run(ours), run(theirs)
    a, b = ours.export(), theirs.export()
    np.testing.assert_allclose(a.u, b.u, atol=2e-4)
    np.testing.assert_allclose(a.p, b.p, atol=2e-4)
    np.testing.assert_allclose(a.price, b.price, atol=2e-4)
    for name in MAPS:
        np.testing.assert_allclose(getattr(mine, name), getattr(other, name), atol=5e-4)
    assert mine.objective == pytest.approx(other.objective, rel=1e-5, abs=1e-3)
    assert mine.gap == pytest.approx(other.gap, rel=2e-2, abs=0.05)
    assert mine.fidelity_sum == pytest.approx(mine.fidelity.sum(dtype=np.float64), rel=1e-5)
    assert mine.regularisation_sum == pytest.approx(
        mine.regularisation.sum(dtype=np.float64), rel=1e-5, abs=1e-6
    )


@pytest.mark.parametrize(
    ("tissues", "smoothness", "backend", "device", "made"),
    [
        (2, 2.0, "auto", "cpu", BinaryEngine),
        (2, 0.0, "auto", "cpu", FusedEngine),
        (3, 2.0, "numba", "cpu", FusedEngine),
        (3, 2.0, "numba", "cuda", FusedEngine),
        (2, 2.0, "torch", "cpu", GraphEngine),
        (3, 2.0, "reference", "cpu", ReferenceEngine),
    ],
)
def test_the_first_engine_that_supports_a_problem_is_taken(
    tissues: int, smoothness: float, backend: str, device: str, made: type
) -> None:
    problem = random_problem(tissues, (16, 16), smoothness)
    engine = make_engine(problem, start_state(problem), backend, device)
    assert type(engine) is made
    if backend != "auto":
        assert engine.backend == backend


def test_a_graphics_card_gets_the_engine_of_torch() -> None:
    problem = random_problem(2, (16, 16))
    assert not BinaryEngine.supports(problem, "cuda")
    assert not FusedEngine.supports(problem, "cuda")
    assert GraphEngine.supports(problem, "cuda")


def test_an_engine_from_elsewhere_is_one_line() -> None:
    class Elsewhere(ReferenceEngine):
        backend = "elsewhere"

    problem = random_problem(3, (24, 24))
    with pytest.raises(VslpError, match="elsewhere"):
        make_engine(problem, start_state(problem), "elsewhere")
    ENGINES.add("elsewhere", Elsewhere)
    try:
        found, _ = minimise(problem, stop=Stop(1e-3, 500), backend="elsewhere")
    finally:
        ENGINES.remove("elsewhere")
    best, _ = minimise(problem, stop=Stop(1e-3, 500))
    assert found.certificate.objective == pytest.approx(best.certificate.objective, rel=2e-3)


@pytest.mark.parametrize("make", [FusedEngine, BinaryEngine, GraphEngine])
@pytest.mark.parametrize("anisotropic", [False, True])
@pytest.mark.parametrize("mode", PENALTIES.names())
def test_two_tissues_agree_with_the_reference(make: type, mode: str, anisotropic: bool) -> None:
    problem = problem_of(2, (50, 37), mode, anisotropic)
    state = start_state(problem)
    assert_same(make(problem, state.copy()), ReferenceEngine(problem, state))


@pytest.mark.parametrize("make", [FusedEngine, GraphEngine])
@pytest.mark.parametrize("tissues", [1, 3, 4, 6])
@pytest.mark.parametrize("mode", PENALTIES.names())
def test_many_tissues_agree_with_the_reference(make: type, tissues: int, mode: str) -> None:
    problem = problem_of(tissues, (37, 50), mode, tissues == 3)
    state = start_state(problem)
    assert_same(make(problem, state.copy()), ReferenceEngine(problem, state))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (1, 40), (40, 1)])
@pytest.mark.parametrize("tissues", [2, 3])
def test_any_shape_agrees_with_the_reference(tissues: int, shape: tuple[int, int]) -> None:
    problem = problem_of(tissues, shape, "interval", False)
    state = start_state(problem)
    assert_same(make_engine(problem, state.copy()), ReferenceEngine(problem, state))
    assert_same(GraphEngine(problem, state.copy()), ReferenceEngine(problem, state))


@pytest.mark.parametrize("tissues", [2, 4])
@pytest.mark.parametrize("threads", [2, 3, 4])
@pytest.mark.parametrize("anisotropic", [False, True])
def test_threads_change_no_bit(tissues: int, threads: int, anisotropic: bool) -> None:
    problem = problem_of(tissues, (53, 41), "measured", anisotropic)
    alone, together = (
        solve(problem, stop=Stop(1e-9, 40), threads=n, start=start_state(problem))
        for n in (1, threads)
    )
    np.testing.assert_array_equal(alone.state.u, together.state.u)
    np.testing.assert_array_equal(alone.state.p, together.state.p)
    np.testing.assert_array_equal(alone.state.price, together.state.price)


def test_chunks_of_rows_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(3, (53, 41), "interval", False)
    whole = solve(problem, stop=Stop(1e-9, 30), threads=1)
    monkeypatch.setattr(stripes, "CHUNK_VALUES", 3 * 41 * 5)
    parts = solve(problem, stop=Stop(1e-9, 30), threads=2)
    np.testing.assert_array_equal(whole.state.u, parts.state.u)


def test_threads_are_chosen_by_their_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripes, "most_threads", lambda _: 4)

    def settle(speeds: dict[int, float]) -> stripes.Stripes:
        found = stripes.Stripes(100, 10**7)
        for _ in range(3 * stripes.TRIALS):
            found._choose(speeds[found.threads])
        return found

    assert settle({1: 1.0, 2: 0.9, 4: 0.1}).threads == 1
    assert settle({1: 1.0, 2: 0.6, 4: 0.55}).threads == 2
    steady = settle({1: 1.0, 2: 0.6, 4: 0.3})
    assert steady.threads == 4
    steady._choose(5.0)
    assert steady.threads == 1, "a stalled sweep sends the work back to one thread"


def test_a_thread_that_is_cancelled_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of(3, (53, 41), "interval", False)
    monkeypatch.setattr(stripes, "CHUNK_VALUES", 3 * 41 * 5)
    token = CancelToken()
    engine = make_engine(problem, start_state(problem), threads=3)
    token.cancel()
    with pytest.raises(Cancelled):
        engine.advance(10, Job(token))


def test_no_boundaries_after_boundaries_start_without_forces() -> None:
    problem = random_problem(3, (48, 48))
    smooth, warm = minimise(problem, stop=Stop(1e-4, 500))
    assert np.abs(smooth.state.p).max() > 0
    bare = replace(problem, tv_weight=np.zeros_like(problem.tv_weight))
    found, _ = minimise(bare, warm=warm, stop=Stop(1e-4, 2000))
    assert found.certificate.relative_gap <= 1e-4
    assert not found.state.p.any()


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing itself takes memory")
@pytest.mark.parametrize("tissues", [2, 4, 6])
def test_memory_beside_the_image(tissues: int) -> None:
    """A cold solve holds at most 28K + 40 bytes a pixel beside its costs (issue 3)."""
    problem = random_problem(tissues, (384, 384))
    minimise(problem, stop=Stop(1e-3, 20))
    tracemalloc.start()
    minimise(problem, stop=Stop(1e-3, 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / problem.tv_weight.size <= 28 * tissues + 40


@pytest.mark.parametrize("make", [FusedEngine, BinaryEngine])
def test_the_sum_of_the_map_is_the_gap_less_that_of_the_areas(make: type[CpuEngine]) -> None:
    problem = problem_of(2, (50, 37), "measured", False)
    _, found = run(make(problem, start_state(problem)), 20)
    areas = problem.pixels * problem.penalty.gap(found.area, run_price(make, problem))
    assert found.gap == pytest.approx(found.gap_map.sum(dtype=np.float64) + areas, rel=1e-4)


def run_price(make: type[CpuEngine], problem: Problem) -> np.ndarray:
    engine, _ = run(make(problem, start_state(problem)), 20)
    return engine.export().price


def test_a_state_given_to_two_tissues_comes_back() -> None:
    problem = problem_of(2, (30, 31), "interval", False)
    rng = np.random.default_rng(0)
    u = rng.random(problem.tv_weight.shape).astype(np.float32)
    p = rng.uniform(-0.1, 0.1, (2, *u.shape)).astype(np.float32)
    state = State(np.stack([u, 1 - u]), np.stack([p, -p], axis=1), np.array([0.2, -0.1]))
    back = BinaryEngine(problem, state).export()
    np.testing.assert_array_equal(back.u, state.u)
    np.testing.assert_array_equal(back.p, state.p)
    np.testing.assert_array_equal(back.price, state.price)


@pytest.mark.parametrize("tissues", [2, 3, 4, 5, 6, 9])
def test_rows_are_projected_onto_the_simplex_as_by_a_sort(tissues: int) -> None:
    v = np.random.default_rng(tissues).normal(0, 2, (tissues, 97)).astype(np.float32)
    v[:, :5], v[:, 5] = np.eye(tissues, 5), 0.25
    theta, total = np.empty((2, 97), np.float32)
    project_rows(v, theta, total, np.empty_like(v))
    projected = np.maximum(v - theta, 0)
    np.testing.assert_allclose(projected.sum(0), 1, atol=1e-5)
    # Of all points of the simplex the nearest is the one with ⟨v − w, z − w⟩ ≤ 0 at each corner z.
    towards = (v - projected) - ((v - projected) * projected).sum(0)
    assert towards.max() < 1e-4
