"""Annotations from QuPath: clicks, paint, region, shares; bad files get one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference, Inputs, Paint
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Click, Tissue, coloured
from napari_vslp.export.annotations.geojson import as_geojson
from napari_vslp.export.options import GeoJsonOptions
from napari_vslp.importing.areas import annotation_shares
from napari_vslp.importing.marks import annotation_marks

SHAPE = (40, 60)
TABLE = tuple(coloured([Tissue("Tumour", 0.6), Tissue("Stroma", 0.4)]))
INPUTS = Inputs(ImageReference("nest", shape=SHAPE), TABLE)
SQUARE = [[10, 5], [20, 5], [20, 15], [10, 15], [10, 5]]


def feature(kind, coordinates, tissue="Tumour", **more):
    """Return a feature as QuPath writes it."""
    told = {"objectType": "annotation", **more}
    if tissue:
        told["classification"] = {"name": tissue, "color": [200, 0, 0]}
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "id": "x", "geometry": geometry, "properties": told}


@pytest.fixture
def write(tmp_path):
    """Return what writes features to a file."""

    def to_file(*features, told=None):
        told = {"type": "FeatureCollection", "features": list(features)} if told is None else told
        path = tmp_path / "case.geojson"
        path.write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
        return path

    return to_file


def test_points_are_clicks_shapes_paint_and_a_rectangle_without_class_the_region(write):
    path = write(
        feature("Point", [12.5, 7.9]),
        feature("MultiPoint", [[30, 30], [31.2, 30]], "stroma"),
        feature("Polygon", [SQUARE, [[12, 7], [14, 7], [14, 9], [12, 9], [12, 7]]]),
        feature("LineString", [[40, 20.5], [50, 20.5]], "Stroma"),
        feature("Polygon", [[[0, 0], [60, 0], [60, 30], [0, 30], [0, 0]]], ""),
        feature("Polygon", [SQUARE], "Other", objectType="detection"),
    )
    session = Session(INPUTS)
    found = annotation_marks.read(path, session.inputs)
    assert found.told == "Imported from case.geojson: 3 clicks, 2 painted shapes, the region."
    assert session.apply(found)
    after = session.inputs
    assert after.clicks == (
        Click("Tumour", 7, 12),
        Click("Stroma", 30, 30),
        Click("Stroma", 30, 31),
    )
    assert after.region == (0, 0, 30, 60)
    painted = after.paint.by_position(TABLE)
    assert (painted == 1).sum() == 100 - 4  # the hole stays free
    assert painted[5, 10] == painted[14, 19] == 1
    assert painted[7, 12] == 0
    np.testing.assert_array_equal(np.flatnonzero((painted == 2).any(axis=1)), range(18, 23))
    after.check()
    assert session.undo()
    assert session.inputs == INPUTS


def test_what_was_said_before_stays_beside_what_is_imported(write):
    before = np.zeros(SHAPE, np.uint8)
    before[30:35, 40:45] = 1
    said = Inputs(INPUTS.image, TABLE, (Click("Stroma", 1, 1),), Paint.of(before, ["Stroma"]))
    after = annotation_marks.read(
        write(feature("Polygon", [SQUARE]), feature("Point", [3, 3])), said
    )
    assert after.clicks == (Click("Stroma", 1, 1), Click("Tumour", 3, 3))
    painted = after(said).paint.by_position(TABLE)
    assert (painted == 2).sum() == 25
    assert (painted == 1).sum() == 100


def test_what_was_exported_comes_back_to_the_pixel(result, write):
    told = as_geojson(result, GeoJsonOptions(by_region=True))
    inputs = Inputs(ImageReference(shape=result.image_shape), result.tissues)
    paint = annotation_marks.read(write(told=told), inputs).paint.by_position(result.tissues)
    top, left, bottom, right = result.region
    np.testing.assert_array_equal(paint[top:bottom, left:right], result.labels)
    assert np.count_nonzero(paint) == np.count_nonzero(result.labels)


def test_areas_of_annotations_are_shares_of_what_is_annotated(write):
    half = [[20, 5], [25, 5], [25, 15], [20, 15], [20, 5]]
    path = write(feature("Polygon", [SQUARE]), feature("Polygon", [half], "Stroma"))
    tumour, stroma = annotation_shares.read(path, INPUTS).tissues
    assert (tumour.value, stroma.value) == pytest.approx((2 / 3, 1 / 3))
    assert tumour.tolerance == TABLE[0].tolerance
    cut = Inputs(INPUTS.image, TABLE, region=(0, 0, 40, 20))
    assert annotation_shares.read(path, cut).tissues[0].value == 1.0


def test_an_empty_table_takes_the_classes(write):
    path = write(feature("Polygon", [SQUARE]), feature("Point", [30, 30], "Stroma"))
    empty = Inputs(INPUTS.image)
    marks = annotation_marks.read(path, empty).tissues
    assert [(t.name, t.value) for t in marks] == [("Tumour", None), ("Stroma", None)]
    assert [t.value for t in annotation_shares.read(path, empty).tissues] == [1.0]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("", "is no GeoJSON"),
        ("{", "is no GeoJSON"),
        ("[" * 100_000, "is no GeoJSON"),
        ("3", "is no GeoJSON"),
        ({"type": "FeatureCollection"}, "is no GeoJSON"),
        ([], "holds no annotations"),
        ([3], "The object 1 of “case.geojson” is no annotation"),
        ([feature("Circle", [1, 2])], "no point, line or polygon"),
        ([{"geometry": None}], "no point, line or polygon"),
        ([feature("Point", [])], "damaged coordinates"),
        ([feature("Point", ["1", "x"])], "damaged coordinates"),
        ([feature("Point", [1e300, 2])], "damaged coordinates"),
        ('[{"geometry": {"type": "Point", "coordinates": [NaN, 2]}}]', "damaged coordinates"),
        ([feature("Polygon", [[[1, 2], [3, 4]]])], "damaged coordinates"),
        ([feature("Polygon", {"a": 1})], "damaged coordinates"),
        ([feature("Point", [10, 10], "Tumor")], "did you mean “Tumour”?"),
        ([feature("Point", [10, 10], "Fat")], "the tissues are Tumour, Stroma"),
        ([feature("Point", [10, 10], "")], "has no class"),
        ([feature("Point", [99, 10])], "lies outside the image"),
        ([feature("Polygon", [[[99, 0], [110, 0], [110, 9]]])], "holds no pixel"),
        ([feature("LineString", [[99, 0], [110, 0]])], "holds no pixel"),
        ([feature("Polygon", [SQUARE], "")] * 2, "one rectangle can be the region"),
        ([feature("Polygon", [[[0, 0], [9, 0], [0, 9]]], "")], "is no rectangle"),
        ([feature("Point", [3, 3]), feature("Point", [3, 3], "Stroma")], "both clicked"),
    ],
)
def test_a_bad_file_gets_one_sentence(told, said, write):
    with pytest.raises(VslpError, match=r"\A[^\n]*\Z") as refused:
        annotation_marks.read(write(told=told), INPUTS)
    assert said in str(refused.value)
