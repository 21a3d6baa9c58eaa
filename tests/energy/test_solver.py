"""The solver: certificates, areas, invariances, exact peers, and two backends that agree."""

from __future__ import annotations

from dataclasses import replace

import maxflow
import numpy as np
import ot
import pytest

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.core.registries import PENALTIES
from napari_vslp.energy.engines.fused import FusedEngine
from napari_vslp.energy.engines.reference import ReferenceEngine
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.penalties.constraints import Interval, Measured
from napari_vslp.energy.problem import OUTSIDE, Problem, State, fix_pixels
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop, solve
from tests.energy.problems import random_problem

MAPS = ("fidelity", "regularisation", "gap_map", "margin")
# λ = 8 under equality is the slowest kind; 3000 iterations is what `Settings` allows by default.
STOP = Stop(1e-4, 3000)


def labels_of(problem: Problem, u: np.ndarray) -> np.ndarray:
    return round_labels(u, np.exp(-problem.cost), problem.tv_weight >= 0, *problem.penalty.bounds())


@pytest.mark.parametrize("mode", PENALTIES.names())
@pytest.mark.parametrize("tissues", [2, 3, 4, 5, 6])
def test_certificate_areas_and_maps(tissues: int, mode: str) -> None:
    problem = random_problem(tissues, mode=mode, seed=tissues)
    found, _ = minimise(problem, stop=STOP)
    audit = found.certificate
    assert 0 <= audit.relative_gap <= 1e-4
    assert audit.gap >= 0
    assert audit.violation <= 1e-3
    np.testing.assert_allclose(found.state.u.sum(0), 1, atol=1e-5)
    assert found.state.u.min() >= 0
    for name in MAPS:
        assert getattr(audit, name).min() >= 0
        assert getattr(audit, name).dtype == np.float32
    priced = problem.cost - found.state.price[:, None, None]
    expected = (found.state.u * priced).sum(0) - priced.min(0)
    assert audit.fidelity.sum() == pytest.approx(expected.sum(), rel=1e-4)


@pytest.mark.parametrize("smoothness", [0.0, 0.5, 2.0, 8.0])
@pytest.mark.parametrize("mode", ["measured", "interval"])
def test_labels_keep_the_areas_to_a_pixel(smoothness: float, mode: str) -> None:
    problem = random_problem(4, smoothness=smoothness, mode=mode, seed=7)
    found, _ = minimise(problem, stop=STOP)
    labels = labels_of(problem, found.state.u)
    areas = np.bincount(labels.ravel(), minlength=5)[1:] / labels.size
    low, high = problem.penalty.bounds()
    slack = 1.01 / labels.size
    assert (areas >= low - slack).all()
    assert (areas <= high + slack).all()


@pytest.mark.parametrize("anisotropic", [False, True])
@pytest.mark.parametrize("mode", PENALTIES.names())
def test_backends_agree(mode: str, anisotropic: bool) -> None:
    problem = random_problem(4, (50, 37), mode=mode, anisotropic=anisotropic)
    problem.tv_weight[10:20, 5:15] = OUTSIDE
    stop = Stop(1e-12, 60, check_every=60)
    fused = solve(problem, stop=stop, backend="numba")
    plain = solve(problem, stop=stop, backend="torch")
    np.testing.assert_allclose(fused.state.u, plain.state.u, atol=1e-4)
    np.testing.assert_allclose(fused.state.p, plain.state.p, atol=1e-4)
    np.testing.assert_allclose(fused.state.price, plain.state.price, atol=1e-4)
    for name in MAPS:
        ours, theirs = getattr(fused.certificate, name), getattr(plain.certificate, name)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert fused.certificate.objective == pytest.approx(plain.certificate.objective, rel=1e-5)


