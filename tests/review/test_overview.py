from __future__ import annotations

import numpy as np
import pytest

from napari_vslp.review.overview import BINS, energy_by_tissue
from tests.made import with_terms
from tests.review.made import confidences, solved


def test_the_energies_of_the_tissues_add_up_to_those_of_the_result():
    result = solved()
    found = energy_by_tissue(result)
    assert [t.name for t in found.tissues] == ["gland", "stroma", "tumour"]
    assert sum(t.fidelity for t in found.tissues) == pytest.approx(result.energy.fidelity, rel=1e-4)
    assert sum(t.regularisation for t in found.tissues) == pytest.approx(
        result.energy.regularisation, rel=1e-4
    )
    assert sum(t.pixels for t in found.tissues) == result.labels.size


def test_the_shares_of_each_tissue_sum_to_one():
    found = energy_by_tissue(solved())
    assert len(found.edges) == BINS + 1
    for tissue in found.tissues:
        assert tissue.share.shape == (BINS,)
        assert tissue.share.sum() == pytest.approx(1)


def test_a_tissue_that_is_not_there_has_nothing():
    found = energy_by_tissue(solved(confidences(3), (0.5, 0.5, 0.0)))
    gone = found.tissues[2]
    assert (gone.pixels, gone.total) == (0, 0)
    assert not gone.share.any()


def test_an_image_without_any_energy_has_a_histogram():
    result = solved()
    zero = np.zeros_like(result.margin)
    found = energy_by_tissue(with_terms(result, fidelity=zero, regularisation=zero))
    assert found.edges[-1] > 0
    assert all(t.share[0] == 1 for t in found.tissues)


def test_what_lies_outside_the_tissue_counts_nowhere():
    white = np.zeros((64, 80))
    white[:, :30] = 1
    result = solved(white=white, tissue_only=True)
    assert sum(t.pixels for t in energy_by_tissue(result).tissues) == (result.labels > 0).sum()
