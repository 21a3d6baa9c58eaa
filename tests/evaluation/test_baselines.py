"""What can be had without a model."""

import numpy as np
import pytest

from napari_vslp.evaluation.baselines import (
    BASELINES,
    BaselineInput,
    by_darkness,
    foreground_of,
    haematoxylin,
)

NUCLEI, COLLAGEN, GLASS = (90, 60, 140), (230, 170, 200), (245, 245, 245)


def stripes():
    """Return a dark, a pale and a white stripe with their places."""
    image = np.empty((60, 90, 3), np.uint8)
    truth = np.repeat([0, 1, 2], 30)[None].repeat(60, 0)
    for index, colour in enumerate((NUCLEI, COLLAGEN, GLASS)):
        image[truth == index] = colour
    return image, truth


def labels(key, one_input):
    return next(one for one in BASELINES if one.key == key).labels(one_input)


def given(tissues, shares, foreground=0):
    image, truth = stripes()
    return BaselineInput(
        image, (truth == 2).astype(np.float32), np.array(shares), tissues, foreground
    )


def test_the_tissue_of_interest_is_gland_or_tumour_or_else_not_other():
    shares = np.array([[0.1, 0.2, 0.7]])
    assert foreground_of(["stroma", "tumour", "background"], shares) == 1
    assert foreground_of(["other", "lymphocytes", "white"], shares) == 1
    assert foreground_of(["adenoma", "carcinoma", "white"], shares) == 1
    assert foreground_of(["other", "gland"], np.array([[0.9, 0.1]])) == 1


def test_gland_and_tumour_are_taken_for_the_darkest():
    assert by_darkness(["stroma", "tumour", "background", "muscle"]) == [1, 0, 3]
    assert by_darkness(["other", "gland"]) == [1, 0]


def test_haematoxylin_is_where_the_nuclei_are():
    image, truth = stripes()
    blue = haematoxylin(image)
    assert blue[truth == 0].mean() > blue[truth == 1].mean() > blue[truth == 2].mean()


def test_all_foreground_is_all_foreground():
    assert (labels("baseline_all_foreground", given(("other", "gland"), (0.5, 0.5), 1)) == 1).all()


@pytest.mark.parametrize("key", ["baseline_otsu", "baseline_own_share"])
def test_three_tissues_are_told_apart_by_white_and_haematoxylin(key):
    tissues = ("stroma", "tumour", "background")
    found = labels(key, given(tissues, (1 / 3, 1 / 3, 1 / 3)))
    _, truth = stripes()
    expected = np.array([1, 0, 2])[truth]
    assert (found == expected).mean() > 0.95
    assert np.array_equal(found == 2, truth == 2)


def test_more_than_two_stained_tissues_take_more_thresholds():
    found = labels("baseline_otsu", given(("tumour", "stroma", "fat"), (0.3, 0.3, 0.4)))
    # The blurred stain falls from left to right, and the tissues follow it in their order.
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found[:, :25] == 0).all()
    assert set(np.unique(found)) == {0, 1, 2}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_own_share_is_met_to_the_pixel(share):
    found = labels("baseline_own_share", given(("other", "gland"), (1 - share, share)))
    assert (found == 1).sum() == round(share * found.size)


def test_an_even_image_breaks_nothing():
    image = np.full((20, 20, 3), 128, np.uint8)
    white = np.zeros((20, 20), np.float32)
    for tissues in (("other", "gland"), ("tumour", "stroma", "fat"), ("tumour", "glass")):
        shares = np.full(len(tissues), 1 / len(tissues))
        for one in BASELINES:
            found = one.labels(BaselineInput(image, white, shares, tissues, 0))
            assert found.shape == (20, 20)
            assert set(np.unique(found)) <= set(range(len(tissues)))
