"""Weak labels: how they are written, moved and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.core.errors import VslpError
from napari_vslp.core.sliders import share_change
from napari_vslp.core.tissues import (
    Click,
    Tissue,
    check_clicks,
    check_tissues,
    parse_click,
    parse_tissue,
)


@pytest.mark.parametrize(
    ("text", "name", "value", "interval"),
    [
        ("gland=60±5", "gland", 0.6, (0.55, 0.65)),
        ("gland=60+-5", "gland", 0.6, (0.55, 0.65)),
        ("gland=60+/-5", "gland", 0.6, (0.55, 0.65)),
        (" gland = 60 % ± 5 % ", "gland", 0.6, (0.55, 0.65)),
        ("other=40", "other", 0.4, (0.4, 0.4)),
        ("other=2.5", "other", 0.025, (0.025, 0.025)),
        ("autre=2,5±1", "autre", 0.025, (0.015, 0.035)),
        ("rare=3±5", "rare", 0.03, (0.0, 0.08)),
        ("most=98±5", "most", 0.98, (0.93, 1.0)),
        ("gland=?", "gland", None, (0.0, 1.0)),
        ("tumour nest=30±10", "tumour nest", 0.3, (0.2, 0.4)),
        ("fat=0", "fat", 0.0, (0.0, 0.0)),
        ("fat=0±4", "fat", 0.02, (0.0, 0.04)),
    ],
)
def test_a_tissue_is_read_as_it_is_written(text, name, value, interval):
    tissue = parse_tissue(text)
    assert (tissue.name, tissue.value) == (name, pytest.approx(value) if value else value)
    assert tissue.interval == pytest.approx(interval, abs=1e-9)


def test_a_tissue_typed_as_nothing_is_absent_whatever_its_tolerance():
    assert Tissue("fat", 0.0, 0.05).interval == (0.0, 0.0)


@pytest.mark.parametrize(
    "text", ["", "gland", "=40", "gland=", "gland=many", "gland=60±", "gland=-5", "gland=101"]
)
def test_what_is_no_tissue_is_refused_in_one_sentence(text):
    with pytest.raises(VslpError, match=r"\.$"):
        parse_tissue(text)


def test_a_click_is_read_as_it_is_written():
    assert parse_click("tumour nest: 12, 34") == Click("tumour nest", 12, 34)
    assert parse_click("a:-1,5") == Click("a", -1, 5)


@pytest.mark.parametrize("text", ["", "gland", "gland:1", "gland:1,2,3", "gland:a,b", ":1,2"])
def test_what_is_no_click_is_refused(text):
    with pytest.raises(VslpError, match="is not a click"):
        parse_click(text)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ([], "At least two tissues"),
        (["a=100"], "At least two tissues"),
        (["a=50±5", "A =50±5"], "Two tissues are called"),
        (["a=60", "b=50"], "more than 100 %"),
        (["a=60±5", "b=50±4"], "more than 100 %"),
        (["a=20±5", "b=50±4"], "less than 100 %"),
    ],
)
def test_tables_that_cannot_be_met_are_refused(written, said):
    with pytest.raises(VslpError, match=said):
        check_tissues([parse_tissue(text) for text in written])


@pytest.mark.parametrize(
    "written", [["a=60±5", "b=50±5"], ["a=?", "b=?"], ["a=?", "b=30"], ["a=0", "b=100"]]
)
def test_tables_that_can_be_met_pass(written):
    check_tissues([parse_tissue(text) for text in written])


def test_without_trust_the_shares_need_not_add_up():
    check_tissues([Tissue("a", 0.9, 0.0), Tissue("b", 0.9, 0.0)], "none")


@pytest.mark.parametrize(
    "tissue",
    [Tissue(" ", 0.5), Tissue("a", float("nan")), Tissue("a", 1.2), Tissue("a", 0.5, -0.1)],
)
def test_a_tissue_without_name_or_meaning_is_refused(tissue):
    with pytest.raises(VslpError):
        check_tissues([tissue, Tissue("b", 0.5)])


@pytest.mark.parametrize(
    ("clicks", "said"),
    [
        ([Click("a", 10, 0)], "outside the image"),
        ([Click("a", 0, 20)], "outside the image"),
        ([Click("a", -1, 0)], "outside the image"),
        ([Click("c", 0, 0)], "not among a, b"),
        ([Click("a", 3, 4), Click("b", 3, 4)], "both clicked at row 3, column 4"),
    ],
)
def test_clicks_that_contradict_are_refused(clicks, said):
    with pytest.raises(VslpError, match=said):
        check_clicks(clicks, [Tissue("a"), Tissue("b")], (10, 20))


def test_clicks_at_the_corners_and_twice_in_one_place_pass():
    clicks = [Click("a", 0, 0), Click("b", 9, 19), Click("a", 0, 0)]
    check_clicks(clicks, [Tissue("a"), Tissue("b")], (10, 20))


@st.composite
def tables(draw):
    """Draw tissues whose shares sum to 1, some locked, with one slider and where it is moved."""
    weights = draw(st.lists(st.integers(0, 100), min_size=2, max_size=6).filter(sum))
    locks = [draw(st.booleans()) for _ in weights]
    tissues = [
        Tissue(f"t{i}", weight / sum(weights), locked=lock)
        for i, (weight, lock) in enumerate(zip(weights, locks, strict=True))
    ]
    return tissues, draw(st.integers(0, len(tissues) - 1)), draw(st.floats(-0.5, 1.5))


@given(tables())
def test_moving_a_slider_keeps_the_sum_and_the_locked_ones(drawn):
    tissues, index, value = drawn
    moved = share_change(tissues, index, value)
    assert sum(t.value for t in moved) == pytest.approx(1, abs=1e-9)
    assert all(t.value >= 0 for t in moved)
    for i, (before, after) in enumerate(zip(tissues, moved, strict=True)):
        assert after.name == before.name
        if before.locked and i != index:
            assert after.value == before.value


@given(tables())
def test_others_share_the_change_in_proportion(drawn):
    tissues, index, value = drawn
    moved = share_change(tissues, index, value)
    free = [i for i, t in enumerate(tissues) if i != index and not t.locked]
    total = sum(tissues[i].value for i in free)
    left = sum(moved[i].value for i in free)
    for i in free if total > 0 else []:
        assert moved[i].value == pytest.approx(left * tissues[i].value / total, abs=1e-9)


def test_a_slider_goes_where_it_is_moved_if_there_is_room():
    tissues = [Tissue("a", 0.5), Tissue("b", 0.3), Tissue("c", 0.2, locked=True)]
    assert [t.value for t in share_change(tissues, 0, 0.6)] == pytest.approx([0.6, 0.2, 0.2])
    assert [t.value for t in share_change(tissues, 0, 0.9)] == pytest.approx([0.8, 0.0, 0.2])


def test_an_unknown_tissue_takes_what_is_left():
    tissues = [Tissue("a", 0.5), Tissue("b", 0.3), Tissue("c")]
    assert [t.value for t in share_change(tissues, 0, 0.6)] == [0.6, 0.3, None]
    assert [t.value for t in share_change(tissues, 0, 0.9)][1] == pytest.approx(0.1)
