"""File › Save, as the window calls it, read back with other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.core.errors import VslpError
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
