"""The learned regulariser: its gradient, its file, and the descent of the true energy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.problem import OUTSIDE, Problem
from napari_vslp.energy.solver import Stop
from napari_vslp.energy.terms.linearised import TermsWarm, convex_energy, minimise_with_terms
from napari_vslp.energy.terms.regulariser import (
    BoundTDV,
    RegulariserCard,
    load_regulariser,
    save_regulariser,
)
from napari_vslp.energy.terms.tdv import TDV, Frame, TDVShape
from tests.energy.problems import random_problem


def network(shape: TDVShape, seed: int = 0) -> TDV:
    torch.manual_seed(seed)
    made = TDV(shape)
    with torch.no_grad():
        made.readout.mul_(10)
    return made.eval().requires_grad_(requires_grad=False)


def bound(problem: Problem, strength: float, seed: int = 0) -> BoundTDV:
    rng = np.random.default_rng(seed)
    _, height, width = problem.cost.shape
    evidence = np.exp(-problem.cost)
    return BoundTDV(
        network(TDVShape(channels=4), seed),
        strength,
        image=rng.integers(0, 255, (height, width, 3), np.uint8),
        evidence=evidence / evidence.sum(0),
        inside=problem.tv_weight >= 0,
    )


def convex_solve(problem, warm, moving):
    if moving:
        return minimise_live(problem, warm)
    return minimise(problem, warm=warm, stop=Stop(1e-3, 400))


@pytest.mark.parametrize(
    "shape",
    [
        TDVShape(channels=5, blocks=2),
        TDVShape(channels=3, scales=1, image=False),
        TDVShape(channels=4, scales=2, confidence=True),
    ],
)
@pytest.mark.parametrize("holes", [False, True])
def test_the_written_gradient_is_that_of_the_energy(shape: TDVShape, holes: bool) -> None:
    torch.manual_seed(1)
    tdv = TDV(shape).double()
    inside = np.ones((21, 30), bool)
    if holes:
        inside[4:11, 3:9] = False
    frame = Frame(inside, shape.multiple)
    frame.counted = frame.counted.double()
    u = torch.rand(3, 21, 30, dtype=torch.float64, requires_grad=True)
    shown = torch.randn(3, max(1, shape.shown), *frame.shape, dtype=torch.float64)
    energy, gradient = tdv.energy_and_gradient(u, tdv.look(shown), frame)
    (expected,) = torch.autograd.grad(energy.sum(), u)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)
    assert (energy >= 0).all()
    assert (energy[:, ~torch.from_numpy(inside)] == 0).all()


def test_the_first_filters_have_no_mean_and_bounded_norm() -> None:
    tdv = TDV(TDVShape(channels=6))
    with torch.no_grad():
        tdv.filters.mul_(100)
    filters = tdv.first_filters()
    torch.testing.assert_close(filters.mean((2, 3)), torch.zeros(6, 1), atol=1e-6, rtol=0)
    assert (filters.square().sum((1, 2, 3)) <= 1 + 1e-5).all()


def test_constant_labels_cost_nothing_without_an_image() -> None:
    frame = Frame(np.ones((16, 16), bool), 4)
    energy, _ = network(TDVShape(channels=4, image=False)).energy_and_gradient(
        torch.full((1, 16, 16), 0.7), 0.0, frame
    )
    assert float(energy.max()) < 1e-10


@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_one_file_serves_any_number_of_tissues_in_any_order(tissues: int) -> None:
    problem = random_problem(tissues, (24, 28))
    term = bound(problem, 1.0)
    u = np.random.default_rng(0).dirichlet(np.ones(tissues), (24, 28))
    u = np.ascontiguousarray(u.transpose(2, 0, 1), np.float32)
    energy, gradient = term.value_and_gradient(u)
    other = bound(replace(problem, cost=np.ascontiguousarray(problem.cost[::-1])), 1.0)
    turned, turned_gradient = other.value_and_gradient(np.ascontiguousarray(u[::-1]))
    np.testing.assert_allclose(turned, energy, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(turned_gradient[::-1], gradient, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(term.value(u), energy, rtol=1e-5, atol=1e-6)


def test_what_lies_outside_the_tissue_changes_nothing() -> None:
    problem = random_problem(2, (24, 28))
    problem.tv_weight[:10, :12] = OUTSIDE
    term = bound(problem, 1.0)
    u = np.random.default_rng(0).random((2, 24, 28), np.float32)
    other = u.copy()
    other[:, :10, :12] = 0.5
    shown, hidden = term.value_and_gradient(u), term.value_and_gradient(other)
    for before, after in zip(shown, hidden, strict=True):
        np.testing.assert_array_equal(before, after)
    assert (shown[1][:, :10, :12] == 0).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["measured", "interval", "quadratic", "none"])
def test_the_energy_never_rises(seed: int, mode: str) -> None:
    tissues = 2 + seed % 3
    problem = random_problem(tissues, (32, 36), smoothness=seed % 4, mode=mode, seed=seed)
    if seed % 2:
        problem.tv_weight[5:15, 8:20] = OUTSIDE
    term = bound(problem, [0.3, 1.0, 5.0][seed % 3], seed)
    found, warm = minimise_with_terms(problem, {"learned": term}, convex_solve, rounds=4)
    assert (np.diff(found.energies) <= 0).all()
    audit, state = found.solution.certificate, found.solution.state
    assert audit.objective == found.energies[-1]
    np.testing.assert_allclose(state.u.sum(0), 1, atol=1e-4)
    learned, total = found.maps["learned"]
    np.testing.assert_allclose(learned, term.value(state.u), rtol=1e-4, atol=1e-5)
    assert total == pytest.approx(learned.sum(dtype=np.float64))
    assert (learned >= 0).all()
    for shown in (audit.fidelity, audit.regularisation, audit.gap_map):
        assert (shown >= 0).all()
    assert warm.given is problem.cost


def test_without_strength_it_is_the_plain_solution() -> None:
    problem = random_problem(3, (40, 40), mode="interval")
    found, _ = minimise_with_terms(problem, {"learned": bound(problem, 0.0)}, convex_solve)
    plain, _ = convex_solve(problem, None, False)
    assert len(found.energies) == 1
    assert found.energies[0] == pytest.approx(plain.certificate.objective, rel=2e-3)
    assert found.maps["learned"][1] == 0


def test_the_energy_is_the_solvers() -> None:
    for anisotropic in (False, True):
        problem = random_problem(3, (40, 44), anisotropic=anisotropic, seed=3)
        problem.tv_weight[:8] = OUTSIDE
        found, _ = convex_solve(problem, None, False)
        ours = convex_energy(problem, found.state.u, found.state.price)
        assert ours == pytest.approx(found.certificate.objective, rel=1e-4)


def test_an_absent_tissue_stays_absent() -> None:
    problem = random_problem(3, (32, 32), mode="interval")
    high = problem.penalty.high.copy()
    high[2] = 0
    low = np.where(high == 0, 0, 0.2)
    penalty = replace(problem.penalty, low=low, high=np.array([0.8, 0.8, 0]))
    problem = replace(problem, penalty=penalty)
    found, _ = minimise_with_terms(problem, {"learned": bound(problem, 1.0)}, convex_solve)
    assert found.solution.state.u[2].max() < 1e-5
    assert found.solution.certificate.gap >= 0


def test_a_moving_slider_keeps_the_last_tangent() -> None:
    problem = random_problem(3, (32, 32), mode="interval")
    term = bound(problem, 1.0)
    _, warm = minimise_with_terms(problem, {"learned": term}, convex_solve)
    moved = replace(problem, penalty=replace(problem.penalty, low=problem.penalty.low * 0.9))
    found, after = minimise_with_terms(moved, {"learned": term}, convex_solve, warm=warm, live=True)
    assert isinstance(after, TermsWarm)
    assert after.gradient is warm.gradient
    assert len(found.energies) == 1
    again, third = minimise_with_terms(moved, {"learned": term}, convex_solve, warm=after)
    assert third.gradient is not warm.gradient
    assert again.energies[-1] <= again.energies[0]


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    problem = random_problem(2, (32, 32))
    term = bound(problem, 1.0)

    def solve(convex, warm, moving):
        token.cancel()
        return minimise(convex, warm=warm, stop=Stop(1e-3, 50))

    with pytest.raises(Cancelled):
        minimise_with_terms(problem, {"learned": term}, solve, job=Job(token))


CARD = RegulariserCard(TDVShape(channels=4), 0.1, 2.0, accepted=True, figures={"images": 3.0})


def test_a_file_comes_back_as_it_was(tmp_path) -> None:
    path, written = tmp_path / "shapes.safetensors", network(CARD.shape)
    save_regulariser(path, written, CARD)
    read, card = load_regulariser(path)
    assert card == CARD
    assert not [p for p in tmp_path.iterdir() if p != path]
    for name, value in written.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], value)


def _damaged(path, kind):
    tensors = network(CARD.shape).state_dict()
    card = {"format": "napari-vslp regulariser 1", "shape": {"channels": 4}, "strength": 0.1}
    card |= {"smoothness": 2.0, "accepted": True}
    if kind == "cut":
        save_regulariser(path, network(CARD.shape), CARD)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "text":
        path.write_text("not a regulariser")
    elif kind == "other":
        save_file(tensors, path)
    elif kind == "nan":
        save_file({k: v * np.nan for k, v in tensors.items()}, path, {"napari-vslp": _json(card)})
    else:
        changes = {
            "version": {"format": "napari-vslp regulariser 99"},
            "shape": {"shape": {"channels": 7}},
            "card": {"shape": 3},
            "huge": {"shape": {"channels": 10**9}},
            "field": {"colour": "red"},
        }
        save_file(tensors, path, {"napari-vslp": _json(card | changes[kind])})


def _json(card):
    return json.dumps(card)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("cut", "damaged"),
        ("text", "damaged"),
        ("other", "no regulariser"),
        ("version", "another version"),
        ("shape", "do not fit"),
        ("card", "damaged"),
        ("huge", "cannot be meant"),
        ("field", "damaged"),
        ("nan", "no numbers"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, kind, says) -> None:
    path = tmp_path / "shapes.safetensors"
    _damaged(path, kind)
    with pytest.raises(VslpError, match=says):
        load_regulariser(path)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(VslpError, match="no readable regulariser file"):
        load_regulariser(tmp_path / "nowhere.safetensors")
