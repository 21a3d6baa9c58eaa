"""``napari-vslp export``: a result's other formats, and the options of exporters as flags."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.cli.results.export import _cohort_place, _is_cohort, _option_classes
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.demo import tumour_nest
from napari_vslp.export.contract import NoOptions

WORDS = ["--tissue", "tumour=60±20", "--tissue", "rest=40±20", "--click", "tumour:20,20"]
FAST = ["--no-augmentation", "--no-cache", "--tolerance", "0.01"]
REGION = ["--region", "8,8,88,120", "--pixel-size", "0.5"]


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Return the folder of an image and of its result."""
    folder = tmp_path_factory.mktemp("segmented")
    Image.fromarray(tumour_nest().image[:96, :128]).save(folder / "nest.png")
    words = ["segment", str(folder / "nest.png"), *WORDS, *FAST, *REGION, "--quiet"]
    assert main([*words, "--out", str(folder / "out")]) == 0
    return folder


def area_of(geometry):
    """Return the area of a polygon or of several, by Gauss's formula."""
    parts = geometry["coordinates"]
    parts = [parts] if geometry["type"] == "Polygon" else parts
    rings = [np.array(ring) for part in parts for ring in part]
    return sum(np.sum(r[:-1, 0] * r[1:, 1] - r[1:, 0] * r[:-1, 1]) for r in rings) / 2


