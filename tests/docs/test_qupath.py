"""The script for QuPath: its options are there, and tissues come back in pixels of the slide."""

from __future__ import annotations

import json
import re
from pathlib import Path

from PIL import Image

from napari_vslp.cli import main
from napari_vslp.cli.arguments import build_parser
from napari_vslp.demo import tumour_nest

SCRIPT = Path(__file__).parents[2] / "docs" / "segment_in_qupath.groovy"


def test_every_option_of_the_script_is_there():
    flags = re.findall(r'"(--[a-z-]+)=?"', SCRIPT.read_text(encoding="utf-8"))
    assert len(flags) >= 8
    parsers = (action.choices for action in build_parser()._actions)
    there = next(choices for choices in parsers if choices and "segment" in choices)
    assert set(flags) <= set(there["segment"]._option_string_actions)


def test_what_the_script_runs_brings_tissues_back_in_pixels_of_the_slide(tmp_path):
    x, y = 130, 70
    nest = tumour_nest().image[y : y + 64, x : x + 80]
    Image.fromarray(nest).save(tmp_path / "region.tif")
    points = [("Tumor", [20, 20]), ("Stroma", [70, 50])]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": at},
            "properties": {"objectType": "annotation", "classification": {"name": name}},
        }
        for name, at in points
    ]
    marks = {"type": "FeatureCollection", "features": features}
    (tmp_path / "marks.geojson").write_text(json.dumps(marks), encoding="utf-8")
    words = ["segment", str(tmp_path / "region.tif"), "--out", str(tmp_path / "out"), "--quiet"]
    words += ["--write", "tissues.geojson", f"--tissues-geojson-offset-x={-x}"]
    words += [f"--tissues-geojson-offset-y={-y}", "--tissue", "Tumor=60±10"]
    words += ["--tissue", "Stroma=40±10", "--import", f"annotations:{tmp_path / 'marks.geojson'}"]
    assert main([*words, "--pixel-size", "0.5,0.5", "--no-augmentation", "--no-cache"]) == 0
    told = json.loads((tmp_path / "out" / "tissues.geojson").read_text(encoding="utf-8"))
    found = {one["properties"]["classification"]["name"] for one in told["features"]}
    assert found == {"Tumor", "Stroma"}
    numbers = re.findall(
        r"\[(\d+), ?(\d+)\]", json.dumps([f["geometry"] for f in told["features"]])
    )
    columns, rows = {int(a) for a, _ in numbers}, {int(b) for _, b in numbers}
    assert (min(columns), max(columns), min(rows), max(rows)) == (x, x + 80, y, y + 64)
