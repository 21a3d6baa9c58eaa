"""File › Save, as the window calls it, read back with other libraries."""

from __future__ import annotations

import json

import dask.array
import numpy as np
import pytest
import tifffile
from npe2 import PluginManager
from PIL import Image

from napari_vslp.core.edits import EditTissue
from napari_vslp.core.errors import VslpError
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.raster.contract import open_raster

pytestmark = pytest.mark.window
PLUGIN = "napari-vslp"


@pytest.fixture
def labels(window, fake):
    """Return the labels of a result on a region of an image with a pixel size."""
    window.image.scale, window.image.units = (0.5, 0.25), ("um", "um")
    window.dock.region.draw_button.click()
    shapes = window.binding.region.layer
    shapes.add_rectangles(np.array([[[10, 20], [10, 59], [49, 59], [49, 20]]]))
    window.segment()
    layer = window.binding.layers.layer("labels")
    layer.show_selected_label = True
    window.viewer.layers.selection = {layer}
    return layer


def whole(result):
    """Return the labels of a result on its whole image."""
    top, left, bottom, right = result.region
    mask = np.zeros(result.image_shape, np.uint8)
    mask[top:bottom, left:right] = result.labels
    return mask


def test_the_tissues_are_saved_as_a_png(window, labels, tmp_path):
    path = tmp_path / "mine.png"
    assert window.viewer.layers.save(str(path), selected=True) == [str(path)]
    result = window.session.result
    assert result.labels.shape != result.image_shape
    with Image.open(path) as saved:
        np.testing.assert_array_equal(np.asarray(saved), whole(result))
        colours = np.asarray(saved.convert("RGB"))
    for index, tissue in enumerate(result.tissues):
        assert np.all(colours[whole(result) == index + 1] == tissue.colour)
    assert open_raster(path).pixel_size_um == pytest.approx((0.5, 0.25), rel=1e-3)
    assert [found.name for found in tmp_path.iterdir()] == ["mine.png"]


@pytest.mark.parametrize("name", ["mine.tif", "MINE.TIFF"])
def test_the_tissues_are_saved_as_a_tiff(window, labels, tmp_path, name):
    path = tmp_path / name
    assert window.viewer.layers.save(str(path), selected=True, plugin=PLUGIN) == [str(path)]
    result = window.session.result
    np.testing.assert_array_equal(tifffile.imread(path), whole(result))
    with tifffile.TiffFile(path) as file:
        told = json.loads(file.pages.first.description)
        colours = file.pages.first.colormap.T // 257
    assert told["tissues"] == {str(i + 1): t.name for i, t in enumerate(result.tissues)}
    np.testing.assert_array_equal(colours[1:4], [t.colour for t in result.tissues])
    assert open_raster(path).pixel_size_um == pytest.approx((0.5, 0.25))


def test_what_the_user_painted_is_saved(window, labels, tmp_path):
    labels.data[:] = 2
    window.viewer.layers.save(str(tmp_path / "a.png"), selected=True)
    with Image.open(tmp_path / "a.png") as saved:
        assert (np.asarray(saved) == 2 * (whole(window.session.result) > 0)).all()


def test_a_new_region_is_saved_in_its_place(window, labels, tmp_path):
    window.viewer.layers.remove(window.binding.region.layer)
    result = window.segment()
    assert result.labels.shape == result.image_shape
    window.viewer.layers.save(str(tmp_path / "a.png"), selected=True)
    with Image.open(tmp_path / "a.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), result.labels)


def test_all_layers_are_saved_to_a_folder(window, labels, tmp_path):
    saved = window.viewer.layers.save(str(tmp_path / "all"))
    assert len(saved) == len(window.viewer.layers)
    assert all((tmp_path / "all" / name).is_file() for name in saved)


def test_labels_of_others_are_saved_too(window, tmp_path):
    data = np.arange(12, dtype=np.int64).reshape(3, 4)
    window.viewer.layers.selection = {window.viewer.add_labels(data)}
    window.viewer.layers.save(str(tmp_path / "a.png"), selected=True)
    with Image.open(tmp_path / "a.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), data)
        assert len(np.unique(np.asarray(saved.convert("RGB"))[data > 0], axis=0)) == 11


@pytest.mark.parametrize(
    "data", [np.full((3, 4), 256), np.full((3, 4), -1), np.ones((2, 3, 4), int)]
)
def test_labels_that_are_no_mask_are_refused_with_a_sentence(window, tmp_path, data):
    window.viewer.layers.selection = {window.viewer.add_labels(data)}
    (tmp_path / "a.png").write_text("before")
    with pytest.raises(VslpError, match="no 2-D mask of labels up to 255"):
        window.viewer.layers.save(str(tmp_path / "a.png"), selected=True)
    assert (tmp_path / "a.png").read_text() == "before"


def test_a_place_that_cannot_be_written_is_said(window, labels, tmp_path):
    with pytest.raises(VslpError, match="choose another folder"):
        window.viewer.layers.save(str(tmp_path / "gone" / "a.png"), selected=True)


# ---- the list of exporters


def test_file_save_offers_every_exporter_that_needs_labels_alone():
    manifest = PluginManager.instance().get_manifest(PLUGIN).contributions
    offered = {w.display_name: w for w in manifest.writers}
    wanted = {e.title: e for e in EXPORTERS if "labels" in e.layer_types}
    assert set(offered) == set(wanted)
    for title, exporter in wanted.items():
        assert offered[title].filename_extensions == list(exporter.suffixes)
        assert offered[title].layer_types == ["labels"]


def test_outlines_and_tables_tell_what_the_solve_knows_of_the_painted_labels(
    window, labels, tmp_path
):
    labels.data[:] = 2
    result = window.session.result
    for name in ("a.geojson", "a.csv"):
        window.viewer.layers.save(str(tmp_path / name), selected=True, plugin=PLUGIN)
    (told,) = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert told["properties"]["classification"]["name"] == result.tissues[1].name
    numbers = told["properties"]["measurements"]
    assert numbers["Area px"] == result.labels.size
    assert numbers["Price (nats/px)"] == pytest.approx(result.prices[1])
    top, left = result.region[:2]
    assert min(told["geometry"]["coordinates"][0]) == [left, top]
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + len(result.tissues)


def test_a_rename_is_in_what_is_saved(window, labels, tmp_path):
    window.session.apply(EditTissue(window.session.inputs.tissues[0].id, (("name", "nest"),)))
    window.viewer.layers.save(str(tmp_path / "a.geojson"), selected=True, plugin=PLUGIN)
    told = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"]
    assert "nest" in [one["properties"]["classification"]["name"] for one in told]


def test_labels_of_others_on_the_disk_are_saved_tile_by_tile(window, tmp_path):
    zarr = pytest.importorskip("zarr", reason="the extra “export” is not installed")
    data = np.tile(np.arange(4, dtype=np.int64), (600, 200))
    lazy = dask.array.from_array(data, chunks=256)
    window.viewer.layers.selection = {window.viewer.add_labels(lazy, scale=(2, 3))}
    window.viewer.layers.save(str(tmp_path / "a.ome.zarr"), selected=True, plugin=PLUGIN)
    group = zarr.open_group(tmp_path / "a.ome.zarr" / "labels" / "tissues", mode="r")
    np.testing.assert_array_equal(group["0"][:], data)
    names = [one["name"] for one in group.attrs["image-label"]["properties"]]
    assert names == ["1", "2", "3"]
