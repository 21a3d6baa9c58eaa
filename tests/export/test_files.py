"""Files out, read back with other libraries than wrote them."""

import json
import warnings
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.io import imread

from napari_vslp.core.atomic import staged
from napari_vslp.core.errors import VslpError
from napari_vslp.export.results import write_result
from napari_vslp.export.summary import summary
from napari_vslp.raster.contract import open_raster

NAMES = [
    "fidelity.tif",
    "mask.png",
    "mask.tif",
    "overlay.png",
    "regularisation.tif",
    "summary.json",
]


def test_all_files_are_written_and_named(result, image, tmp_path):
    written = write_result(result, image, tmp_path / "new" / "folder")
    assert [path.name for path in written] == NAMES
    assert sorted(path.name for path in written[0].parent.iterdir()) == NAMES


def test_what_was_learned_is_written_only_where_it_counted(result, image, tmp_path):
    learned = np.linspace(0, 1, result.labels.size, dtype=np.float32).reshape(result.labels.shape)
    written = write_result(replace(result, learned_map=learned), image, tmp_path)
    assert [path.name for path in written] == sorted([*NAMES, "learned.tif"])
    whole = iio.imread(tmp_path / "learned.tif")
    np.testing.assert_array_equal(whole[5:35, 10:50], learned)
    assert whole.sum(dtype=np.float64) == pytest.approx(learned.sum(dtype=np.float64))
    write_result(result, image, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def test_the_mask_holds_indices_on_the_whole_image(result, image, tmp_path):
    write_result(result, image, tmp_path)
    whole = np.zeros((40, 60), np.uint8)
    whole[5:35, 10:50] = result.labels
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "mask.tif"), whole)
    with Image.open(tmp_path / "mask.tif") as mask:
        assert mask.mode == "P"
        np.testing.assert_array_equal(np.asarray(mask), whole)


def test_masks_show_each_tissue_in_its_colour(result, image, tmp_path):
    write_result(result, image, tmp_path)
    for path in (tmp_path / "mask.tif", tmp_path / "mask.png"):
        with Image.open(path) as mask:
            colours = np.asarray(mask.convert("RGB"))
        for index, tissue in enumerate(result.tissues):
            inside = np.pad(result.labels, ((5, 5), (10, 10))) == index + 1
            assert np.all(colours[inside] == tissue.colour)
    with Image.open(tmp_path / "mask.png") as mask:
        alpha = np.asarray(mask.convert("RGBA"))[:, :, 3]
    np.testing.assert_array_equal(alpha > 0, np.pad(result.labels, ((5, 5), (10, 10))) > 0)


def test_the_mask_names_its_tissues(result, image, tmp_path):
    write_result(result, image, tmp_path)
    with tifffile.TiffFile(tmp_path / "mask.tif") as file:
        told = json.loads(file.pages.first.description)
    assert told["tissues"] == {"1": "tumour", "2": "Lymphozyten (µ)", "3": "stroma"}


@pytest.mark.parametrize("name", ["fidelity", "regularisation"])
def test_maps_sum_to_the_energies(result, image, tmp_path, name):
    write_result(result, image, tmp_path)
    values = iio.imread(tmp_path / f"{name}.tif")
    assert values.dtype == np.float32
    assert values.shape == (40, 60)
    assert values.min() >= 0
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["energy"]
    assert values.sum(dtype=np.float64) == pytest.approx(told[name], rel=1e-4)
    assert told["total"] == pytest.approx(told["fidelity"] + told["regularisation"])


@pytest.mark.parametrize("name", ["mask.tif", "fidelity.tif", "mask.png"])
def test_written_files_tell_their_pixel_size(result, image, tmp_path, name):
    write_result(result, image, tmp_path)
    assert open_raster(tmp_path / name).pixel_size_um == pytest.approx((0.5, 0.25), rel=1e-3)


def test_an_unknown_pixel_size_stays_unknown(result, image, tmp_path):
    write_result(replace(result, pixel_size_um=None), image, tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (told["pixel_size_um"], told["areas_mm2"]) == (None, None)
    assert open_raster(tmp_path / "mask.tif").pixel_size_um is None


def test_the_overlay_shows_the_image_and_a_legend(result, image, tmp_path):
    write_result(result, image, tmp_path)
    overlay = imread(tmp_path / "overlay.png")
    assert overlay.shape[0] > image.shape[0]
    assert overlay.shape[1] >= image.shape[1]
    inner = np.s_[10, 5]
    mixed = 0.78 * image[inner] + 0.22 * np.array(result.tissues[0].colour)
    np.testing.assert_allclose(overlay[inner], mixed, atol=1)
    np.testing.assert_array_equal(overlay[10, 19], result.tissues[0].colour)
    np.testing.assert_array_equal(overlay[10, 20], result.tissues[1].colour)


@pytest.mark.parametrize(("side", "width"), [(1, 1), (1, 4100), (4100, 1)])
def test_overlays_of_all_sizes_are_drawn(result, side, width, tmp_path):
    labels = np.ones((side, width), np.uint8)
    maps = np.zeros(labels.shape, np.float32)
    sized = replace(
        result,
        labels=labels,
        fidelity_map=maps,
        regularisation_map=maps,
        region=(0, 0, side, width),
        image_shape=(side, width),
    )
    write_result(sized, np.full((side, width, 3), 99, np.uint8), tmp_path)
    overlay = imread(tmp_path / "overlay.png")
    assert max(overlay.shape) <= 2048 + 100


def test_the_summary_holds_what_was_asked_and_reached(result):
    told = summary(result)
    assert told == json.loads(json.dumps(told))
    assert told["asked"]["tumour"] == pytest.approx([0.45, 0.55])
    assert told["asked"]["stroma"] == [0.0, 1.0]
    assert told["reached"] == {"tumour": 0.5, "Lymphozyten (µ)": 0.3, "stroma": 0.2}
    assert told["gap"] == 8e-5
    assert told["region"] == [5, 10, 35, 50]
    assert told["areas_mm2"]["tumour"] == pytest.approx(600 * 0.5 * 0.25 * 1e-6)
    assert told["clicks"] == [{"tissue": "tumour", "row": 8, "column": 12}]
    assert {"iterations", "seconds", "versions", "seed", "weights", "settings", "prices"} <= set(
        told
    )


def test_a_failed_write_leaves_the_last_result(result, image, tmp_path):
    write_result(result, image, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def write_half():
        with staged(tmp_path) as stage:
            (stage / "mask.tif").write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(VslpError, match="No space left on device"):
        write_half()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_refused(result, image, tmp_path):
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(VslpError, match="choose another folder"):
            write_result(result, image, folder)


def test_an_empty_name_is_never_the_current_folder(result, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VslpError, match="no name"):
        write_result(result, image, "")
    assert not list(tmp_path.iterdir())


def test_a_foreign_image_is_refused(result, image, tmp_path):
    with pytest.raises(VslpError, match="not the one"):
        write_result(result, image[1:], tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_warning_is_raised_on_the_way(result, image, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_result(result, image, tmp_path)
        open_raster(tmp_path / "overlay.png").read()
