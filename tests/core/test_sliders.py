"""The numbers of the table: typed ones stay, whatever is typed or moved beside them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.core import sliders
from napari_vslp.core.tissues import Tissue, admitting

TABLE = (Tissue("a", 0.45), Tissue("b", 0.4), Tissue("c", 0.15))


def values(table):
    return [t.value for t in table]


@pytest.mark.parametrize(
    ("typed", "there", "surplus"),
    [
        ([(0, 0.3), (1, 0.5), (2, 0.2)], [0.3, 0.5, 0.2], 0.0),
        ([(0, 0.3), (1, 0.5), (2, 0.24)], [0.3, 0.5, 0.24], 0.04),
        ([(0, 0.3), (1, 0.5)], [0.3, 0.5, 0.2], 0.0),
        ([(0, 0.7), (1, 0.5)], [0.7, 0.5, 0.0], 0.2),
        ([(0, 0.7), (1, 0.5), (1, 0.2)], [0.7, 0.2, 0.1], 0.0),
        ([(0, 0.1234)], [0.1234, 0.6375, 0.2391], 0.0),
    ],
)
def test_typed_shares_stay_and_the_others_make_up_the_rest(typed, there, surplus):
    table = list(TABLE)
    for index, value in typed:
        table = sliders.typed(table, index, value)
    assert values(table) == pytest.approx(there)
    assert sliders.surplus(table) == pytest.approx(surplus)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10000)), min_size=1, max_size=8))
def test_the_last_number_typed_into_a_row_is_the_one_it_shows(steps):
    table, last = list(TABLE), {}
    for index, hundredths in steps:
        table = sliders.typed(table, index, hundredths / 10000)
        last[index] = hundredths / 10000
    assert {i: table[i].value for i in last} == last
    if len(last) < 3:
        assert sliders.surplus(table) >= 0  # the untouched fill what is missing


@pytest.mark.parametrize("given_", [[0.5, 0.5, 0.3], [0.2, 0.1, 0.1], [0.0, 0.0, 0.0]])
def test_scaling_ends_at_one_and_keeps_the_ratios(given_):
    table = [Tissue(n, v, typed=True) for n, v in zip("abc", given_, strict=True)]
    after = values(sliders.scaled(table))
    assert sum(after) == pytest.approx(1)
    total = sum(given_) or 1
    assert after == pytest.approx([v / total if sum(given_) else 1 / 3 for v in given_], abs=1e-3)


def test_scaling_leaves_a_locked_share_alone_unless_it_is_too_large():
    table = [Tissue("a", 0.5, locked=True), Tissue("b", 0.7, typed=True)]
    assert values(sliders.scaled(table)) == pytest.approx([0.5, 0.5])
    table[0] = replace(table[0], value=1.5)
    assert sum(values(sliders.scaled(table))) == pytest.approx(1)


def test_a_removed_share_goes_to_none_that_was_typed():
    table = [Tissue("a", 0.3, typed=True), Tissue("b", 0.5, typed=True), Tissue("c", 0.2)]
    assert values(sliders.removed(table, 2)) == [0.3, 0.5]
    assert values(sliders.removed(table, 0)) == pytest.approx([0.5, 0.5])


def test_a_new_tissue_takes_what_is_missing_where_all_others_are_typed():
    table = [Tissue("a", 0.3, typed=True), Tissue("b", 0.5, typed=True)]
    assert values(sliders.added(table)) == pytest.approx([0.3, 0.5, 0.2])


def test_beside_an_unknown_share_nothing_is_missing():
    table = [Tissue("a", 0.3, typed=True), Tissue("b")]
    assert sliders.surplus(table) == 0
    assert sliders.surplus([replace(table[0], value=1.1), table[1]]) == pytest.approx(0.1)


def test_a_click_outweighs_an_exact_zero_and_no_other_share():
    table = (Tissue("a", 0.0, 0.0, typed=True), Tissue("b", 0.0), Tissue("c", 1.0, 0.05))
    assert [t.interval for t in admitting(table, {"a", "c"})] == [(0, 1), (0, 0), (0.95, 1)]


def test_typed_zero_with_a_tolerance_is_a_range():
    assert Tissue("fat", 0.0, 0.05, typed=True).interval == (0.0, 0.05)