@pytest.mark.parametrize("tissues", [3, 4])
def test_without_boundaries_it_is_optimal_transport(tissues: int) -> None:
    problem = random_problem(tissues, (48, 48), smoothness=0, mode="measured")
    found, _ = minimise(problem, stop=Stop(3e-5, 5000))
    pixels = problem.cost[0].size
    costs = problem.cost.reshape(tissues, -1).T.astype(np.float64)
    exact = pixels * ot.emd2(np.full(pixels, 1 / pixels), problem.penalty.target, costs)
    assert found.certificate.objective == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_two_tissues_reach_the_exact_graph_cut(seed: int) -> None:
    problem = random_problem(2, (64, 64), mode="none", seed=seed, anisotropic=True)
    found, _ = minimise(problem, stop=STOP)
    graph = maxflow.Graph[float]()
    nodes = graph.add_grid_nodes(problem.tv_weight.shape)
    capacity = 2.0 * problem.tv_weight.astype(np.float64)
    for structure in ([[0, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]):
        graph.add_grid_edges(nodes, capacity, np.array(structure), symmetric=True)
    graph.add_grid_tedges(nodes, *problem.cost.astype(np.float64))
    assert found.certificate.objective == pytest.approx(graph.maxflow(), rel=5e-4)


def test_under_equality_a_bias_of_one_tissue_changes_nothing() -> None:
    problem = random_problem(3, mode="measured", tolerance=0)
    biased = replace(problem, cost=problem.cost + np.float32([[[0.7]], [[0.0]], [[-0.2]]]))
    plain, _ = minimise(problem, stop=Stop(1e-5, 5000))
    moved, _ = minimise(biased, stop=Stop(1e-5, 5000))
    same = labels_of(problem, plain.state.u) == labels_of(biased, moved.state.u)
    assert same.mean() > 0.99
    shift = moved.state.price - plain.state.price
    np.testing.assert_allclose(np.diff(shift), [-0.7, -0.2], atol=5e-3)


def test_flipping_the_image_flips_the_energies() -> None:
    problem = random_problem(3, smoothness=2, anisotropic=True)
    # |∇u|₁ of forward differences is symmetric when the weight is even; take a constant one.
    problem = replace(problem, tv_weight=np.ones_like(problem.tv_weight))
    flipped = replace(problem, cost=np.ascontiguousarray(problem.cost[:, ::-1, ::-1]))
    ours, _ = minimise(problem, stop=Stop(1e-5, 5000))
    theirs, _ = minimise(flipped, stop=Stop(1e-5, 5000))
    assert ours.certificate.objective == pytest.approx(theirs.certificate.objective, rel=2e-5)
    agreement = ours.state.u.argmax(0) == theirs.state.u[:, ::-1, ::-1].argmax(0)
    assert agreement.mean() > 0.995


def test_pixels_outside_the_tissue_neither_count_nor_matter() -> None:
    problem = random_problem(3, (40, 60), mode="measured")
    problem.tv_weight[:, 30:] = OUTSIDE
    other = replace(problem, cost=problem.cost.copy())
    other.cost[:, :, 30:] = 5.0
    ours, _ = minimise(problem, stop=STOP)
    theirs, _ = minimise(other, stop=STOP)
    assert ours.certificate.objective == pytest.approx(theirs.certificate.objective, rel=1e-3)
    for name in MAPS:
        assert not getattr(ours.certificate, name)[:, 30:].any()
    areas = ours.state.u[:, :, :30].sum((1, 2)) / (40 * 30)
    np.testing.assert_allclose(areas, problem.penalty.target, atol=1e-3)
    assert not labels_of(problem, ours.state.u)[:, 30:].any()


def test_fixed_pixels_keep_their_tissue() -> None:
    problem = random_problem(3, (40, 40))
    fixed = np.zeros((40, 40), np.uint8)
    fixed[5, 5], fixed[20:24, 20:24], fixed[39, 0] = 1, 3, 2
    bound = replace(problem, cost=fix_pixels(problem.cost, fixed))
    found, _ = minimise(bound, stop=STOP)
    assert found.certificate.relative_gap <= 1e-4
    labels = round_labels(
        found.state.u,
        np.exp(-problem.cost),
        problem.tv_weight >= 0,
        *problem.penalty.bounds(),
        fixed,
    )
    np.testing.assert_array_equal(labels[fixed > 0], fixed[fixed > 0])


def test_a_tissue_with_no_share_is_left_out() -> None:
    problem = random_problem(4, mode="measured")
    target = np.array([0.4, 0.0, 0.35, 0.25])
    found, _ = minimise(replace(problem, penalty=Measured(*[target] * 3)), stop=STOP)
    assert found.certificate.relative_gap <= 1e-4
    assert found.certificate.area[1] == 0
    assert not found.state.u[1].any()


def test_a_single_possible_tissue_fills_the_image() -> None:
    problem = random_problem(2, mode="measured")
    target = np.array([0.0, 1.0])
    found, _ = minimise(replace(problem, penalty=Measured(*[target] * 3)), stop=STOP)
    np.testing.assert_allclose(found.state.u[1], 1, atol=1e-6)
    assert found.certificate.gap == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_tiny_images(shape: tuple[int, int]) -> None:
    problem = random_problem(2, (16, 16))
    small = replace(
        problem,
        cost=np.ascontiguousarray(problem.cost[:, : shape[0], : shape[1]]),
        tv_weight=np.ascontiguousarray(problem.tv_weight[: shape[0], : shape[1]]),
    )
    for backend in ("numba", "torch"):
        found, _ = minimise(small, stop=STOP, backend=backend)
        assert found.certificate.relative_gap <= 1e-3
        assert np.isfinite(found.state.u).all()


def test_shadow_price_is_the_slope_of_the_optimal_energy() -> None:
    problem = random_problem(2, mode="measured", smoothness=1)
    energies = []
    step = 0.01
    for share in (0.5 - step, 0.5, 0.5 + step):
        target = np.array([share, 1 - share])
        asked = replace(problem, penalty=Measured(*[target] * 3))
        found, _ = minimise(asked, stop=Stop(1e-6, 20000))
        energies.append(found.certificate.objective)
        if share == 0.5:
            price = found.state.price
    slope = (energies[2] - energies[0]) / (2 * step)
    # Raising the first share lowers the second: dE/dπ₁ = M (φ₁ − φ₂).
    assert slope == pytest.approx(problem.pixels * (price[0] - price[1]), rel=0.1)


def test_a_start_from_elsewhere_is_made_legal() -> None:
    problem = random_problem(3, (24, 24))
    wild = State(
        np.full(problem.cost.shape, 1 / 3, np.float32),
        np.full((2, *problem.cost.shape), 9.0, np.float32),
        np.array([5.0, -5.0, 0.0]),
    )
    cold = solve(problem, stop=STOP)
    warm = solve(problem, start=wild, stop=STOP)
    assert warm.certificate.objective == pytest.approx(cold.certificate.objective, rel=3e-4)
    assert (wild.p == 9.0).all(), "the caller's state is not changed"


def test_live_moves_come_close_in_thirty_iterations() -> None:
    problem = random_problem(4, (128, 128), mode="interval")
    _, warm = minimise(problem, stop=Stop(1e-3, 500))
    target = problem.penalty.target + np.array([0.03, -0.03, 0, 0])
    penalty = Interval(target - 0.01, target + 0.01, target)
    moved = replace(problem, penalty=penalty)
    live, _ = minimise_live(moved, warm)
    best, _ = minimise(moved, stop=STOP)
    assert live.iterations == 30
    differ = labels_of(moved, live.state.u) != labels_of(moved, best.state.u)
    assert differ.mean() < 0.02


@pytest.mark.parametrize("make", [FusedEngine, ReferenceEngine])
def test_certificate_bounds_every_other_state(make: type) -> None:
    """Weak duality: the bound of one state lies below the energy of any feasible other one."""
    problem = random_problem(3, mode="none")
    found = solve(problem, stop=Stop(1e-4, 500))
    bound = found.certificate.objective - found.certificate.gap
    rng = np.random.default_rng(0)
    for _ in range(5):
        u = rng.dirichlet(np.ones(3), problem.tv_weight.shape).transpose(2, 0, 1)
        state = State(
            np.ascontiguousarray(u, np.float32), np.zeros_like(found.state.p), np.zeros(3)
        )
        other = make(problem, state).certify(Job())
        assert other.objective >= bound


def test_cancel_stops_at_the_next_stripe_and_progress_is_reported() -> None:
    problem = random_problem(3)
    seen: list[Progress] = []
    token = CancelToken()

    def listen(progress: Progress) -> None:
        seen.append(progress)
        token.cancel()

    with pytest.raises(Cancelled):
        solve(problem, stop=Stop(1e-12, 10_000), job=Job(token, listen))
    assert len(seen) == 1
    assert seen[0].iteration == 10
    assert seen[0].gap is not None
    assert seen[0].gap > 0
