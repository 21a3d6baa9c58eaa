"""Any usual image becomes 8-bit RGB and says how; what is no image is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.array import check_region, crop, image_shape, to_rgb

RGB = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
RGB[0, 0], RGB[0, 1] = 0, 255


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
    ],
)
def test_what_can_be_converted_is_and_says_so(image, expected, said):
    rgb, notes = to_rgb(image)
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
        (RGB.astype(np.int64) * 1000, "from 0 to 255000"),
        (np.broadcast_to(np.uint8(0), (10_001, 10_000, 3)), "choose a region"),
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(image, said):
    with pytest.raises(VslpError, match=said) as caught:
        to_rgb(image)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 1, 4)])
def test_one_pixel_is_an_image(shape):
    assert to_rgb(np.full(shape, 255, np.uint8))[0].shape == (1, 1, 3)


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
        rgb, _ = to_rgb(image)
    except VslpError:
        assert image.ndim == 3
        return
    assert rgb.shape == (*image_shape(image), 3)
    assert rgb.dtype == np.uint8


@given(hnp.arrays(np.uint16, (4, 5), elements=st.integers(0, 65535)))
def test_brightness_keeps_its_order(image):
    rgb, _ = to_rgb(image)
    order = np.argsort(image, axis=None, kind="stable")
    assert np.all(np.diff(rgb[:, :, 0].ravel()[order].astype(int)) >= 0)


def test_a_region_is_cut_where_it_says():
    assert check_region(None, (6, 7)) == (0, 0, 6, 7)
    region = check_region((1, 2, 4, 7), (6, 7))
    np.testing.assert_array_equal(crop(RGB, region), RGB[1:4, 2:7])
    np.testing.assert_array_equal(crop(RGB.transpose(2, 0, 1), region), RGB[1:4, 2:7])


@pytest.mark.parametrize("region", [(0, 0, 0, 5), (4, 0, 2, 5), (-1, 0, 3, 3), (0, 0, 7, 7)])
def test_a_region_that_is_empty_or_outside_is_refused(region):
    with pytest.raises(VslpError, match="choose a region inside"):
        check_region(region, (6, 7))


def test_a_region_of_a_huge_image_is_cut_without_reading_the_rest():
    huge = np.broadcast_to(np.uint8(7), (200_000, 200_000, 3))
    assert crop(huge, (5, 5, 9, 9)).shape == (4, 4, 3)
