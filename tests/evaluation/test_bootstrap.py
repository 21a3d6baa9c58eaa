"""Intervals of means, beside scipy's, and the ways of typing a share."""

import math

import numpy as np
import pytest
from scipy import stats

from napari_vslp.evaluation.figures import Bootstrap
from napari_vslp.evaluation.rows import ROWS, Row, noisy


def names(count):
    return [f"case {i}" for i in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_the_mean_and_is_scipys(seed):
    values = np.random.default_rng(seed).beta(5, 2, 60)
    found = Bootstrap(names(60), seed).interval(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.low < found.mean < found.high
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile")
    expected = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(20)
    assert Bootstrap(names(20), 3).interval(values) == Bootstrap(names(20), 3).interval(values)
    assert Bootstrap(names(20), 3).interval(values) != Bootstrap(names(20), 4).interval(values)


def test_images_of_one_case_are_no_independent_witnesses():
    values = np.repeat(np.random.default_rng(0).random(15), 8)
    apart = Bootstrap(names(120), 0).interval(values)
    cases = Bootstrap([f"case {i // 8}" for i in range(120)], 0)
    together = cases.interval(values)
    assert cases.cases == 15
    assert together.mean == apart.mean
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_equal_values_have_an_interval_of_no_width():
    found = Bootstrap(names(9), 0).interval(np.full(9, 0.25))
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_one_case_has_no_interval_and_no_figure_none_either():
    alone = Bootstrap(["a", "a"], 0).interval(np.array([0.2, 0.4]))
    assert alone.as_dict() == {"mean": pytest.approx(0.3), "low": None, "high": None}
    missing = Bootstrap(names(3), 0).interval(np.full(3, math.nan))
    assert missing.as_dict() == {"mean": None, "low": None, "high": None}


@pytest.mark.parametrize("own", [(0.3, 0.7), (0.0, 1.0), (1.0, 0.0), (0.2, 0.5, 0.3)])
@pytest.mark.parametrize("points", [5, 10])
def test_noise_stays_a_share_and_within_its_width(own, points):
    own = np.array(own)
    for seed in range(50):
        typed = noisy(own, points, (0, seed))
        assert typed.min() >= 0
        assert typed.sum() == pytest.approx(1)
        if len(own) == 2:
            assert np.abs(typed - own).max() <= points / 100 + 1e-9


def test_noise_reaches_its_width():
    off = [noisy(np.array([0.5, 0.5]), 10, (0, seed))[0] - 0.5 for seed in range(400)]
    assert min(off) < -0.09
    assert max(off) > 0.09
    assert np.std(off) == pytest.approx(0.2 / math.sqrt(12), rel=0.1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
@pytest.mark.parametrize("own", [(0.0, 1.0), (1.0, 0.0), (0.33, 0.33, 0.34), (0.0, 0.004, 0.996)])
def test_every_row_types_a_table_that_can_be_met(row: Row, own):
    from napari_vslp.core.tissues import check_tissues

    tissues = row.table([f"tissue {i}" for i in range(len(own))], np.array(own), (0, 2))
    check_tissues(tissues, row.trust)


def test_tens_are_tens_and_sum_up():
    row = next(row for row in ROWS if row.typed == "tens")
    tissues = row.table(["a", "b", "c"], np.array([0.33, 0.33, 0.34]), (0, 2))
    assert [tissue.interval for tissue in tissues] == [(0.25, 0.35), (0.25, 0.35), (0.35, 0.45)]


def test_a_guess_of_nothing_is_no_statement_that_the_tissue_is_absent():
    row = next(row for row in ROWS if row.typed == "tens")
    absent, rest = row.table(["a", "b"], np.array([0.04, 0.96]), (0, 2))
    assert absent.interval == (0.0, 0.05)
    assert rest.interval == (0.95, 1.0)
