"""Any usual array becomes 8-bit RGB and says how; what is no image is refused."""

import dask.array
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.contract import Raster, check_region, open_raster

RGB = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
RGB[0, 0], RGB[0, 1] = 0, 255


def read(image, box=None):
    raster = open_raster(image)
    return raster.read(box), raster.notes


def with_alpha(alpha):
    return np.dstack([RGB, np.full(RGB.shape[:2], alpha, np.uint8)])


@pytest.mark.parametrize(
    ("image", "expected", "said"),
    [
        (RGB, RGB, ()),
        (RGB[:, :, 0], RGB[:, :, [0, 0, 0]], ("grey",)),
        (RGB[:, :, :1], RGB[:, :, [0, 0, 0]], ("grey",)),
        (RGB[None], RGB, ()),
        (RGB.transpose(2, 0, 1), RGB, ("channels came first",)),
        (with_alpha(255), RGB, ("opaque",)),
        (with_alpha(0), np.full_like(RGB, 255), ("laid on white",)),
        (RGB.astype(np.uint16), RGB, ()),
        (RGB.astype(np.uint16) * 257, RGB, ("16 bits",)),
        (RGB.astype(np.int32) * 16, None, ("12 bits",)),
        (RGB / 255, RGB, ("0 to 1",)),
        (RGB.astype(np.float16), RGB, ("rounded",)),
        (RGB > 127, np.where(RGB > 127, 255, 0), ("black and white",)),
        (RGB[:, :, 0].astype(np.uint16) * 257, RGB[:, :, [0, 0, 0]], ("16 bits", "grey")),
        (RGB.tolist(), RGB, ()),
        (torch.from_numpy(RGB / 255.0).requires_grad_(), RGB, ("0 to 1",)),
        (Image.fromarray(RGB), RGB, ()),
    ],
)
def test_what_can_be_converted_is_and_says_so(image, expected, said):
    rgb, notes = read(image)
    assert rgb.dtype == np.uint8
    assert rgb.shape == RGB.shape
    if expected is not None:
        np.testing.assert_array_equal(rgb, expected)
    assert len(notes) == len(said)
    for note, words in zip(notes, said, strict=True):
        assert words in note
        assert note.endswith(".")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((5, 6, 7)), r"stack of images \(5 × 6 × 7\)"),
        (np.zeros((2, 3, 4, 5, 3)), "stack of images"),
        (np.zeros((0, 6, 3)), "empty"),
        (np.zeros(6), "not an image"),
        (np.float64(3), "not an image"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.full((4, 4), "a"), "no brightness"),
        (None, "no brightness"),
        ([np.zeros((4, 4, 3)), np.zeros((2, 2, 3))], "list of arrays"),
        (np.where(RGB > 9, RGB, np.nan), "no numbers"),
        (np.where(RGB > 9, RGB, np.inf), "no numbers"),
        (RGB.astype(float) - 9, "from -9 to 246"),
        (RGB.astype(np.int16) - 9, "from -9 to 246"),
        (RGB.astype(float) * 4, "from 0 to 1020"),
        (RGB / 255 * 2, "from 0 to 2"),
        (RGB.astype(np.int64) * 1000, "from 0 to 255000"),
        (np.broadcast_to(np.uint8(0), (10_001, 10_000, 3)), "choose a region"),
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(image, said):
    with pytest.raises(VslpError, match=said) as caught:
        read(image)
    assert str(caught.value).endswith(".")


def test_a_table_is_no_image():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(VslpError, match="table is no image"):
        open_raster(pandas.DataFrame(RGB[:, :, 0]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 1, 4)])
def test_one_pixel_is_an_image(shape):
    assert read(np.full(shape, 255, np.uint8))[0].shape == (1, 1, 3)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.bool_]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=5),
        elements={"min_value": 0, "max_value": 255},
        fill=st.nothing(),
    )
)
def test_an_image_becomes_rgb_of_its_size_or_is_refused(image):
    try:
        raster = open_raster(image)
        rgb = raster.read()
    except VslpError:
        # A stack, or real numbers of which nobody can tell whether 1 or 255 is white.
        assert image.ndim == 3 or 1 < image.max() < 4
        return
    assert rgb.shape == (*raster.shape, 3)
    assert rgb.dtype == np.uint8


