"""Of several images in a file the slide is read; stacks and sets with gaps are refused."""

import numpy as np
import pytest
import tifffile

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.contract import open_raster
from tests.raster.made import GREY, RGB, read, save_tiff

SMALL = np.ascontiguousarray(255 - RGB[::2, ::2])


def write(path, *images, **options):
    with tifffile.TiffWriter(path, **options) as file:
        for image, about in images:
            file.write(image, **{"photometric": "rgb", "metadata": None, **about})
    return path


REDUCED = (SMALL, {"subfiletype": 1})
BIG_LABEL = (np.tile(SMALL, (4, 4, 1)), {"description": "label 68x48"})


@pytest.mark.parametrize(
    "images",
    [
        [(RGB, {}), REDUCED],
        [REDUCED, (RGB, {})],
        [(SMALL, {}), (RGB, {})],
        [(RGB, {}), BIG_LABEL],
        [BIG_LABEL, REDUCED, (RGB, {})],
    ],
)
def test_the_largest_image_that_is_no_reduction_or_label_is_read(tmp_path, images):
    rgb, notes = read(write(tmp_path / "a.tif", *images))
    np.testing.assert_array_equal(rgb, RGB)
    # What follows an image at half its size is a level of it.
    assert images[-1] is REDUCED or "12 × 17 px, was read" in notes[0]


def test_a_lone_reduction_is_better_than_nothing(tmp_path):
    np.testing.assert_array_equal(read(write(tmp_path / "a.tif", REDUCED))[0], SMALL)


def test_equal_candidates_are_asked_for(tmp_path):
    path = write(tmp_path / "a.tif", (RGB, {"tile": (16, 16)}), (RGB, {}))
    with pytest.raises(VslpError, match="2 images of the same size"):
        open_raster(path)
    path = write(tmp_path / "b.tif", (RGB, {}), (255 - RGB, {}))
    with pytest.raises(VslpError, match=r"stack of images \(2 pages\)"):
        open_raster(path)


OWN = {"axes": "YXS", "Name": "20x"}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("size", [None, 0.5])
def test_an_image_has_its_own_pixel_size_never_the_macros(tmp_path, order, size):
    own = {**OWN, "PhysicalSizeX": size, "PhysicalSizeY": size} if size else OWN
    macro = {"axes": "YXS", "Name": "macro", "PhysicalSizeX": 15.0, "PhysicalSizeY": 15.0}
    images = [(RGB, {"metadata": own}), (SMALL, {"metadata": macro})][::order]
    raster = open_raster(write(tmp_path / "a.ome.tif", *images))
    np.testing.assert_array_equal(raster.read(), RGB)
    assert raster.pixel_size_um == (None if size is None else (size, size))
    assert any("20x" in note for note in raster.notes)


@pytest.mark.parametrize(
    ("axes", "count", "said"),
    [("ZYX", 3, "3 slices"), ("TYX", 4, "4 time points"), ("CYX", 3, "3 channels")],
)
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_stacks_are_no_colours(tmp_path, axes, count, said, kind):
    path = tmp_path / f"a.{'ome.' if kind == 'ome' else ''}tif"
    stack = np.stack([GREY] * count)
    options = {"imagej": True} if kind == "imagej" else {"photometric": "minisblack"}
    tifffile.imwrite(path, stack, metadata={"axes": axes}, **options)
    with pytest.raises(VslpError, match=said):
        open_raster(path)


def test_a_stack_of_colour_images_is_one_too(tmp_path):
    stack = np.stack([RGB, RGB])
    path = save_tiff(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYXS"})
    with pytest.raises(VslpError, match="2 slices"):
        open_raster(path)


def ome_set(folder, count, companion=None):
    """Write one file of a set whose image spans `count` files."""
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="set{z}.ome.tif">'
        f"urn:uuid:{z}1111111-1111-1111-1111-111111111111</UUID></TiffData>"
        for z in range(count)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:01111111-1111-1111-1111-111111111111"><Image ID="Image:0"><Pixels '
        'ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="17" SizeY="12" SizeC="3" '
        f'SizeZ="{count}" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="3"/>{planes}'
        "</Pixels></Image></OME>"
    )
    if companion:
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME '
            'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
            f'<BinaryOnly MetadataFile="{companion}" UUID="urn:uuid:2"/></OME>'
        )
    return save_tiff(folder / "set0.ome.tif", description=xml)


def test_a_set_with_gaps_is_refused_and_a_missing_description_is_said(tmp_path):
    with pytest.raises(VslpError, match=r"missing|slices"):
        open_raster(ome_set(tmp_path, 2))
    np.testing.assert_array_equal(read(ome_set(tmp_path, 1))[0], RGB)
    rgb, notes = read(ome_set(tmp_path, 1, "all.companion.ome"))
    np.testing.assert_array_equal(rgb, RGB)
    assert any("all.companion.ome" in note for note in notes)


def test_what_is_left_of_a_stack_that_was_cut_off_is_no_image(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, RGB.transpose(2, 0, 1), imagej=True, metadata={"axes": "ZYX"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(VslpError, match="incomplete: it tells of 3 images"):
        open_raster(path)
