"""What colours say: sharp where they tell the tissues, silent where they do not."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_vslp.confidence.colours import BINS, add_colours, colours_of, told_share
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.pipeline import fuse, prepare

SHAPE = (96, 120)
NOTHING = torch.zeros(2, dtype=torch.bool)


def septa(seed=0):
    """Return purple tissue with thin pink septa beside pink, where it is, and a blurred view."""
    generator = np.random.default_rng(seed)
    columns = np.arange(SHAPE[1])
    purple = np.zeros(SHAPE, bool)
    purple[:, (columns >= 40) & (columns % 24 >= 4)] = True
    image = np.where(purple[..., None], (110, 60, 150), (225, 160, 195))
    image = image + generator.normal(0, 12, (*SHAPE, 3))
    seen = 0.05 + 0.9 * gaussian_filter(purple.astype(np.float32), 6)
    return np.clip(image, 0, 255).astype(np.uint8), purple, np.stack([1 - seen, seen])


def told(image, seen, settled=NOTHING):
    return add_colours(torch.from_numpy(seen), colours_of(image), settled).numpy()


def test_colours_sharpen_what_was_blurred_away():
    image, purple, seen = septa()
    found = told(image, seen)
    before, after = ((c.argmax(0) == 1) != purple for c in (seen, found))
    assert before.mean() > 0.1
    assert after.mean() < 0.6 * before.mean()


def test_the_simplex_is_kept_and_nothing_is_certain():
    image, _, seen = septa()
    found = told(image, seen)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    assert found.min() >= 0
    assert found.dtype == np.float32


def test_settled_tissues_keep_their_confidence_to_the_bit():
    image, _, seen = septa()
    white = np.full((1, *SHAPE), 0.25, np.float32)
    three = np.concatenate([seen * (1 - white), white])
    found = told(image, three, torch.tensor([False, False, True]))
    np.testing.assert_array_equal(found[2], three[2])
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    assert abs(found[0] - three[0]).max() > 0.1
    alone = told(image, three, torch.tensor([False, True, True]))
    np.testing.assert_array_equal(alone, three)


def test_colours_that_tell_nothing_change_next_to_nothing():
    seen = septa()[2]
    noise = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    assert abs(told(noise, seen) - seen).max() < 0.05
    blank = np.full((*SHAPE, 3), 200, np.uint8)
    np.testing.assert_allclose(told(blank, seen), seen, atol=1e-6)


def test_a_paler_stain_has_the_same_colours():
    image, _, seen = septa()
    paler = (150 + image.astype(np.float32) * 0.4).round().astype(np.uint8)
    ours, theirs = told(image, seen), told(paler, seen)
    assert abs(theirs - ours).mean() < 0.01 * abs(ours - seen).mean()


def test_flipping_flips():
    image, _, seen = septa()
    turned = told(np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(seen[..., ::-1]))
    np.testing.assert_allclose(turned[..., ::-1], told(image, seen), atol=1e-5)


def test_an_absent_tissue_is_not_called_up():
    image = septa()[0]
    none = np.stack([np.full(SHAPE, 0.999), np.full(SHAPE, 0.001)]).astype(np.float32)
    assert (told(image, none)[1] < 0.05).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3)])
def test_the_smallest_images_have_colours_too(shape):
    image = np.random.default_rng(2).integers(0, 256, (*shape, 3)).astype(np.uint8)
    bins = colours_of(image).bins
    assert bins.shape == shape
    assert bins.dtype == np.uint8
    even = np.full((3, *shape), 1 / 3, np.float32)
    found = told(image, even, torch.zeros(3, dtype=torch.bool))
    np.testing.assert_allclose(found, even, atol=1e-5)


def test_the_share_told_goes_from_nothing_to_all():
    colours = BINS * BINS
    assert told_share(np.ones((3, colours))) == pytest.approx(0)
    apart = np.zeros((2, colours))
    apart[0, :100], apart[1, 100:] = 1, 3
    assert told_share(apart) == pytest.approx(1)
    assert told_share(np.ones((1, colours))) == 0


def test_the_setting_switches_them_off_and_back_on():
    image = np.ascontiguousarray(tumour_nest().image[:160, :160])
    tissues = (Tissue("gland"), Tissue("other"))
    prepared = prepare(image, settings=Settings(augmentation=False, cache=False))
    maps = [
        fuse(prepared, tissues, settings=Settings(colours=on, tolerance=1e-2)).confidence
        for on in (True, False, True)
    ]
    np.testing.assert_array_equal(maps[0], maps[2])
    assert abs(maps[0] - maps[1]).max() > 0.1
