"""Outlines, judged by shapely: valid, nested, as large as their pixels, without gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_vslp.export.annotations.polygons import components_of, outlines

shapely = pytest.importorskip("shapely", reason="the extra “export” is not installed")

LABELS = arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 3),
)


def drawn(labels):
    """Return the parts of labels, and a shapely polygon of each."""
    parts = outlines(labels, components_of(labels))
    return parts, [shapely.Polygon(part.rings[0], part.rings[1:]) for part in parts]


@settings(max_examples=300, deadline=None)
@given(LABELS)
def test_each_region_is_one_valid_polygon_of_its_own_pixels(labels):
    components = components_of(labels)
    parts, polygons = drawn(labels)
    assert [part.component for part in parts] == list(range(1, components.max() + 1))
    for part, polygon in zip(parts, polygons, strict=True):
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        inside = components == part.component
        assert set(labels[inside]) == {part.label}
        assert polygon.area == inside.sum()
        rows, columns = np.nonzero(inside)
        assert np.all(shapely.contains_xy(polygon, columns + 0.5, rows + 0.5))


@settings(max_examples=200, deadline=None)
@given(LABELS)
def test_neighbours_share_their_corners_and_a_tissue_is_a_valid_whole(labels):
    parts, polygons = drawn(labels)
    assert not parts or shapely.coverage_is_valid(np.array(polygons))
    for label in np.unique(labels[labels > 0]):
        own = [one for part, one in zip(parts, polygons, strict=True) if part.label == label]
        whole = shapely.MultiPolygon(own)
        assert whole.is_valid
        assert whole.area == (labels == label).sum()


def test_outer_rings_go_the_way_that_geojson_asks_for_and_holes_the_other():
    labels = np.ones((5, 5), np.uint8)
    labels[2, 2] = 0
    ((part,), _) = drawn(labels)
    assert [shapely.LinearRing(ring).is_ccw for ring in part.rings] == [True, False]


def test_a_region_that_closes_at_a_corner_has_a_hole_there():
    labels = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.uint8)
    ((part,), (polygon,)) = drawn(labels)
    assert len(part.rings) == 2
    assert polygon.is_valid


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (0, 0)])
def test_nothing_and_all_of_it(shape):
    assert drawn(np.zeros(shape, np.uint8)) == ([], [])
    _, polygons = drawn(np.full(shape, 9, np.uint8))
    assert sum(one.area for one in polygons) == shape[0] * shape[1]
