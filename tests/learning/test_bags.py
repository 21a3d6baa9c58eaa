"""The bags of a cohort in memory, and the patches drawn from them."""

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.proportions.bags import BagImage, Draws, Patches, load_bags
from napari_vslp.learning.proportions.losses import IGNORED

from .made import section


@pytest.fixture
def make(tmp_path):
    """Write images and a table, and read it."""

    def made(text, **images):
        for name, image in images.items():
            Image.fromarray(image).save(tmp_path / f"{name}.png")
        path = tmp_path / "cohort.csv"
        path.write_text(text, encoding="utf-8")
        return read_cohort(path)

    return made


def half_white(side=64):
    image = section(0.5, side, 0)[0]
    image[:, : side // 2] = 250
    return image


def white(side=64):
    return np.full((side, side, 3), 248, np.uint8)


def test_bytes_are_kept_and_every_cell_counts_without_white(make):
    image = section(0.5, 64, 0)[0]
    bags = load_bags(make("image,x,y\na.png,40±5,60±5\n", a=image))
    (bag,) = bags.items
    assert (bags.tissues, bags.white) == (("x", "y"), ())
    assert bag.pixels.dtype == torch.uint8
    assert np.array_equal(bag.pixels.permute(1, 2, 0), image)
    assert bag.tissue.shape == (16, 16)
    assert bag.tissue.all()
    assert bag.lower == pytest.approx([0.35, 0.55])
    assert bag.upper == pytest.approx([0.45, 0.65])


def test_white_is_left_out_and_the_other_shares_become_shares_of_the_rest(make):
    text = "image,background,x,y\na.png,50,20,30\n"
    bags = load_bags(make(text, a=half_white()))
    (bag,) = bags.items
    assert (bags.tissues, bags.white) == (("x", "y"), ("background",))
    assert bag.lower == pytest.approx([0.4, 0.6])
    assert bag.upper == pytest.approx([0.4, 0.6])
    # The border of white is smoothed by a pixel or two.
    assert not bag.tissue[:, :7].any()
    assert bag.tissue[:, 9:].float().mean() > 0.95


def test_white_known_as_an_interval_widens_the_others(make):
    text = "image,background lo,background hi,x,y lo,y hi\na.png,40,60,20,20,40\n"
    (bag,) = load_bags(make(text, a=half_white())).items
    # x is 20 of at least 40 and at most 60 points of tissue.
    assert bag.lower[0] == pytest.approx(0.2 / 0.6)
    assert bag.upper[0] == pytest.approx(0.2 / 0.4)
    assert bag.lower.sum() <= 1 <= bag.upper.sum()


def test_a_table_of_nothing_but_white_says_nothing_of_the_tissue_that_is_there(make):
    text = "image,background,x,y\na.png,100,0,0\n"
    (bag,) = load_bags(make(text, a=half_white())).items
    assert (bag.lower.tolist(), bag.upper.tolist()) == ([0, 0], [1, 1])


def test_images_of_white_alone_are_dropped(make):
    text = "image,glass,x,y\na.png,50,20,30\nb.png,100,0,0\n"
    bags = load_bags(make(text, a=half_white(), b=white()))
    assert [bag.bag.image.name for bag in bags.items] == ["a.png"]
    lower, upper = bags.bounds()
    assert lower.shape == upper.shape == (1, 2)
    with pytest.raises(VslpError, match="All images are white"):
        load_bags(make("image,glass,x,y\nb.png,100,0,0\n", b=white()))


def test_one_tissue_besides_white_is_nothing_to_learn(make):
    with pytest.raises(VslpError, match="only one tissue is left to learn"):
        load_bags(make("image,background,x\na.png,50,50\n", a=half_white()))


def test_an_image_that_is_too_small_is_named_with_its_row(make):
    cohort = make("image,x,y\na.png,1,0\nb.png,0,1\n", a=half_white(), b=half_white()[:31])
    with pytest.raises(VslpError, match=r"row 3, b\.png, is only 31 × 64 px.*below 32") as caught:
        load_bags(cohort)
    assert str(caught.value).endswith(".")


def test_regions_are_cut_out_and_read_as_rows_then_columns(make):
    image = section(0.5, 96, 0)[0]
    text = 'image,region,x,y\na.png,"8,16,44,80",1,0\n'
    (bag,) = load_bags(make(text, a=image)).items
    assert np.array_equal(bag.pixels.permute(1, 2, 0), image[8:44, 16:80])
    with pytest.raises(VslpError, match="region"):
        load_bags(make('image,region,x,y\na.png,"8,16,44,800",1,0\n', a=image))


def test_sizes_that_4_does_not_divide_are_continued_by_reflection(make):
    image = section(0.5, 64, 0)[0][:50, :61]
    (bag,) = load_bags(make("image,background,x,y\na.png,0,1,0\n", a=image)).items
    assert bag.pixels.shape == (3, 52, 64)
    assert bag.tissue.shape == (13, 16)
    assert np.array_equal(bag.pixels[:, :50, :61].permute(1, 2, 0), image)
    assert torch.equal(bag.pixels[:, 50], bag.pixels[:, 48])


def test_grey_images_become_three_channels(make):
    (bag,) = load_bags(make("image,x,y\na.png,1,0\n", a=section(0.5, 64, 0)[0][..., 0])).items
    assert bag.pixels.shape == (3, 64, 64)


def test_reading_tells_how_far_it_is_and_stops_when_told_to(make):
    text = "image,x,y\na.png,1,0\nb.png,0,1\n"
    token, seen = CancelToken(), []

    def look(progress):
        seen.append((progress.stage, progress.fraction))
        token.cancel()

    with pytest.raises(Cancelled):
        load_bags(make(text, a=half_white(), b=half_white()), Job(token, look))
    assert seen == [("Reading the images", 0.0)]


def test_a_damaged_image_is_refused_in_one_sentence(make, tmp_path):
    cohort = make("image,x,y\na.png,1,0\n", a=half_white())
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    with pytest.raises(VslpError, match=r"a\.png"):
        load_bags(cohort)


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
