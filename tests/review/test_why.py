from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Click
from napari_vslp.review.pixels import runner_up, terms_at
from napari_vslp.review.why import OUTSIDE, sentence, why
from tests.review.made import confidences, solved


@pytest.fixture(scope="module")
def solution():
    return solved(confidences(3, (60, 70), seed=1), tolerance=0.02, offset=(5, 9))


def everywhere(result):
    rows, columns = np.nonzero(result.labels)
    return rows, columns, terms_at(result, rows, columns)


def test_the_parts_add_up_to_the_certified_margin(solution):
    rows, columns, terms = everywhere(solution)
    two = np.sort(terms.total, axis=0)[:2]
    np.testing.assert_allclose(two[1] - two[0], solution.margin[rows, columns], atol=2e-4)


def test_the_boundary_forces_are_the_adjoint_of_the_gradient(solution):
    """Σ_x ∇ᵀp = 0: what one pixel gives its neighbour takes."""
    _, _, terms = everywhere(solution)
    np.testing.assert_allclose(terms.boundary.sum(axis=1), 0, atol=2e-2)


def test_the_tissue_shown_has_nearly_always_the_lowest_sum(solution):
    rows, columns, terms = everywhere(solution)
    shown = solution.labels[rows, columns] - 1
    sure = solution.margin[rows, columns] > 0.05
    assert (terms.total.argmin(axis=0) == shown)[sure].mean() > 0.99


def test_the_runner_up_is_never_the_tissue_shown(solution):
    rows, columns, terms = everywhere(solution)
    shown = (solution.labels[rows, columns] - 1).astype(np.uint8)
    assert (runner_up(terms, shown) != shown).all()


def test_one_pixel_is_explained_in_pixels_of_the_whole_image(solution):
    reason = why(solution, 5 + 20, 9 + 30)
    assert (reason.row, reason.column) == (25, 39)
    assert reason.shown == solution.labels[20, 30] - 1
    assert reason.margin == pytest.approx(float(solution.margin[20, 30]))
    for k, entry in enumerate(reason.costs):
        assert entry.confidence == pytest.approx(float(solution.confidence[k, 20, 30]))
        assert entry.total == pytest.approx(entry.priced + entry.boundary, abs=1e-5)
        assert entry.cost == pytest.approx(-np.log(entry.confidence), abs=1e-5)


@pytest.mark.parametrize("place", [(4, 30), (25, 8), (65, 30), (25, 79), (-1, 0), (400, 400)])
def test_outside_is_refused_in_one_sentence(solution, place):
    with pytest.raises(VslpError, match=OUTSIDE[:20]):
        why(solution, *place)


def test_what_was_left_out_is_refused():
    white = np.zeros((64, 80))
    white[:, :30] = 1
    with pytest.raises(VslpError):
        why(solved(white=white, tissue_only=True), 10, 10)


def test_a_marked_place_says_so():
    result = solved(clicks=(Click("stroma", 12, 13),))
    reason = why(result, 12, 13)
    assert reason.marked
    assert sentence(reason) == "You marked this place as stroma."
    assert reason.costs[0].cost < 20  # of its looks, not of the mark
    assert not why(result, 12, 14).marked
    assert why(replace(result, state=None), 12, 13).marked


def test_a_tissue_that_is_ruled_out_is_no_runner_up():
    result = solved(confidences(3), (0.5, 0.5, 0.0))
    rows, columns, terms = everywhere(result)
    assert not terms.allowed[2]
    assert (runner_up(terms, (result.labels[rows, columns] - 1).astype(np.uint8)) != 2).all()
    assert why(result, 3, 3).costs[2].total == np.inf


def test_a_result_without_its_state_is_explained_from_its_confidences(solution):
    reason = why(replace(solution, state=None), 25, 39)
    assert all(entry.boundary == 0 for entry in reason.costs)


SENTENCES = {
    "could as well": ((0.62, 0.31, 0.07), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0, 0.1),
    "agree.": ((0.62, 0.31, 0.07), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0, 1.0),
    "agree clearly": ((0.9, 0.05, 0.05), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0, 2.9),
    "Its neighbours made it stroma": ((0.6, 0.3, 0.1), (0.0, 0.0, 0.0), (1.0, -1.0, 0.0), 1, 1.0),
    "The shares made it stroma": ((0.6, 0.3, 0.1), (-1.0, 1.0, 0.0), (0.0, 0.0, 0.0), 1, 1.0),
    "neighbours kept it gland": ((0.5, 0.4, 0.1), (-1.0, 1.0, 0.0), (-3.0, 0.0, 0.0), 0, 1.0),
    "The shares and its neighbours": ((0.5, 0.3, 0.2), (-1.0, 1.0, 0.0), (0, 1, -3.0), 2, 1.0),
}


@pytest.mark.parametrize("said", SENTENCES)
def test_the_sentence_names_who_decided(solution, said):
    confidence, price, boundary, shown, margin = SENTENCES[said]
    reason = why(solution, 25, 39)
    costs = tuple(
        replace(
            entry,
            confidence=c,
            cost=-np.log(c),
            price=p,
            boundary=b,
            total=-np.log(c) - p + b,
        )
        for entry, c, p, b in zip(reason.costs, confidence, price, boundary, strict=True)
    )
    told = sentence(replace(reason, costs=costs, shown=shown, margin=margin, runner_up=1))
    assert told.startswith("Looks like gland (")
    assert said in told
