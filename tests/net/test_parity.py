"""Python, the command line and the dock answer the same, to the bit, with every option set."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp import cli, segment
from napari_vslp.core.settings import Settings
from napari_vslp.core.weak_labels import as_clicks, as_tissues
from tests.net.golden import CLICKS, FOUR, corner, maps_of
from tests.net.shapes import learn_shapes

REGION, MICRONS = (10, 20, 150, 140), 0.5
# In the region all clicks but the one in the background, of which there is hardly any.
MOST = CLICKS[:3]
FLAGS = {
    "augmentation": "--no-augmentation",
    "edges": "--no-edges",
    "colours": "--no-colours",
    "tissue_only": "--tissue-only",
}
BY_HAND = {
    "smoothness": 3.5,
    "edges": False,
    "colours": False,
    "clicks_say": "contrast",
    "trust": "quadratic",
    "trust_strength": 20.0,
    "tissue_only": True,
    "augmentation": False,
    "device": "cpu",
}
BY_THE_IMAGE = {
    "smoothness": "auto",
    "trust": "kl",
    "trust_strength": 8.0,
    "device": "cpu",
    "encoder": "ENCODER",
    "regulariser": "SHAPES",
}
# Only the command line has these.
NOT_IN_THE_DOCK = {"backend", "tolerance", "max_iterations", "seed", "cache"}


@pytest.fixture(autouse=True)
def _let_the_network_run(monkeypatch):
    """Remember no image, or the second way would only read what the first one saw."""
    monkeypatch.setenv("VSLP_CACHE", "off")


@pytest.fixture(params=[BY_HAND, BY_THE_IMAGE], ids=["by hand", "by the image"])
def options(request, tmp_path):
    learn_shapes(tmp_path / "shapes.safetensors")
    weights = Path(str(files("napari_vslp") / "weights"))
    paths = {
        "ENCODER": str(next(weights.glob("*.safetensors"))),
        "SHAPES": str(tmp_path / "shapes.safetensors"),
    }
    return {name: paths.get(value, value) for name, value in request.param.items()}


def by_python(options):
    return segment(
        corner(), FOUR, clicks=MOST, region=REGION, pixel_size_um=(MICRONS, MICRONS), **options
    )


def by_command(options, folder):
    picture, out = folder / "corner.png", folder / "out"
    Image.fromarray(corner()).save(picture)
    assert cli.main([*command(picture, out), *flags(options)]) == 0
    return out


def command(picture, out):
    labels = [part for text in FOUR for part in ("--tissue", text)]
    labels += [part for text in MOST for part in ("--click", text)]
    region = ",".join(map(str, REGION))
    where = ["--region", region, "--pixel-size", str(MICRONS), "--out", str(out), "--quiet"]
    return ["segment", str(picture), *labels, *where]


def flags(options):
    for name, value in options.items():
        if name in FLAGS:
            yield FLAGS[name]
        else:
            yield from (f"--{name.replace('_', '-')}", str(value))


def by_dock(dock, options):
    dock.open_image(corner(), "corner")
    dock.fill(as_tissues(FOUR), as_clicks(MOST))
    dock.draw_region(*REGION)
    dock.type_pixel_size(MICRONS)
    dock.choose(**options)
    return dock.segment()


def whole(part):
    top, left, bottom, right = REGION
    there = np.zeros((160, 160), part.dtype)
    there[top:bottom, left:right] = part
    return there


def test_every_option_that_both_offer_is_set_in_one_of_the_runs():
    offered = set(Settings().as_dict()) - NOT_IN_THE_DOCK
    assert set(BY_HAND) | set(BY_THE_IMAGE) == offered
    for name, value in (*BY_HAND.items(), *BY_THE_IMAGE.items()):
        assert value != Settings().as_dict()[name]


def test_the_command_line_writes_what_python_returns(options, tmp_path):
    result, out = by_python(options), by_command(options, tmp_path)
    maps, told = maps_of(result), json.loads((out / "summary.json").read_text(encoding="utf-8"))
    for name, file in (
        ("labels", "mask.tif"),
        ("fidelity", "fidelity.tif"),
        ("regularisation", "regularisation.tif"),
    ):
        np.testing.assert_array_equal(tifffile.imread(out / file), whole(maps[name]))
    assert told["reached"] == result.reached
    assert told["prices"] == {t.name: p for t, p in zip(result.tissues, result.prices, strict=True)}
    assert told["energy"]["objective"] == result.energy.objective
    assert (told["gap"], told["iterations"]) == (result.gap, result.iterations)
    assert told["areas_mm2"] == result.areas_mm2()
    assert told["notes"] == list(result.notes)
    assert told["settings"] == result.settings.as_dict()


@pytest.mark.window
def test_the_dock_shows_what_python_returns(options, dock):
    result, shown = by_python(options), by_dock(dock, options)
    assert shown is not None, dock.status
    for name, values in maps_of(result).items():
        np.testing.assert_array_equal(maps_of(shown)[name], values, name)
    np.testing.assert_array_equal(dock.labels_layer().data, maps_of(result)["labels"])
    np.testing.assert_array_equal(shown.prices, result.prices)
    for field in ("tissues", "clicks", "region", "pixel_size_um", "asked", "reached"):
        assert getattr(shown, field) == getattr(result, field)
    for field in ("energy", "gap", "iterations", "notes", "settings", "weights_hash"):
        assert getattr(shown, field) == getattr(result, field)
