"""``napari-vslp segment --import``: files in place of typed words."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.demo import tumour_nest

FAST = ["--no-augmentation", "--no-cache", "--tolerance", "0.01"]


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(tumour_nest().image[:96, :128]).save(tmp_path / "nest.png")
    (tmp_path / "shares.csv").write_text("image,tumour,rest\nnest.png,60±20,40±20\n", "utf-8")
    ring = [[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]
    frame = [[0, 0], [96, 0], [96, 80], [0, 80], [0, 0]]
    told = [("Point", [20, 20], "tumour"), ("Polygon", [ring], "rest"), ("Polygon", [frame], "")]
    features = [
        {"geometry": {"type": k, "coordinates": c}, "properties": {"classification": n}}
        for k, c, n in told
    ]
    (tmp_path / "marks.geojson").write_text(json.dumps(features), "utf-8")
    return tmp_path


def test_shares_and_annotations_take_the_place_of_words(folder, capsys):
    words = ["segment", str(folder / "nest.png"), "--out", str(folder / "out"), *FAST]
    files = [f"--import={folder / 'shares.csv'}", f"--import={folder / 'marks.geojson'}"]
    assert main([*words, *files]) == 0
    assert "1 click, 1 painted shape, the region" in capsys.readouterr().err
    told = json.loads((folder / "out" / "summary.json").read_text("utf-8"))["inputs"]
    assert told["region"] == [0, 0, 80, 96]
    assert told["clicks"] == [{"tissue": "tumour", "row": 20, "column": 20}]
    assert [t["value"] for t in told["tissues"]] == [0.6, 0.4]
    assert told["paint"]["box"] == [5, 5, 15, 15]


def test_a_misspelt_tissue_is_refused_before_anything_is_read(folder, capsys):
    words = ["segment", str(folder / "nest.png"), "--out", str(folder / "out")]
    words += ["--tissue", "tumor=60±20", "--tissue", "rest=40±20"]
    assert main([*words, "--import", str(folder / "shares.csv")]) == 2
    error = capsys.readouterr().err
    assert "did you mean “tumor”?" in error
    assert error.count("\n") == 1
