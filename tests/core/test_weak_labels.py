"""Weak labels in every form that people write them in Python."""

from __future__ import annotations

import math
import unicodedata
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Click, Tissue, check_clicks, check_tissues, parse_click
from napari_vslp.core.weak_labels import as_clicks, as_tissues


@pytest.mark.parametrize(
    ("given", "interval"),
    [
        ({"gland": "60±5"}, (0.55, 0.65)),
        ({"gland": "60 +- 5 %"}, (0.55, 0.65)),
        ({"gland": "?"}, (0.0, 1.0)),
        ({"gland": None}, (0.0, 1.0)),
        ({"gland": 0.6}, (0.6, 0.6)),
        ({"gland": 60}, (0.6, 0.6)),
        ({"gland": (0.5, 0.7)}, (0.5, 0.7)),
        ({"gland": (50, 70)}, (0.5, 0.7)),
        (["gland=60±5"], (0.55, 0.65)),
        ([Tissue("gland", 0.6, 0.05)], (0.55, 0.65)),
        ({"gland": np.int64(60)}, (0.6, 0.6)),
        ({"gland": np.float32(60)}, (0.6, 0.6)),
        ({"gland": np.array(60)}, (0.6, 0.6)),
        ({"gland": Decimal("0.6")}, (0.6, 0.6)),
        ({"gland": Fraction(3, 5)}, (0.6, 0.6)),
        ({"gland": [50, 70]}, (0.5, 0.7)),
        ({"gland": np.array([0.5, 0.7])}, (0.5, 0.7)),
        ([("gland", 60)], (0.6, 0.6)),
        ([("gland", "60±5")], (0.55, 0.65)),
        ((("gland", (50, 70)),), (0.5, 0.7)),
        (pd.Series({"gland": 60}), (0.6, 0.6)),
        (pd.Series({"gland": "60±5"}), (0.55, 0.65)),
    ],
)
def test_tissues(given: object, interval: tuple[float, float]) -> None:
    (tissue,) = as_tissues(given)
    assert tissue.name == "gland"
    assert tissue.interval == pytest.approx(interval)


def test_numbers_are_fractions_only_if_all_are() -> None:
    first, second = as_tissues({"gland": 99.5, "other": 0.5})
    assert (first.value, second.value) == pytest.approx((0.995, 0.005))


def test_strings_get_colours_and_tissues_keep_theirs() -> None:
    kept, made = as_tissues([Tissue("a", 0.5, colour=(1, 2, 3)), "b=50"])
    assert kept.colour == (1, 2, 3)
    assert made.colour != kept.colour


@pytest.mark.parametrize(
    "given",
    [
        {"gland": (0.7, 0.5)},
        {"gland": "much"},
        ["gland:5"],
        {"gland": (0.1, 0.2, 0.3)},
        {"gland": True},
        {"gland": ("a", "b")},
        {"gland": object()},
        "gland=60",
        None,
        5,
        [5],
        [("gland",)],
        pd.DataFrame({"gland": [60]}),
    ],
)
def test_nonsense_is_one_sentence(given: object) -> None:
    with pytest.raises(VslpError, match=r"^[^\n]+\.$"):
        as_tissues(given)


@pytest.mark.parametrize(
    "given",
    [
        [Click("gland", 12, 34)],
        ["gland:12,34"],
        [("gland", 12, 34)],
        {"gland": [(12, 34)]},
        {"gland": np.array([[12, 34]])},
        [("gland", (12, 34))],
        [("gland", 11.5, 34.49)],
        [("gland", np.int64(12), np.float32(33.6))],
        [Click("gland", 12.2, 33.5)],
        ["gland:12.4,33.5"],
        iter([("gland", 12, 34)]),
    ],
)
def test_clicks(given: object) -> None:
    assert as_clicks(given) == (Click("gland", 12, 34),)


def test_no_clicks() -> None:
    assert as_clicks(None) == as_clicks(()) == as_clicks({}) == ()


@pytest.mark.parametrize(
    "given",
    [
        [("gland", 12)],
        [("gland", 12, 34, 56)],
        [("gland", math.nan, 3)],
        [("gland", math.inf, 3)],
        [("gland", "a", 3)],
        [("gland", None, 3)],
        [5],
        5,
        "gland:1,2",
        {"gland": (12, 34)},
        ["gland"],
    ],
)
def test_clicks_that_are_none_are_one_sentence(given: object) -> None:
    with pytest.raises(VslpError, match=r"^[^\n]+\.$"):
        as_clicks(given)


@pytest.mark.parametrize(
    ("text", "tissue"), [("CD3:pos:30,60", "CD3:pos"), ("a:1:30,60", "a:1"), (" x : 30 , 60 ", "x")]
)
def test_names_may_hold_colons(text: str, tissue: str) -> None:
    assert parse_click(text) == Click(tissue, 30, 60)


def test_a_name_is_the_same_however_its_accents_are_coded() -> None:
    one, two = (unicodedata.normalize(form, "Drüse") for form in ("NFC", "NFD"))
    for tissues in (
        {one: 60, "b": 40},
        {two: 60, "b": 40},
        [Tissue(two), "b=?"],
        [f"{two}=?", "b=?"],
    ):
        for clicks in ([(one, 1, 2)], [(two, 1, 2)], {two: [(1, 2)]}, [f"{two}:1,2"]):
            check_clicks(as_clicks(clicks), as_tissues(tissues), (9, 9))
    with pytest.raises(VslpError, match="Two tissues are called"):
        check_tissues([Tissue(one), Tissue(two)])


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\x00b", "a\udce9b", "a\u2028b", "a\x1bb"])
def test_names_that_no_file_can_hold_are_refused(name: str) -> None:
    with pytest.raises(VslpError, match="line break or signs") as caught:
        check_tissues([Tissue(name), Tissue("other")])
    str(caught.value).encode("utf-8")