@given(hnp.arrays(np.uint16, (4, 5), elements=st.integers(0, 65535)))
def test_brightness_keeps_its_order(image):
    rgb, _ = read(image)
    order = np.argsort(image, axis=None, kind="stable")
    assert np.all(np.diff(rgb[:, :, 0].ravel()[order].astype(int)) >= 0)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        (5, 6, 3),
        elements={"min_value": 0, "max_value": 1},
    ),
    st.tuples(st.integers(0, 4), st.integers(0, 5)),
)
def test_a_pixel_is_the_same_in_every_box(image, corner):
    image = (image * 200).astype(image.dtype) if image.dtype != np.float32 else image
    raster = open_raster(image)
    part = open_raster(image).read((*corner, 5, 6))
    np.testing.assert_array_equal(part, raster.read()[corner[0] :, corner[1] :])


def test_a_dim_region_is_as_dim_as_in_the_whole():
    wide = np.full((8, 8, 3), 60_000, np.uint16)
    wide[2:4, 2:4] = 2570
    np.testing.assert_array_equal(read(wide, (2, 2, 4, 4))[0], 10)
    real = wide / 65_535
    np.testing.assert_array_equal(read(real, (2, 2, 4, 4))[0], 10)


def test_a_region_is_cut_where_it_says():
    assert check_region(None, (6, 7)) == (0, 0, 6, 7)
    region = check_region((1, 2, 4, 7), (6, 7))
    np.testing.assert_array_equal(read(RGB, region)[0], RGB[1:4, 2:7])
    np.testing.assert_array_equal(read(RGB.transpose(2, 0, 1), region)[0], RGB[1:4, 2:7])


@pytest.mark.parametrize(
    "region",
    [(0, 0, 0, 5), (4, 0, 2, 5), (-1, 0, 3, 3), (0, 0, 7, 7), (1, 2), "all", (0, 0, "a", 1)],
)
def test_a_region_that_is_empty_or_outside_is_refused(region):
    with pytest.raises(VslpError, match=r"choose a region inside|no region"):
        check_region(region, (6, 7))


def test_a_region_of_a_huge_image_is_cut_without_reading_the_rest():
    huge = np.broadcast_to(np.uint8(7), (200_000, 200_000, 3))
    assert open_raster(huge).read((5, 5, 9, 9)).shape == (4, 4, 3)


def counted(seen, dtype=np.uint8):
    def chunk(block_info=None):
        place = block_info[None]
        seen.append(tuple(place["chunk-location"][:2]))
        return np.full(place["chunk-shape"], 200, dtype)

    return dask.array.map_blocks(chunk, chunks=((50,) * 4, (40,) * 5, (3,)), dtype=dtype)


def test_of_a_lazy_image_only_the_chunks_below_the_region_are_read_each_once():
    seen = []
    raster = open_raster(counted(seen))
    assert raster.shape == (200, 200)
    assert not seen
    raster.read((60, 85, 90, 130))
    assert sorted(seen) == [(1, 2), (1, 3)]


def test_where_only_the_values_tell_the_depth_each_chunk_is_looked_at_once_for_it():
    seen = []
    raster = open_raster(counted(seen, np.uint16))
    raster.read((60, 85, 90, 130))
    raster.read((0, 0, 10, 10))
    assert len(seen) == 20 + 2 + 1


def test_the_depth_of_a_huge_image_comes_from_the_same_sample_for_every_region():
    huge = np.broadcast_to(np.uint16(4000), (20_000, 20_000, 3))
    rgb, notes = read(huge, (5, 5, 9, 9))
    np.testing.assert_array_equal(rgb, round(4000 / 4095 * 255))
    assert "sample" in notes[0]


