"""The smoothness chosen by hiding blocks: what is hidden, what it costs, what is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.energy.blindspot import (
    SIDES_PX,
    Score,
    blind_spot_problem,
    block_costs,
    by_minimising,
    choose_smoothness,
    corrected,
    draw_blocks,
    smoothest,
)
from napari_vslp.energy.problem import OUTSIDE
from tests.energy.problems import random_problem


def noisy(shape=(160, 160), tissues: int = 2, seed: int = 0) -> np.ndarray:
    return np.exp(-random_problem(tissues, shape, seed=seed).cost).astype(np.float32)


def test_a_quarter_is_hidden_in_blocks_of_the_right_size() -> None:
    blocks = draw_blocks((520, 520), np.random.default_rng(0))
    assert 0.2 < (blocks > 0).mean() < 0.27
    sizes = np.bincount(blocks.ravel())[1:]
    sides = np.sqrt(sizes)
    assert set(sides) <= set(range(SIDES_PX[0], SIDES_PX[1] + 1))
    again = draw_blocks((520, 520), np.random.default_rng(0))
    np.testing.assert_array_equal(blocks, again)


def test_the_correction_takes_a_preference_for_one_tissue_away() -> None:
    likely = noisy(tissues=3)
    inside = np.ones(likely.shape[1:], bool)
    biased = likely * np.array([1, 5, 1], np.float32)[:, None, None]
    biased /= biased.sum(0)
    found = corrected(biased, inside)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-3)
    assert np.ptp(found.mean((1, 2))) < np.ptp(biased.mean((1, 2)))


def test_a_right_guess_costs_less_than_a_wrong_one_and_only_tissue_counts() -> None:
    evidence = np.full((2, 40, 40), 0.1, np.float32)
    evidence[0] = 0.9
    blocks = draw_blocks((40, 40), np.random.default_rng(1))
    inside = np.ones((40, 40), bool)
    right, wrong = np.zeros((2, 2, 40, 40), np.float32)
    right[0], wrong[1] = 1, 1
    np.testing.assert_allclose(block_costs(right, evidence, blocks, inside), -np.log(0.9), 1e-5)
    np.testing.assert_allclose(block_costs(wrong, evidence, blocks, inside), -np.log(0.1), 1e-5)
    inside[:] = False
    assert len(block_costs(right, evidence, blocks, inside)) == 0


def test_hidden_pixels_are_filled_from_around() -> None:
    evidence = np.full((2, 52, 52), 0.05, np.float32)
    evidence[0, :, :26], evidence[1, :, 26:] = 0.95, 0.95
    blocks = draw_blocks((52, 52), np.random.default_rng(2))
    problem = blind_spot_problem(evidence, np.ones((52, 52), np.float32), blocks)
    assert (problem.cost[:, blocks > 0] == 0).all()
    u = by_minimising(problem)
    assert (u.argmax(0) == (np.arange(52) >= 26)[None]).mean() > 0.98


def test_of_all_that_cost_about_the_same_the_smoothest_is_taken() -> None:
    means = {1.0: 0.30, 2.0: 0.29, 4.0: 0.31, 8.0: 0.33}
    sure = {s: Score(mean, 0.001) for s, mean in means.items()}
    unsure = {s: Score(mean, 0.011) for s, mean in means.items()}
    assert smoothest(sure) == 2
    assert smoothest(unsure) == 4


def test_a_choice_is_one_of_the_candidates_and_always_the_same() -> None:
    g = np.ones((160, 160), np.float32)
    choice = choose_smoothness(noisy(), g)
    assert choice.smoothness == smoothest(choice.scores)
    assert set(choice.scores) == {1.0, 2.0, 4.0, 8.0, 16.0}
    assert all(score.error > 0 for score in choice.scores.values())
    assert choose_smoothness(noisy(), g, seed=0) == choice


def test_it_is_the_same_for_swapped_tissues() -> None:
    likely, g = noisy(), np.ones((160, 160), np.float32)
    assert choose_smoothness(likely, g).smoothness == (
        choose_smoothness(np.ascontiguousarray(likely[::-1]), g).smoothness
    )


@pytest.mark.parametrize("shape", [(1, 1), (9, 200), (30, 30)])
def test_a_tiny_image_gets_the_usual_smoothness(shape) -> None:
    choice = choose_smoothness(noisy((160, 200))[:, : shape[0], : shape[1]], np.ones(shape, "f4"))
    assert choice.smoothness == 2
    assert not choice.scores


def test_an_image_without_any_difference_gets_the_usual_smoothness() -> None:
    plain = np.full((3, 100, 100), 1 / 3, np.float32)
    assert choose_smoothness(plain, np.ones((100, 100), np.float32)).scores == {}


def test_white_background_is_left_out() -> None:
    g = np.ones((160, 160), np.float32)
    g[:, 60:] = OUTSIDE
    assert choose_smoothness(noisy(), g).scores
    g[:, 2:] = OUTSIDE
    assert not choose_smoothness(noisy(), g).scores


def test_it_tells_how_far_it_is_and_can_be_cancelled() -> None:
    token, seen = CancelToken(), []

    def listen(progress) -> None:
        seen.append(progress.fraction)
        if len(seen) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        choose_smoothness(noisy(), np.ones((160, 160), np.float32), job=Job(token, listen))
    assert seen == sorted(seen)
