"""The bundled sample: complete, consistent, and segmented as its labels ask."""

import json
from importlib.metadata import entry_points

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli, demo
from napari_vslp.cli import demo as cli_demo
from napari_vslp.core.tissues import check_clicks, check_tissues
from napari_vslp.qt.viewer import launch


def test_the_sample_is_an_image_with_labels_that_can_be_met():
    sample = demo.tumour_nest()
    assert sample.image.shape == (640, 640, 3)
    assert sample.image.dtype == np.uint8
    check_tissues(sample.tissues, "measured")
    check_clicks(sample.clicks, sample.tissues, sample.image.shape[:2])
    assert sum(tissue.value for tissue in sample.tissues) == pytest.approx(1)
    for tissue in sample.tissues:
        assert sum(click.tissue == tissue.name for click in sample.clicks) == 2


def test_the_samples_are_layers_for_napari():
    for sample in (launch.sample_tumour_nest, launch.sample_ihc_colon):
        ((image, options, kind),) = sample()
        assert kind == "image"
        assert image.shape[2] == 3
        assert options["name"]


def test_napari_finds_the_plugin():
    (found,) = entry_points(group="napari.manifest", name="napari-vslp")
    assert found.value == "napari_vslp:napari.yaml"


@pytest.fixture
def no_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cli_demo.sys, "platform", "linux")


def test_the_demo_writes_pictures_where_there_is_no_screen(
    no_screen, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert "vslp-demo" in capsys.readouterr().out
    folder = tmp_path / "vslp-demo"
    told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for name, (low, high) in told["asked"].items():
        assert low - 1e-3 <= told["reached"][name] <= high + 1e-3
    assert 0 <= told["gap"] <= 1e-4
    sample = demo.tumour_nest()
    with Image.open(folder / "mask.tif") as mask:
        labels = np.asarray(mask)
    names = [tissue.name for tissue in sample.tissues]
    for click in sample.clicks:
        assert labels[click.row, click.column] == names.index(click.tissue) + 1


def test_the_demo_opens_a_window_where_there_is_a_screen(monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(launch, "show_demo", lambda: opened.append(True))
    assert cli.main(["demo"]) == 0
    assert opened == [True]


def test_a_named_folder_and_a_missing_napari_mean_pictures(no_screen, monkeypatch):
    assert not cli_demo.has_window()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert cli_demo.has_window()
    monkeypatch.setattr(cli_demo, "find_spec", lambda _: None)
    assert not cli_demo.has_window()
