"""GeoJSON: what QuPath's reader asks for, and polygons that shapely finds valid and right."""

import json
import math
import sys
import uuid
from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference
from napari_vslp.export.annotations.geojson import as_geojson
from napari_vslp.export.annotations.polygons import components_of
from napari_vslp.export.options import GeoJsonOptions
from napari_vslp.export.provenance import inputs_hash
from napari_vslp.export.results import write_result
from tests.export.conftest import ABSENT, NAMES
from tests.made import with_pixel_size

shapely = pytest.importorskip("shapely", reason="the extra “export” is not installed")
PLAIN = GeoJsonOptions()


def written(result, folder, **options):
    """Write a result and read the file back."""
    rgb = np.zeros((*result.labels.shape, 3), np.uint8)
    given = {"tissues.geojson": GeoJsonOptions(**options)}
    (path,) = write_result(result, rgb, folder, ["tissues.geojson"], given)

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def shapes(told):
    return [shapely.from_geojson(json.dumps(one["geometry"])) for one in told["features"]]


def whole_mask(result):
    top, left, bottom, right = result.region
    mask = np.zeros(result.image_shape, np.uint8)
    mask[top:bottom, left:right] = result.labels
    return mask


def test_every_tissue_that_is_there_is_one_annotation_with_name_and_colour(awkward, tmp_path):
    told = written(awkward, tmp_path)
    assert told["type"] == "FeatureCollection"
    there = [t for i, t in enumerate(awkward.tissues) if i + 1 != ABSENT]
    for one, tissue in zip(told["features"], there, strict=True):
        assert one["type"] == "Feature"
        assert str(uuid.UUID(one["id"])) == one["id"]
        properties = one["properties"]
        assert properties["objectType"] == "annotation"
        assert properties["isLocked"] is True
        # Without a colour QuPath refuses the whole file.
        assert properties["classification"] == {"name": tissue.name, "color": [*tissue.colour]}
        assert all(isinstance(text, str) for text in properties["metadata"].values())
        assert properties["metadata"]["inputs_sha256"] == inputs_hash(awkward.inputs)
    assert [one["properties"]["classification"]["name"] for one in told["features"]] == [
        name for name in NAMES if name != "@absent"
    ]


def test_polygons_are_valid_and_hold_exactly_the_pixels_of_the_mask(awkward, tmp_path):
    told, mask = written(awkward, tmp_path), whole_mask(awkward)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    by_name = dict(zip(NAMES, range(1, 10), strict=True))
    for one, shape in zip(told["features"], shapes(told), strict=True):
        label = by_name[one["properties"]["classification"]["name"]]
        assert shape.is_valid
        assert shape.area == (mask == label).sum()
        inside = shapely.contains_xy(shape, columns.ravel() + 0.5, rows.ravel() + 0.5)
        np.testing.assert_array_equal(inside.reshape(mask.shape), mask == label)


def test_coordinates_are_whole_numbers_and_one_part_is_no_multipolygon(awkward, tmp_path):
    told = written(awkward, tmp_path)
    kinds = {one["geometry"]["type"] for one in told["features"]}
    assert kinds == {"Polygon", "MultiPolygon"}
    for one in told["features"]:
        if one["geometry"]["type"] == "MultiPolygon":
            assert len(one["geometry"]["coordinates"]) > 1
            continue
        for ring in one["geometry"]["coordinates"]:
            assert ring[0] == ring[-1]
            assert all(type(number) is int for corner in ring for number in corner)


def test_measurements_are_those_of_the_pixels(awkward, tmp_path):
    for one in written(awkward, tmp_path)["features"]:
        numbers = one["properties"]["measurements"]
        assert all(type(value) is float and math.isfinite(value) for value in numbers.values())
        label = NAMES.index(one["properties"]["classification"]["name"]) + 1
        inside = awkward.labels == label
        assert numbers == pytest.approx(
            {
                "Area px": inside.sum(),
                "Area mm^2": inside.sum() * 0.125e-6,
                "Mean doubt (nats/px)": (awkward.fidelity_map + awkward.regularisation_map)[
                    inside
                ].mean(),
                "Mean margin (nats)": awkward.margin[inside].mean(),
                "Mean doubt: numbers (nats/px)": awkward.fidelity_map[inside].mean(),
                "Mean doubt: boundary (nats/px)": awkward.regularisation_map[inside].mean(),
                "Price (nats/px)": awkward.prices[label - 1],
                "Gap": awkward.gap,
            },
            rel=1e-5,
        )


