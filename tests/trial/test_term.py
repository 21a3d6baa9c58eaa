"""A toy term of the energy is minimised and shown everywhere; no file but its own knows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.problem import OUTSIDE
from napari_vslp.energy.solver import Stop
from napari_vslp.energy.terms.contract import active_terms
from napari_vslp.energy.terms.linearised import convex_energy, minimise_with_terms
from napari_vslp.energy.terms.regulariser import BoundTDV, RegulariserCard, save_regulariser
from napari_vslp.energy.terms.tdv import TDV, TDVShape
from napari_vslp.export.results import write_result
from napari_vslp.pipeline import fuse, prepare
from tests.energy.problems import random_problem
from tests.trial.toy_term import BoundLeft, LeftOptions

TISSUES = (Tissue("gland", 0.5, 0.1), Tissue("other", 0.5, 0.1))
FAST = Settings(augmentation=False, tolerance=1e-3, cache=False)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(3).integers(80, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def prepared(picture):
    return prepare(picture, settings=FAST)


def with_weight(weight: float) -> Settings:
    return replace(FAST, extras={"left": LeftOptions(weight)})


def solve(problem, warm, moving):
    return minimise(problem, warm=warm, stop=Stop(1e-4, 1000))


def network(path: Path | None = None) -> TDV:
    torch.manual_seed(0)
    made = TDV(TDVShape(channels=4))
    if path is not None:
        save_regulariser(path, made, RegulariserCard(made.shape, 0.5, 2.0, accepted=True))
    return made.eval().requires_grad_(requires_grad=False)


def test_the_gradient_is_that_of_the_energy() -> None:
    mask = np.ones((6, 7), bool)
    mask[0] = False
    term = BoundLeft(mask, 3.0)
    rng = np.random.default_rng(0)
    u = rng.dirichlet(np.ones(3), (6, 7)).transpose(2, 0, 1).astype(np.float32)
    change = rng.standard_normal(u.shape).astype(np.float32)
    _, gradient = term.value_and_gradient(u)
    ahead, behind = (term.value(u + s * change).sum(dtype=np.float64) for s in (1e-2, -1e-2))
    assert (gradient * change).sum() == pytest.approx((ahead - behind) / 2e-2, rel=1e-3)
    assert not term.value(u)[0].any()


@pytest.mark.parametrize("mode", ["measured", "interval", "kl"])
def test_the_energies_sum_to_the_total_and_never_rise(mode: str) -> None:
    problem = random_problem(3, (40, 44), mode=mode)
    problem.tv_weight[:8] = OUTSIDE
    inside = problem.tv_weight >= 0
    found, _ = minimise_with_terms(problem, {"left": BoundLeft(inside, 2.0)}, solve)
    values, total = found.maps["left"]
    state = found.solution.state
    assert values.shape == inside.shape
    assert total == pytest.approx(values.sum(dtype=np.float64))
    convex = convex_energy(problem, state.u, state.price)
    assert found.energies[-1] == pytest.approx(convex + total, rel=1e-4)
    assert found.solution.certificate.objective == found.energies[-1]
    assert (np.diff(found.energies) <= 0).all()
    plain, _ = solve(problem, None, False)
    without = BoundLeft(inside, 2.0).value(plain.state.u).sum()
    assert total < without


def test_several_terms_are_minimised_together() -> None:
    problem = random_problem(2, (36, 40), mode="interval")
    inside = problem.tv_weight >= 0
    evidence = np.exp(-problem.cost)
    terms = {
        "left": BoundLeft(inside, 2.0),
        "learned": BoundTDV(
            network(),
            1.0,
            image=np.full((36, 40, 3), 200, np.uint8),
            evidence=evidence / evidence.sum(0),
            inside=inside,
        ),
    }
    found, warm = minimise_with_terms(problem, terms, solve)
    assert list(found.maps) == ["left", "learned"]
    assert (np.diff(found.energies) <= 0).all()
    u, price = found.solution.state.u, found.solution.state.price
    totals = sum(total for _, total in found.maps.values())
    assert found.energies[-1] == pytest.approx(convex_energy(problem, u, price) + totals, rel=1e-4)
    whole = sum(term.value_and_gradient(u)[1] for term in terms.values())
    np.testing.assert_allclose(warm.gradient, whole, atol=1e-5)
    moved = replace(problem, penalty=replace(problem.penalty, low=problem.penalty.low * 0.9))
    alone, _ = minimise_with_terms(moved, {"left": terms["left"]}, solve, warm=warm, live=True)
    assert len(alone.energies) >= 1
    assert list(alone.maps) == ["left"], "tangents of other terms are left aside"


def test_it_is_active_when_its_options_say_so(left) -> None:
    assert active_terms(FAST) == ()
    assert [term.name for term in active_terms(with_weight(1.0))] == ["left"]


def test_its_map_is_in_the_result_and_a_file(left, prepared, picture, tmp_path) -> None:
    plain = fuse(prepared, TISSUES, settings=FAST)
    drawn = fuse(prepared, TISSUES, settings=with_weight(5.0))
    assert "left" not in plain.terms
    shown = drawn.terms["left"]
    assert shown.title == "doubt: place"
    assert shown.map.shape == drawn.labels.shape
    assert shown.total == pytest.approx(shown.map.sum(dtype=np.float64))
    assert "The first tissue was expected on the left." in drawn.notes
    half = drawn.labels.shape[1] // 2
    assert (drawn.labels[:, :half] == 1).mean() > (plain.labels[:, :half] == 1).mean()
    write_result(drawn, picture, tmp_path)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "left.tif"), shown.map)


def test_a_moving_slider_keeps_its_tangent(left, prepared) -> None:
    start = fuse(prepared, TISSUES, settings=with_weight(5.0))
    table = (replace(TISSUES[0], value=0.45), replace(TISSUES[1], value=0.55))
    moved = fuse(prepared, table, settings=with_weight(5.0), start=start, live=True)
    assert moved.terms["left"].total > 0
    assert moved.state.gradient is start.state.gradient


def test_it_stands_beside_the_learned_one(left, prepared, tmp_path) -> None:
    path = tmp_path / "shapes.safetensors"
    network(path)
    both = replace(with_weight(5.0), regulariser=str(path))
    result = fuse(prepared, TISSUES, settings=both)
    assert [name for name in result.terms if name in {"left", "learned"}] == ["learned", "left"]


def test_the_command_line_has_its_option_and_writes_its_map(left, picture, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    assert "--left-weight" in capsys.readouterr().out
    Image.fromarray(picture).save(tmp_path / "picture.png")
    words = ["--tissue", "gland=50±10", "--tissue", "other=50±10", "--left-weight", "3"]
    fast = ["--no-augmentation", "--no-cache", "--quiet", "--tolerance", "0.001"]
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path / "picture.png"), *words, *fast, "--out", str(out)]) == 0
    assert (out / "left.tif").is_file()
    assert main(["replay", str(out / "summary.json"), "--quiet"]) == 0
