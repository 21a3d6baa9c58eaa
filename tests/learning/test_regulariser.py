"""A regulariser learns from hidden blocks alone, is tested on other images, and says how it did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.demo import tumour_nest
from napari_vslp.energy.terms.regulariser import load_regulariser
from napari_vslp.energy.terms.tdv import TDVShape
from napari_vslp.learning.regulariser.gate import Candidate, blind_spot_costs, judge
from napari_vslp.learning.regulariser.learner import make_regulariser
from napari_vslp.learning.regulariser.train import (
    Recipe,
    Sample,
    check_samples,
    train_regulariser,
    tune_smoothness,
)
from tests.energy.problems import random_problem

TINY = Recipe(TDVShape(channels=3, scales=2), steps=3, batch=2, crop_px=40)


def sample(seed: int, tissues: int = 2, shape: tuple[int, int] = (56, 60)) -> Sample:
    confidence = np.exp(-random_problem(tissues, shape, seed=seed).cost).astype(np.float32)
    confidence /= confidence.sum(0)
    image = np.repeat((255 * confidence[0]).astype(np.uint8)[:, :, None], 3, axis=2)
    return Sample(image, confidence, np.ones(shape, np.float32))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [sample(seed) for seed in range(10)]


def test_the_same_seed_learns_the_same(samples) -> None:
    losses: list[float] = []
    first = train_regulariser(
        samples, 2.0, TINY, job=Job(), check=lambda _, loss: losses.append(loss)
    )
    again = train_regulariser(samples, 2.0, TINY, job=Job())
    other = train_regulariser(samples, 2.0, replace(TINY, seed=1), job=Job())
    assert len(losses) == TINY.steps
    for name, value in first.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    assert not torch.equal(other.readout, first.readout)


def test_it_learns_where_there_is_something_to_learn(samples) -> None:
    losses: list[float] = []
    recipe = Recipe(TDVShape(channels=4, scales=1), steps=30, batch=4, crop_px=40, rate=1e-2)
    train_regulariser(samples, 2.0, recipe, job=Job(), check=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.97 * np.mean(losses[:10])


@pytest.mark.parametrize("tissues", [3, 4])
def test_it_learns_from_any_number_of_tissues(tissues: int) -> None:
    shape = TDVShape(channels=3, scales=2, confidence=True)
    many = [sample(seed, tissues) for seed in range(2)]
    train_regulariser(many, 2.0, replace(TINY, shape=shape), job=Job())


def test_the_smoothness_is_tuned_over_all_images(samples) -> None:
    best, scores = tune_smoothness(samples, candidates=(0.5, 2.0, 32.0), job=Job())
    assert best in {0.5, 2.0}
    assert scores[32.0].mean > scores[best].mean


def test_only_a_clear_gain_is_accepted() -> None:
    plain = np.random.default_rng(0).uniform(0.1, 0.3, 50)
    better = plain - 0.01 + np.random.default_rng(1).normal(0, 0.01, 50)
    assert judge(plain, better).accepted
    assert not judge(plain, plain + np.random.default_rng(2).normal(0, 0.01, 50)).accepted
    assert not judge(better, plain).accepted
    assert judge(plain, better).figures()["difference"] == pytest.approx((better - plain).mean())


def test_rivals_are_tested_on_the_same_blocks(samples) -> None:
    costs = [blind_spot_costs(samples, Candidate(2.0), seed=3, job=Job()) for _ in range(2)]
    np.testing.assert_array_equal(*costs)
    untaught = train_regulariser(samples, 2.0, TINY, job=Job())
    none = blind_spot_costs(samples, Candidate(2.0, untaught, 0.0), seed=3, job=Job())
    assert none.mean() == pytest.approx(costs[0].mean(), rel=0.02)


def test_a_file_is_written_with_its_verdict(samples, tmp_path) -> None:
    path = tmp_path / "shapes.safetensors"
    verdict, _ = make_regulariser(samples, path, recipe=TINY, data="made up", job=Job())
    _, card = load_regulariser(path)
    assert card.accepted == verdict.accepted
    assert card.figures == verdict.figures()
    assert verdict.images == 2
    assert card.data == "made up"


def test_a_cancelled_training_writes_nothing(samples, tmp_path) -> None:
    token = CancelToken()

    def listen(progress) -> None:
        if progress.stage == "Learning shapes":
            token.cancel()

    with pytest.raises(Cancelled):
        make_regulariser(samples, tmp_path / "x", recipe=TINY, job=Job(token, listen))
    assert not list(tmp_path.iterdir())


def test_what_cannot_teach_is_refused_in_a_sentence(samples, tmp_path) -> None:
    with pytest.raises(VslpError, match="at least 10 images"):
        make_regulariser(samples[:9], tmp_path / "x", recipe=TINY, job=Job())
    with pytest.raises(VslpError, match="at least two"):
        check_samples(samples[:1], 40)
    with pytest.raises(VslpError, match="only 30 px"):
        check_samples([*samples, sample(0, shape=(30, 60))], 40)
    with pytest.raises(VslpError, match="same tissues"):
        check_samples([*samples, sample(0, tissues=3)], 40)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["no.csv"], "no.csv"),
        (["no.csv", "--steps", "0"], "The number of steps must be a whole number of at least 1"),
        (["no.csv", "--out", "nowhere/x.safetensors"], "nowhere"),
    ],
)
def test_the_command_refuses_in_a_sentence(typed, says, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["regulariser", "--out", "x.safetensors", *typed]) == 2
    assert says in capsys.readouterr().err


def test_the_command_learns_from_a_table(tmp_path, capsys) -> None:
    image = tumour_nest().image
    rows = ["image,gland,other"]
    for index in range(10):
        part = image[64 * index : 64 * index + 64, :70]
        Image.fromarray(part).save(tmp_path / f"{index}.png")
        rows.append(f"{index}.png,0.5,0.5")
    (tmp_path / "shares.csv").write_text("\n".join(rows))
    out = tmp_path / "shapes.safetensors"
    typed = ["regulariser", str(tmp_path / "shares.csv"), "--out", str(out), "--steps", "1"]
    assert main(typed) == 0
    told = capsys.readouterr()
    assert "its test on 2 other images" in told.err
    assert str(out) in told.out
    _, card = load_regulariser(out)
    assert "10 images of shares.csv" in card.data
