"""A penalty that the package does not know: one class here, one line that registers it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp import cli
from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.penalties.contract import PerTissue, penalty_of
from napari_vslp.energy.problem import OUTSIDE, Problem, check_fixed, without_absent
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop, solve
from tests.energy.problems import random_problem

WIDTH = 0.05
STOP = Stop(1e-4, 3000)


class Huber(PerTissue):
    """ρ h(a_k − π_k), summed: h(d) = d²/2δ for |d| ≤ δ = 0.05, |d| − δ/2 beyond."""

    def step(self, z, kappa):
        """Return the proximal step."""
        shrunk = (z + kappa * self.target) / (1 + kappa * WIDTH / self.rho)
        return np.clip(shrunk, -self.rho, self.rho)

    def step_on_device(self, kappa, like):
        """Return the same on tensors."""
        target, rho = self.on_device(kappa * self.target, like), self.rho
        return lambda z: ((z + target) / (1 + kappa * WIDTH / rho)).clamp(-rho, rho)

    def dual(self, price):
        """Return φ·π − δ‖φ‖²/2ρ, for ‖φ‖∞ ≤ ρ."""
        return float(price @ self.target - WIDTH * price @ price / (2 * self.rho))

    def value(self, area, price):
        """Return F(a)."""
        off = np.abs(area - self.target)
        cost = np.where(off <= WIDTH, off**2 / (2 * WIDTH), off - WIDTH / 2)
        return float(self.rho * cost.sum())


@pytest.fixture(autouse=True)
def registered():
    PENALTIES.add("huber", Huber)
    yield
    PENALTIES.remove("huber")


def asked(problem: Problem, target) -> Problem:
    target = np.asarray(target)
    return replace(problem, penalty=PENALTIES.get("huber")(target, target, target, 0.8))


@pytest.mark.parametrize("smoothness", [0.0, 2.0])
@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_all_engines_solve_with_it_to_the_same_energy(tissues: int, smoothness: float) -> None:
    problem = random_problem(tissues, (48, 56), smoothness, mode="huber", shift=0.4)
    assert isinstance(problem.penalty, Huber)
    ours, theirs = (minimise(problem, stop=STOP, backend=b)[0] for b in ("numba", "torch"))
    for found in (ours, theirs):
        assert 0 <= found.certificate.relative_gap <= 1e-4
        assert found.certificate.gap >= 0
        assert found.certificate.violation == 0
    assert ours.certificate.objective == pytest.approx(theirs.certificate.objective, rel=2e-4)
    np.testing.assert_allclose(ours.state.price, theirs.state.price, atol=0.02)


@pytest.mark.parametrize("tissues", [2, 4])
def test_both_backends_take_the_same_steps(tissues: int) -> None:
    problem = random_problem(tissues, (40, 33), mode="huber", shift=0.4)
    stop = Stop(1e-12, 60, windows=False)
    ours, theirs = (solve(problem, stop=stop, backend=b) for b in ("numba", "torch"))
    np.testing.assert_allclose(ours.state.u, theirs.state.u, atol=2e-4)
    np.testing.assert_allclose(ours.state.price, theirs.state.price, atol=2e-4)


def test_its_step_on_a_device_is_its_step() -> None:
    penalty = asked(random_problem(3, (16, 16)), [0.5, 0.3, 0.2]).penalty
    z = np.array([-3.0, 0.01, 0.4])
    step = penalty.step_on_device(0.5, torch.zeros(3, dtype=torch.float64))
    np.testing.assert_allclose(step(torch.as_tensor(z)).numpy(), penalty.step(z, 0.5))


def test_it_lies_between_the_image_and_the_numbers() -> None:
    problem = random_problem(3, (48, 56), mode="none")
    free, _ = minimise(problem, stop=STOP)
    drawn, _ = minimise(asked(problem, [0.6, 0.2, 0.2]), stop=STOP)
    assert free.certificate.area[0] < drawn.certificate.area[0] < 0.6 + 1e-3


@pytest.mark.parametrize("tissues", [2, 3])
def test_a_moving_slider_follows_it(tissues: int) -> None:
    problem = random_problem(tissues, (64, 64), mode="huber")
    _, warm = minimise(problem, stop=STOP)
    moved = asked(problem, problem.penalty.target + np.eye(tissues)[0] * 0.1 - 0.1 / tissues)
    shown, after = minimise_live(moved, warm)
    best, _ = minimise(moved, warm=after, stop=STOP)
    assert 0 <= shown.certificate.relative_gap < 2e-2
    np.testing.assert_allclose(shown.certificate.area, best.certificate.area, atol=0.02)


def test_its_labels_are_free_and_no_paint_contradicts_it() -> None:
    problem = random_problem(3, (32, 32), mode="huber")
    same, kept = without_absent(asked(problem, [0.0, 0.5, 0.5]))
    assert kept.all()
    assert same.cost is problem.cost
    inside = problem.tv_weight >= 0
    u = np.exp(-problem.cost)
    labels = round_labels(u, u, inside, *problem.penalty.bounds())
    np.testing.assert_array_equal(labels, u.argmax(0) + 1)
    table = (Tissue("a", 0.1), Tissue("b", 0.5), Tissue("c", 0.4))
    painted = np.ones((32, 32), np.uint8)
    check_fixed(painted, inside, table, penalty_of(table, "huber", 1.0))


def test_outside_and_absent_tissues_do_not_matter() -> None:
    problem = random_problem(3, (40, 40), mode="huber")
    problem.tv_weight[:, 20:] = OUTSIDE
    found, _ = minimise(problem, stop=STOP)
    assert found.certificate.area.sum() == pytest.approx(1, abs=1e-5)


def test_the_command_line_offers_it(tmp_path, capsys) -> None:
    assert Settings(trust="huber").trust == "huber"
    picture, out = tmp_path / "image.png", tmp_path / "out"
    Image.fromarray(tumour_nest().image[:64, :64]).save(picture)
    typed = ["--tissue", "gland=60±5", "--tissue", "other=40±5", "--no-augmentation", "--quiet"]
    command = ["segment", str(picture), "--out", str(out), *typed, "--trust", "huber"]
    assert cli.main(command) == 0, capsys.readouterr().err
    told = json.loads((out / "summary.json").read_text())
    assert told["settings"]["trust"] == "huber"
