"""Two results side by side: agreement, areas, what became of what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_vslp.core.errors import VslpError
from napari_vslp.evaluation.metrics import dice
from napari_vslp.report.difference import draw_difference
from napari_vslp.review.compare import MOST_PAIRS, Labelled, compare

NAMES = ("tumour", "stroma", "fat")
LABELS = arrays(np.uint8, (6, 7), elements=st.integers(0, 3))


@given(LABELS, LABELS)
def test_the_numbers_are_those_of_the_masks(a, b):
    a[0, 0] = b[0, 0] = 1
    both = (a > 0) & (b > 0)
    found = compare(Labelled(a, NAMES, (2.0, 500.0)), Labelled(b, NAMES))
    assert found.differ == pytest.approx((a != b)[both].mean())
    assert sum(pair.share for pair in found.pairs) == pytest.approx(found.differ)
    np.testing.assert_array_equal(found.difference > 0, both & (a != b))
    np.testing.assert_array_equal(found.compared, both)
    for k, one in enumerate(found.tissues, start=1):
        assert one.dice == pytest.approx(dice((a == k) & both, (b == k) & both))
        assert one.shares == pytest.approx(((a == k)[both].mean(), (b == k)[both].mean()))
        assert one.areas_mm2[0] == pytest.approx(((a == k) & both).sum() * 1e-3)
    back = compare(Labelled(b, NAMES), Labelled(a, NAMES))
    assert [t.dice for t in back.tissues] == [t.dice for t in found.tissues]


def test_tissues_are_the_same_by_name_whatever_their_order(result):
    one = Labelled.of(result)
    order = np.array([0, 3, 1, 2], np.uint8)
    swapped = Labelled(order[one.labels], (one.tissues[1], one.tissues[2], "TUMOUR"))
    same = compare(one, swapped)
    assert (same.differ, same.pairs) == (0.0, ())
    assert all(t.dice == 1.0 for t in same.tissues)
    other = compare(one, Labelled(one.labels, ("bone", *one.tissues[1:])))
    assert [pair.title for pair in other.pairs] == ["tumour → bone"]
    assert [t.name for t in other.tissues] == [*one.tissues, "bone"]
    assert other.tissues[0].dice == other.tissues[3].dice == 0.0


def test_many_kinds_of_difference_are_summed_up_and_drawn():
    names = tuple("abcdefgh")
    rng = np.random.default_rng(0)
    one, two = (Labelled(rng.integers(1, 9, (64, 64)).astype(np.uint8), names) for _ in "ab")
    found = compare(one, two)
    assert len(found.pairs) == MOST_PAIRS + 1
    assert found.pairs[-1].title == "others"
    assert sum(pair.share for pair in found.pairs) == pytest.approx(found.differ)
    drawn = np.asarray(draw_difference(found))[:64, :64]
    wanted = np.array([(226, 226, 222), *(pair.colour for pair in found.pairs)])
    np.testing.assert_array_equal(drawn, wanted[found.difference])


@pytest.mark.parametrize(
    ("two", "said"),
    [(np.ones((3, 4), np.uint8), "4 × 3 px"), (np.zeros((3, 3), np.uint8), "no pixel in common")],
)
def test_what_cannot_be_compared_is_refused(two, said):
    with pytest.raises(VslpError, match=said):
        compare(Labelled(np.ones((3, 3), np.uint8), ("a",)), Labelled(two, ("a",)))