def test_a_folder_of_results_becomes_other_files(segmented, tmp_path, capsys):
    words = ["export", str(segmented / "out"), "--out", str(tmp_path / "more")]
    formats = ["tissues.geojson", "mask.ome.tif", "areas.csv"]
    assert main([*words, *(f"--to={name}" for name in formats)]) == 0
    said = capsys.readouterr().out
    assert "the same, bit for bit" in said
    assert all(name in said for name in formats)
    mask = tifffile.imread(segmented / "out" / "mask.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "more" / "mask.ome.tif"), mask)
    told = json.loads((tmp_path / "more" / "tissues.geojson").read_text(encoding="utf-8"))
    areas = [area_of(one["geometry"]) for one in told["features"]]
    assert areas == [(mask == label).sum() for label in np.unique(mask[mask > 0])]


def test_options_of_exporters_are_flags_of_segment_and_export(segmented, tmp_path):
    flags = ["--tissues-geojson-offset-x", "5", "--tissues-geojson-by-region"]
    flags += ["--no-tissues-geojson-lock", "--quiet"]
    image, summary = str(segmented / "nest.png"), str(segmented / "out" / "summary.json")
    one = ["segment", image, *WORDS, *FAST, *REGION, "--write", "tissues.geojson"]
    two = ["export", summary, "--to", "tissues.geojson"]
    assert main([*one, *flags, "--out", str(tmp_path / "one")]) == 0
    assert main([*two, *flags, "--out", str(tmp_path / "two")]) == 0
    told, again = (
        json.loads((tmp_path / folder / "tissues.geojson").read_text(encoding="utf-8"))
        for folder in ("one", "two")
    )
    assert told == again
    lefts = [ring[0][0] for one in told["features"] for ring in one["geometry"]["coordinates"]]
    assert min(lefts) == 8 - 5
    assert not any(one["properties"]["isLocked"] for one in told["features"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "mask.png", "--tissues-geojson-simplify", "2"], "name it among what to write"),
        (["--to", "tissues.geojson", "--tissues-geojson-simplify", "-1"], "between 0 and 1000"),
        (["--to", "tissues.geojson", "--tissues-geojson-offset-x", "1.5"], "invalid int value"),
        (["--to", "picture.bmp"], "no kind of output"),
        ([], "required: --to"),
        (["--to", "mask.png", "--image", "/nowhere.png"], "/nowhere.png"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(words, said, segmented, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["export", str(segmented / "out"), *words, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(out.glob("*.*"))


def test_segment_refuses_an_option_of_what_it_does_not_write(segmented, tmp_path, capsys):
    words = ["segment", str(segmented / "nest.png"), *WORDS, "--out", str(tmp_path / "out")]
    assert main([*words, "--tissues-geojson-by-region"]) == 2
    assert "tissues.geojson would not be written" in capsys.readouterr().err


def test_the_result_itself_is_never_replaced(segmented, capsys):
    folder = segmented / "out"
    assert main(["export", str(folder), "--to", "areas.csv", "--out", str(folder)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (folder / "mask.tif").exists()


def test_another_mask_than_the_summarys_is_not_written(segmented, tmp_path, capsys):
    told = json.loads((segmented / "out" / "summary.json").read_text(encoding="utf-8"))
    told["labels_sha256"] = "0" * 64
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    words = ["export", str(tmp_path / "summary.json"), "--to", "areas.csv"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "not the same bit for bit" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.csv"))


def test_a_folder_without_a_result_is_said(tmp_path, capsys):
    assert main(["export", str(tmp_path), "--to", "areas.csv", "--out", str(tmp_path / "o")]) == 2
    assert "summary.json" in capsys.readouterr().err


def test_the_flags_are_those_of_the_exporters_options():
    own = {name: EXPORTERS.get(name).Options for name in EXPORTERS.names()}
    assert {n: c for n, c in own.items() if c is not NoOptions} == _option_classes()


def test_files_are_written_where_they_are_named(segmented, tmp_path, capsys):
    places = ["case7.geojson", "case7-coco.json", "case7.ome.zarr", "regions.csv", "case7.xlsx"]
    words = [f"--to={tmp_path / one}" for one in places]
    words.append(f"--to=mask.ome.tif={tmp_path / 'any.ome.tif'}")
    assert main(["export", str(segmented / "out"), *words]) == 0
    assert "case7-coco.json" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {*places, "any.ome.tif"}
    mask = tifffile.imread(segmented / "out" / "mask.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "any.ome.tif"), mask)
    coco = json.loads((tmp_path / "case7-coco.json").read_text(encoding="utf-8"))
    assert sum(one["area"] for one in coco["annotations"]) == (mask > 0).sum()


def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(segmented, tmp_path, capsys):
    place = tmp_path / "a.csv"
    place.write_text("mine")
    words = ["export", str(segmented / "out"), "--to", str(place)]
    assert main(words) == 2
    assert "--replace" in capsys.readouterr().err
    assert place.read_text() == "mine"
    assert main([*words, "--replace"]) == 0
    assert "tumour" in place.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nest.png", "out/summary.json", "out"])
def test_what_is_read_is_never_written_over(segmented, capsys, name):
    words = ["export", str(segmented / "out"), "--to", f"mask.png={segmented / name}", "--replace"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "is read" in said or "would be replaced" in said


@pytest.mark.parametrize("name", ["a.gif", "energy-maps", "gone/a.csv"])
def test_what_cannot_be_a_file_is_said_before_the_work(segmented, tmp_path, capsys, name):
    assert main(["export", str(segmented / "out"), "--to", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.startswith("napari-vslp: ")
    assert not list(tmp_path.iterdir())


def test_several_results_become_one_table(segmented, tmp_path, capsys):
    out, place = str(segmented / "out"), tmp_path / "cohort.csv"
    assert main(["export", out, out, "--to", str(place), "--quiet"]) == 0
    lines = place.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "tumour: area (mm²)" in lines[0]
    assert lines[1] == lines[2]
    assert lines[1].startswith('"nest.png",0.5,0.5')
    assert main(["export", out, out, "--to", str(tmp_path / "a.geojson")]) == 2
    assert "one by one" in capsys.readouterr().err


def test_a_renamed_tissue_keeps_its_new_name_in_exports(segmented, tmp_path):
    told = json.loads((segmented / "out" / "summary.json").read_text(encoding="utf-8"))
    told["inputs"]["tissues"][0]["name"] = "nest of tumour"
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    place = tmp_path / "a.csv"
    assert main(["export", str(tmp_path / "summary.json"), "--to", str(place), "--quiet"]) == 0
    assert "nest of tumour" in place.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("typed", "is_cohort"),
    [
        ("cohort.csv", True),
        ("lung_cohort.xlsx", True),
        ("cohort.csv=a/cohort.csv", True),
        ("case=7/cohort.csv", True),
        ("areas.csv=lung_cohort.csv", False),
        ("mask.tif=cohort.tif", False),
        ("areas.csv", False),
    ],
)
def test_a_table_of_results_is_known_by_its_name_unless_an_exporter_is_named(typed, is_cohort):
    assert _is_cohort(typed) is is_cohort


@pytest.mark.parametrize(
    ("typed", "place"),
    [("case=7/cohort.csv", "case=7/cohort.csv"), ("cohort.csv=a/b.csv", "a/b.csv")],
)
def test_a_path_may_hold_an_equals_sign(typed, place):
    assert _cohort_place(typed) == Path(place)
