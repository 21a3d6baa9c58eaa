"""Patches with their labels: on the same grid, and the same ones in every run."""

import pytest
import torch

from napari_vslp.learning.proportions.bag_images import BagImage
from napari_vslp.learning.proportions.losses import IGNORED
from napari_vslp.learning.proportions.patches import Draws, Patches


def painted(height, width):
    """Return a bag whose pixels show the label of their cell, which differ from cell to cell."""
    labels = (torch.arange(height * width) % 120).reshape(height, width).to(torch.int8)
    pixels = labels.repeat_interleave(4, 0).repeat_interleave(4, 1).to(torch.uint8)
    tissue = torch.ones(height, width, dtype=torch.bool)
    return BagImage(pixels.expand(3, -1, -1), tissue, None, None, None), labels


@pytest.mark.parametrize(("height", "width"), [(16, 16), (30, 21), (9, 40), (8, 8), (3, 5), (2, 1)])
def test_labels_lie_on_their_pixels_even_where_a_small_image_is_continued(height, width):
    bag, labels = painted(height, width)
    patches = Patches([bag], [labels], 64)
    for seed in range(5):
        image, cut = patches[0, seed]
        assert image.shape == (3, 64, 64)
        assert image.dtype == torch.uint8
        assert cut.shape == (16, 16)
        shown = cut.repeat_interleave(4, 0).repeat_interleave(4, 1)
        assert torch.equal(image[1], shown.to(torch.uint8))


def test_small_images_are_mirrored_at_their_border():
    bag, labels = painted(2, 4)
    _, cut = Patches([bag], [labels], 16)[0, 0]
    assert cut.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7], [0, 1, 2, 3]]


def test_places_differ_between_seeds_and_not_between_runs():
    bag, labels = painted(40, 40)
    patches = Patches([bag], [labels], 64)
    places = [int(patches[0, seed][1][0, 0]) for seed in range(20)]
    assert places == [int(Patches([bag], [labels], 64)[0, seed][1][0, 0]) for seed in range(20)]
    assert len(set(places)) > 10


def test_patches_without_labels_are_avoided():
    bag, labels = painted(64, 64)
    labels = torch.full_like(labels, IGNORED)
    labels[:, :32] = 1
    found = [(Patches([bag], [labels], 64)[0, s][1] != IGNORED).any() for s in range(60)]
    # Half of the places see labels: by four tries, nearly all patches do.
    assert sum(found) > 50
    nothing = torch.full_like(labels, IGNORED)
    assert Patches([bag], [nothing], 64)[0, 0][1].shape == (16, 16)


def draws(areas, count, epoch, seed=7):
    return list(Draws(torch.tensor(areas).double(), count, seed, lambda: epoch))


def test_every_bag_comes_once_before_any_comes_again_across_epochs():
    found = [index for epoch in range(5) for index, _ in draws([2.0] * 6, 4, epoch)]
    assert len(found) == 20
    for start in (0, 6, 12):
        assert sorted(found[start : start + 6]) == list(range(6))
    assert found[:6] != found[6:12]


def test_an_epoch_draws_the_same_in_every_run_and_no_place_comes_twice():
    assert draws([1.0, 2.0, 5.0], 12, 3) == draws([1.0, 2.0, 5.0], 12, 3)
    assert draws([1.0] * 9, 12, 3) != draws([1.0] * 9, 12, 3, seed=8)
    seeds = [seed for epoch in range(4) for _, seed in draws([1.0] * 5, 12, epoch)]
    assert len(set(seeds)) == 48


def test_large_images_are_drawn_more_often():
    found = [index for index, _ in draws([1.0, 9.0], 2000, 0)]
    assert 0.85 < sum(found) / 2000 < 0.95


def test_an_area_is_counted_in_patches():
    bag, labels = painted(16, 32)
    small, few = painted(4, 4)
    patches = Patches([bag, small], [labels, few], 64)
    assert patches.areas.tolist() == [2.0, 1.0]
    assert len(patches) == 2
    assert len(Draws(patches.areas, 12, 0, lambda: 0)) == 12
