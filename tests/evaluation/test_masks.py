"""Masks as people have them, and one sentence for those that cannot be used."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.evaluation.masks import IGNORED, find_mask, parse_labels, read_mask
from napari_vslp.export.results import write_result
from tests.raster.made import save_few_bits

TWO = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)


def saved(tmp_path, values, name="mask.png"):
    path = tmp_path / name
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize("factor", [1, 255])
def test_two_tissues_are_0_and_1_or_0_and_255(tmp_path, factor):
    path = saved(tmp_path, TWO * factor)
    assert read_mask(path, (2, 3), 2).tolist() == TWO.tolist()


def test_indexed_colours_are_read_as_indices(tmp_path):
    picture = Image.frombytes("P", (3, 2), TWO.tobytes())
    picture.putpalette([250, 10, 10, 10, 250, 10])
    picture.save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", (2, 3), 2).tolist() == TWO.tolist()


def test_tiff_of_16_bits_and_black_and_white(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", TWO.astype(np.uint16))
    assert read_mask(tmp_path / "mask.tif", (2, 3), 3).tolist() == TWO.tolist()
    path = saved(tmp_path, TWO.astype(bool))
    assert read_mask(path, (2, 3), 2).tolist() == TWO.tolist()


def test_values_that_are_not_named_are_not_counted(tmp_path):
    path = saved(tmp_path, np.array([[0, 1, 2], [3, 9, 1]], np.uint8))
    labels = parse_labels("stroma=1+2, tumour=0", ["tumour", "stroma"])
    assert read_mask(path, (2, 3), 2, labels).tolist() == [[0, 1, 1], [IGNORED, IGNORED, 1]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tumour=0,nerve=1", "nerve"),
        ("tumour=0", "no value for stroma"),
        ("tumour=0,stroma=0", "gives 0 to two tissues"),
        ("tumour=0,stroma=one", "is not a tissue with its values"),
        ("tumour=0,stroma", "is not a tissue with its values"),
    ],
)
def test_labels_that_cannot_be_meant(text, said):
    with pytest.raises(VslpError, match=said):
        parse_labels(text, ["tumour", "stroma"])


def test_masks_that_cannot_be_used(tmp_path):
    with pytest.raises(VslpError, match=r"mask\.png.* is 2 × 3 px, its image 4 × 4 px"):
        read_mask(saved(tmp_path, TWO), (4, 4), 2)
    with pytest.raises(VslpError, match=r"strange\.png.* holds 7, .* none of the 2 tissues"):
        read_mask(saved(tmp_path, TWO * 7, "strange.png"), (2, 3), 2)
    with pytest.raises(VslpError, match=r"colours\.png.* is no mask"):
        read_mask(saved(tmp_path, np.dstack([TWO] * 3), "colours.png"), (2, 3), 2)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(VslpError, match=r"text\.png"):
        read_mask(tmp_path / "text.png", (2, 3), 2)


def test_a_mask_is_the_one_named_or_has_the_images_name(tmp_path):
    own, named = saved(tmp_path, TWO, "a.png"), saved(tmp_path, TWO, "other.png")
    image = tmp_path / "images" / "a.jpg"
    assert find_mask(tmp_path, image, None) == own
    assert find_mask(tmp_path, image, "other.png") == named
    with pytest.raises(VslpError, match=r"There is no mask .*missing\.png.* for “a\.jpg”"):
        find_mask(tmp_path, image, "missing.png")


@pytest.mark.parametrize("kind", ["minisblack", "miniswhite"])
@pytest.mark.parametrize(
    "values", [TWO, TWO * np.uint8(255), TWO.astype(bool), TWO.astype(np.uint16)]
)
def test_how_a_mask_is_to_be_shown_changes_no_value(tmp_path, kind, values):
    tifffile.imwrite(tmp_path / "mask.tif", values, photometric=kind)
    assert read_mask(tmp_path / "mask.tif", (2, 3), ["a", "b"]).tolist() == TWO.tolist()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_hold_what_is_stored(tmp_path, bits):
    values = np.array([[0, 1, 2, 3, 0], [3, 2, 1, 0, 1]], np.uint8) % 2**bits
    path = save_few_bits(tmp_path / "mask.png", values, bits)
    assert read_mask(path, (2, 5), 4).tolist() == values.tolist()


def test_a_mask_is_turned_as_its_image_is(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", TWO, extratags=[(274, 3, 1, 6, True)])
    assert read_mask(tmp_path / "mask.tif", (3, 2), 2).tolist() == np.rot90(TWO, -1).tolist()


class TestOwnMasks:
    """What this program writes as `mask.tif` says itself which value is which tissue."""

    def path(self, result, image, folder):
        write_result(result, image, folder)
        return folder / "mask.tif"

    def test_the_tables_order_does_not_matter(self, result, image, tmp_path):
        names = ["stroma", "Lymphozyten (µ)", "nerve", "TUMOUR"]
        mask = read_mask(self.path(result, image, tmp_path), (40, 60), names)
        whole = np.full((40, 60), IGNORED)
        whole[5:35, 10:50] = np.array([IGNORED, 3, 1, 0])[result.labels]
        np.testing.assert_array_equal(mask, whole)

    def test_foreign_tissues_are_refused_unless_labels_say_it(self, result, image, tmp_path):
        path = self.path(result, image, tmp_path)
        with pytest.raises(VslpError, match=r"holds stroma, but the tissues are tumour, Lympho"):
            read_mask(path, (40, 60), ["tumour", "Lymphozyten (µ)"])
        mask = read_mask(path, (40, 60), ["tumour", "other"], {1: 0, 2: 1, 3: 1})
        assert set(np.unique(mask)) == {IGNORED, 0, 1}
