"""OME-TIFF: read back by tifffile, Pillow and ome-types, which validates the OME-XML."""

import uuid
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.export.arrays.ome_tiff import ome_colour
from napari_vslp.export.provenance import inputs_hash
from napari_vslp.export.results import write_result
from napari_vslp.raster.contract import open_raster
from tests.export.conftest import NAMES
from tests.made import with_pixel_size

ALL = ("mask.ome.tif", "confidence.ome.tif", "energy.ome.tif")


def written(result, folder, name):
    rgb = np.zeros((*result.labels.shape, 3), np.uint8)
    (path,) = write_result(result, rgb, folder, [name])
    return path


def told_by(path):
    """Return the OME metadata of a file, validated against the schema."""
    ome_types = pytest.importorskip("ome_types", reason="the extra “test” is not installed")
    with tifffile.TiffFile(path) as file:
        return ome_types.from_xml(file.ome_metadata, validate=True)


def on_whole(part):
    return np.pad(part, ((5, 5), (10, 10)))


def maps_of(told):
    return {
        one.namespace: {m.k: m.value for m in one.value.ms}
        for one in told.structured_annotations.map_annotations
    }


def test_the_mask_holds_the_labels_on_the_whole_image_in_their_colours(awkward, tmp_path):
    path = written(awkward, tmp_path, "mask.ome.tif")
    mask = tifffile.imread(path)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, on_whole(awkward.labels))
    with Image.open(path) as picture:
        colours = np.asarray(picture.convert("RGB"))
    for index, tissue in enumerate(awkward.tissues):
        assert np.all(colours[mask == index + 1] == tissue.colour)


@pytest.mark.parametrize("name", ALL)
def test_the_metadata_are_valid_and_name_tissues_colours_and_inputs(name, awkward, tmp_path):
    told = told_by(written(awkward, tmp_path, name))
    maps = maps_of(told)
    assert maps["napari-vslp/tissues"] == {str(i): n for i, n in enumerate(NAMES, start=1)}
    assert maps["napari-vslp/colours"]["1"] == "#66ffcc"
    assert maps["napari-vslp/provenance"]["inputs_sha256"] == inputs_hash(awkward.inputs)
    assert told.creator == "napari-vslp 0.1.0"
    assert len(told.images) == 1
    assert len(told.images[0].annotation_refs) == 3


@pytest.mark.parametrize("name", ALL)
def test_the_physical_size_is_told_twice_and_alike(name, awkward, tmp_path):
    path = written(awkward, tmp_path, name)
    pixels = told_by(path).images[0].pixels
    assert (pixels.physical_size_y, pixels.physical_size_x) == (0.5, 0.25)
    assert pixels.physical_size_x_unit.value == "µm"
    assert (pixels.size_y, pixels.size_x) == (40, 60)
    if name == "mask.ome.tif":
        assert open_raster(path).pixel_size_um == pytest.approx((0.5, 0.25))


def test_an_unknown_pixel_size_is_left_out(awkward, tmp_path):
    pixels = told_by(written(with_pixel_size(awkward, None), tmp_path, ALL[0])).images[0].pixels
    assert pixels.physical_size_x is None


def test_confidences_are_channels_with_names_and_colours(awkward, tmp_path):
    path = written(awkward, tmp_path, "confidence.ome.tif")
    values = tifffile.imread(path)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [on_whole(one) for one in awkward.confidence])
    channels = told_by(path).images[0].pixels.channels
    assert [one.name for one in channels] == list(NAMES)
    shown = [one.color.as_rgb_tuple(alpha=False) for one in channels]
    assert shown == [tissue.colour for tissue in awkward.tissues]


def test_energy_maps_are_channels_with_names(awkward, tmp_path):
    path = written(awkward, tmp_path, "energy.ome.tif")
    wanted = {
        "fidelity": awkward.fidelity_map,
        "regularisation": awkward.regularisation_map,
        "margin": awkward.margin,
        "gap": awkward.gap_map,
    }
    channels = told_by(path).images[0].pixels.channels
    assert [one.name for one in channels] == list(wanted)
    np.testing.assert_array_equal(tifffile.imread(path), [on_whole(m) for m in wanted.values()])


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (257, 700)])
def test_images_of_any_size_are_cut_to_tiles_and_put_together_again(shape, awkward, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, shape, dtype=np.uint8)
    confidence = rng.random((9, *shape)).astype(np.float32)
    large = replace(
        awkward,
        labels=labels,
        confidence=confidence,
        region=(0, 0, *shape),
        image_shape=shape,
    )
    mask = tifffile.imread(written(large, tmp_path / "m", "mask.ome.tif"))
    np.testing.assert_array_equal(mask.reshape(shape), labels)
    values = tifffile.imread(written(large, tmp_path / "c", "confidence.ome.tif"))
    np.testing.assert_array_equal(values.reshape(9, *shape), confidence)


def test_the_same_result_makes_the_same_file(awkward, tmp_path):
    one, two = (written(awkward, tmp_path / folder, ALL[0]).read_bytes() for folder in "ab")
    assert one == two
    told = told_by(tmp_path / "a" / ALL[0])
    assert uuid.UUID(told.uuid.removeprefix("urn:uuid:")).version == 5


def test_names_that_xml_cannot_hold_do_not_break_the_file(awkward, tmp_path):
    odd = (replace(awkward.tissues[0], name="a\ufffeb"), *awkward.tissues[1:])
    told = told_by(written(replace(awkward, tissues=odd), tmp_path, "confidence.ome.tif"))
    assert told.images[0].pixels.channels[0].name == "a\ufffdb"


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (127, 255, 1), (128, 0, 0)])
def test_colours_are_signed_numbers_of_32_bits(colour):
    number = ome_colour(colour)
    assert -(2**31) <= number < 2**31
    assert tuple((number & 0xFFFFFFFF).to_bytes(4, "big")) == (*colour, 255)
