"""Masks and maps, read back with other libraries than wrote them."""

import json
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import EvidenceMap
from napari_vslp.export.results import write_result
from napari_vslp.raster.contract import open_raster
from tests.made import with_pixel_size


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
    write_result(with_pixel_size(result, None), image, tmp_path)
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (told["pixel_size_um"], told["areas_mm2"]) == (None, None)
    assert open_raster(tmp_path / "mask.tif").pixel_size_um is None


@pytest.mark.parametrize("name", ["../outside", "a/b", "mask"])
def test_a_map_of_another_package_stays_in_its_folder_and_hides_no_file(
    result, image, tmp_path, name
):
    shown = EvidenceMap(result.spread, "shown")
    with pytest.raises(VslpError, match="cannot be written as a file"):
        write_result(replace(result, evidence={name: shown}), image, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