def test_what_is_unknown_or_infinite_is_left_out(awkward, tmp_path):
    odd = replace(with_pixel_size(awkward, None), gap=math.inf, prices=np.full(9, np.nan))
    for one in written(odd, tmp_path)["features"]:
        assert (
            not {"Area mm^2", "Gap", "Price (nats/px)"} & one["properties"]["measurements"].keys()
        )


def test_the_bounds_of_a_slide_are_taken_off(awkward, tmp_path):
    plain, moved = written(awkward, tmp_path), written(awkward, tmp_path, offset_x=7, offset_y=-3)
    for before, after in zip(shapes(plain), shapes(moved), strict=True):
        assert shapely.equals_exact(shapely.transform(before, lambda c: c - [7, -3]), after)


def test_a_viewer_that_shows_the_whole_slide_needs_no_offset(awkward, tmp_path):
    options = {"viewer": "whole", "offset_x": 7, "offset_y": -3}
    assert written(awkward, tmp_path, **options) == written(awkward, tmp_path)


def test_each_region_may_be_an_annotation_with_numbers_of_its_own(awkward, tmp_path):
    told = written(awkward, tmp_path, by_region=True, locked=False)
    assert len(told["features"]) == components_of(awkward.labels).max()
    assert {one["geometry"]["type"] for one in told["features"]} == {"Polygon"}
    assert len({one["id"] for one in told["features"]}) == len(told["features"])
    for one, shape in zip(told["features"], shapes(told), strict=True):
        assert one["properties"]["measurements"]["Area px"] == shape.area
        assert one["properties"]["isLocked"] is False


def test_ids_belong_to_what_was_said_not_to_names_or_places(awkward):
    def ids(result):
        return [one["id"] for one in as_geojson(result, PLAIN)["features"]]

    again = replace(awkward.inputs, image=replace(awkward.inputs.image, path="/t/x.svs"))
    renamed = tuple(replace(t, name=f"{t.name}!") for t in awkward.tissues)
    assert ids(replace(awkward, inputs=again, tissues=renamed)) == ids(awkward)
    assert ids(replace(awkward, inputs=replace(again, tissues=renamed))) == ids(awkward)
    other = replace(awkward.inputs, clicks=(), region=(0, 0, 30, 40))
    assert not set(ids(replace(awkward, inputs=other))) & set(ids(awkward))


def test_simplified_outlines_stay_valid_and_without_gaps(awkward, tmp_path):
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:30, :40]
    wavy = (columns + 3 * np.sin(rows / 3) + rng.normal(0, 0.4, (30, 40))) // 14 + 1
    wavy = replace(awkward, labels=wavy.clip(1, 3).astype(np.uint8))
    full, few = written(wavy, tmp_path), written(wavy, tmp_path, simplify_um=1.0)
    before, after = shapes(full), shapes(few)
    assert (
        shapely.get_num_coordinates(after).sum() < 0.7 * shapely.get_num_coordinates(before).sum()
    )
    assert all(shape.is_valid for shape in after)
    assert shapely.union_all(after).area == pytest.approx(sum(shape.area for shape in after))
    # The numbers stay those of the pixels.
    for one, exact in zip(few["features"], before, strict=True):
        assert one["properties"]["measurements"]["Area px"] == exact.area


def test_awkward_outlines_may_be_simplified_too(awkward, tmp_path):
    assert all(shape.is_valid for shape in shapes(written(awkward, tmp_path, simplify_um=2.0)))


def test_a_simplification_needs_a_pixel_size_and_shapely(awkward, monkeypatch):
    simple = GeoJsonOptions(simplify_um=1.0)
    with pytest.raises(VslpError, match="pixel size is unknown"):
        as_geojson(with_pixel_size(awkward, None), simple)
    monkeypatch.setitem(sys.modules, "shapely", None)
    with pytest.raises(VslpError, match=r"pip install “napari-vslp\[export\]”"):
        as_geojson(awkward, simple)
    assert as_geojson(awkward, PLAIN)["features"]  # nothing else needs it


def test_no_tissue_at_all_is_an_empty_collection(awkward, tmp_path):
    empty = replace(awkward, labels=np.zeros_like(awkward.labels))
    for options in ({}, {"by_region": True}, {"simplify_um": 1.0}):
        assert written(empty, tmp_path, **options)["features"] == []


def test_a_coarser_level_is_refused(awkward):
    image = ImageReference(shape=(40, 60), level=2)
    with pytest.raises(VslpError, match="finest"):
        as_geojson(replace(awkward, inputs=replace(awkward.inputs, image=image)), PLAIN)