def test_values_beyond_the_sample_are_refused_and_never_clipped_in_silence():
    class Spotted:
        """Bright at one place that the sample does not see."""

        shape, dtype, ndim = (20_000, 20_000), np.dtype(np.uint16), 2

        def __getitem__(self, at):
            rows, columns = at
            block = np.full((rows.stop - rows.start, columns.stop - columns.start), 900, np.uint16)
            if rows.start == 700 and columns.start == 700:
                block[:] = 60_000
            return block

    raster = open_raster(Spotted())
    assert raster.read((0, 0, 9, 9)).max() > 200
    with pytest.raises(VslpError, match="sample"):
        raster.read((700, 700, 720, 720))


@pytest.mark.parametrize("top", [1.00001, 1.004, 1.1])
def test_a_hair_above_one_is_clipped_and_said(top):
    values = RGB / 255
    values[0, 1] = top
    values[0, 0] = -1e-9
    rgb, notes = read(values)
    np.testing.assert_array_equal(rgb, RGB)
    assert "clipped" in notes[0]


def test_a_hair_beyond_0_to_255_is_clipped_and_said():
    values = RGB.astype(float)
    values[0, 1], values[0, 0] = 255.001, -1e-9
    rgb, notes = read(values)
    np.testing.assert_array_equal(rgb, RGB)
    assert "clipped" in notes[0]


@pytest.mark.parametrize("opaque", [4095, 65_535, 1])
def test_alpha_does_not_tell_how_deep_colours_are(opaque):
    deep = np.dstack([RGB.astype(np.uint16) * 16, np.full((6, 7), opaque, np.uint16)])
    rgb, notes = read(deep)
    np.testing.assert_array_equal(rgb, read(deep[:, :, :3])[0])
    assert any("opaque" in note for note in notes)


def test_masked_pixels_are_background():
    hidden = np.zeros(RGB.shape, bool)
    hidden[2:4, 3:6] = True
    want = RGB.copy()
    want[2:4, 3:6] = 255
    for values in (RGB, np.where(hidden, np.nan, RGB / 255)):
        rgb, notes = read(np.ma.masked_array(values, hidden))
        np.testing.assert_array_equal(rgb, want)
        assert any("Masked" in note for note in notes)
    lazy = dask.array.from_array(np.ma.masked_array(RGB, hidden), chunks=(3, 4, 3))
    np.testing.assert_array_equal(read(lazy)[0], want)


@pytest.mark.parametrize("mode", ["P", "HSV", "YCbCr", "CMYK", "LA", "RGBa"])
def test_pictures_of_pillow_are_shown_in_their_colours(mode):
    whole = Image.fromarray(RGB)
    picture = whole.convert("RGBA").convert(mode) if mode == "RGBa" else whole.convert(mode)
    np.testing.assert_array_equal(read(picture)[0], np.asarray(picture.convert("RGB")))


def test_lab_pictures_are_refused_by_name():
    with pytest.raises(VslpError, match="LAB colours"):
        open_raster(Image.new("LAB", (4, 4)))


class Named(np.ndarray):
    """An array whose axes have names, as xarray's have."""

    dims = ()


def named(values, dims):
    array = values.view(Named)
    array.dims = dims
    return array


def test_axes_with_names_are_taken_by_their_names():
    np.testing.assert_array_equal(read(named(RGB.transpose(2, 0, 1), ("c", "y", "x")))[0], RGB)
    np.testing.assert_array_equal(read(named(RGB.transpose(1, 0, 2), ("x", "y", "c")))[0], RGB)
    np.testing.assert_array_equal(read(named(RGB[None], ("t", "y", "x", "c")))[0], RGB)
    with pytest.raises(VslpError, match="3 images along “z”"):
        open_raster(named(RGB.transpose(2, 0, 1), ("z", "y", "x")))


def test_the_hash_is_of_the_pixels_read():
    raster = open_raster(RGB)
    assert isinstance(raster, Raster)
    assert raster.sha256() == open_raster(RGB.transpose(2, 0, 1)).sha256()
    assert raster.sha256() == open_raster(RGB.astype(np.uint16) * 257).sha256()
    assert raster.sha256() != open_raster(255 - RGB).sha256()
    assert raster.sha256() != open_raster(RGB.reshape(7, 6, 3)).sha256()
    assert open_raster(np.broadcast_to(np.uint8(7), (200_000, 200_000, 3))).sha256() is None
