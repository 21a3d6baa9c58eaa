"""Weak labels in every form that people write them in Python."""

from __future__ import annotations

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Click, Tissue
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


@pytest.mark.parametrize("given", [{"gland": (0.7, 0.5)}, {"gland": "much"}, ["gland:5"]])
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
    ],
)
def test_clicks(given: object) -> None:
    assert as_clicks(given) == (Click("gland", 12, 34),)
