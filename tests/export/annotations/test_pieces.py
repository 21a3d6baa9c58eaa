"""Polygons without holes: exactly the pixels of the mask, however the holes lie."""

import numpy as np
import pytest
from skimage.morphology import disk

from napari_vslp.export.annotations.pieces import without_holes

shapely = pytest.importorskip("shapely", reason="the extra “export” is not installed")


def check(labels):
    parts = without_holes(labels)
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    found = np.zeros_like(labels)
    for part in parts:
        assert len(part.rings) == 1
        shape = shapely.Polygon(part.rings[0])
        assert shape.is_valid
        inside = shapely.contains_xy(shape, columns.ravel() + 0.5, rows.ravel() + 0.5)
        inside = inside.reshape(labels.shape)
        assert not found[inside].any()
        assert shape.area == inside.sum()
        found[inside] = part.label
    np.testing.assert_array_equal(found, labels)


def test_holes_within_islands_within_holes(awkward):
    check(awkward.labels)


@pytest.mark.parametrize("seed", range(12))
def test_random_labels(seed):
    rng = np.random.default_rng(seed)
    check((rng.random((24, 31)) < (0.3 + 0.05 * seed)).astype(np.uint8) * (1 + seed % 3))


def test_a_region_without_holes_stays_one_piece():
    assert len(without_holes(disk(9).astype(np.uint8))) == 1


def test_nothing_has_no_pieces():
    assert without_holes(np.zeros((5, 5), np.uint8)) == []
