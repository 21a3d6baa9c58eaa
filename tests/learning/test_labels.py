"""The teacher's labels: within the typed shares, to a cell, whatever is read together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import Job
from napari_vslp.core.proportions import largest_remainder
from napari_vslp.learning.proportions.bags import BagImage, Bags
from napari_vslp.learning.proportions.labels import (
    cut,
    first_labels,
    network_scores,
    next_labels,
    one_hot,
    true_labels,
)
from napari_vslp.learning.proportions.losses import IGNORED
from napari_vslp.learning.proportions.model import Start

from .made import TINY, job_until, section

CPU = torch.device("cpu")
HALF = (0.5, 0.5, 0.5)


def a_bag(height=48, width=48, seed=0, lower=(0.5, 0.5), upper=(0.5, 0.5)):
    image = section(0.5, max(height, width), seed)[0][:height, :width]
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())
    tissue = torch.ones(height // 4, width // 4, dtype=torch.bool)
    return BagImage(pixels, tissue, np.array(lower), np.array(upper), None)


class Seer(nn.Module):
    """Scores by colour and surroundings, so that tiles and neighbours would show."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 4, stride=4),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 2, 3, padding=1, padding_mode="reflect"),
        )

    def forward(self, image):
        return self.body(image)


@pytest.fixture
def seer():
    return Seer().eval()


def start_of(network):
    class Stem(nn.Module):
        def forward(self, image):
            return [nn.functional.avg_pool2d(image, s) for s in (4, 8, 16)]

    return Start(network, Stem(), HALF, HALF, HALF, HALF, "stem.")


@pytest.mark.parametrize(
    ("lower", "upper", "share"),
    [
        ((0.2, 0.2, 0.6), (0.2, 0.2, 0.6), None),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), None),
        ((0.7, 0.0, 0.0), (0.8, 0.3, 0.3), 0.7),
    ],
)
def test_labels_keep_the_intervals_to_a_cell(lower, upper, share):
    bag = a_bag(lower=lower, upper=upper)
    bag.tissue[:, :3] = False
    scores = torch.randn(3, 12, 12, generator=torch.Generator().manual_seed(0))
    scores[0] -= 2
    labels = cut(scores.log_softmax(dim=0), bag)
    assert labels.dtype == torch.int8
    assert (labels[:, :3] == IGNORED).all()
    found = torch.bincount(labels[bag.tissue].long(), minlength=3).numpy()
    assert found.sum() == 108
    assert (found >= np.array(lower) * 108 - 1).all()
    assert (found <= np.array(upper) * 108 + 1).all()
    if lower == upper:
        assert found.tolist() == largest_remainder(np.array(lower), 108).tolist()
    if share is not None:
        # A tissue that the scores dislike gets the least that is allowed.
        assert found[0] == pytest.approx(share * 108, abs=1)


def test_shares_that_nobody_knows_are_those_that_the_scores_reach():
    bag = a_bag(lower=(0.0, 0.0), upper=(1.0, 1.0))
    scores = torch.log(torch.tensor([0.25, 0.75]))[:, None, None].expand(2, 12, 12)
    noise = torch.randn(2, 12, 12, generator=torch.Generator().manual_seed(0)) * 1e-3
    labels = cut((scores + noise).log_softmax(dim=0), bag)
    assert (labels == 1).sum() == 108


def test_a_plane_for_each_tissue_is_empty_where_nothing_is_known():
    labels = torch.tensor([[0, 2], [IGNORED, 1]], dtype=torch.int8)
    planes = one_hot(labels, 3)
    assert planes.argmax(dim=0).tolist() == [[0, 2], [0, 1]]
    assert planes.sum(dim=0).tolist() == [[1, 1], [0, 1]]


def many(sizes):
    bags = [a_bag(h, w, seed, *[(0.3, 0.5), (0.5, 0.7)]) for seed, (h, w) in enumerate(sizes)]
    bags[0].tissue[:4] = False
    return Bags(("a", "b"), (), tuple(bags))


def test_images_of_any_size_get_the_labels_that_they_get_alone(seer):
    bags = many([(48, 48), (48, 48), (32, 80), (32, 80), (48, 48), (36, 52)])
    together = next_labels(bags, seer, start_of(seer), CPU, Job())
    assert [tuple(one.shape) for one in together] == [tuple(b.tissue.shape) for b in bags.items]
    for bag, label in zip(bags.items, together, strict=True):
        (alone,) = next_labels(Bags(("a", "b"), (), (bag,)), seer, start_of(seer), CPU, Job())
        assert (alone == label).float().mean() > 0.99
        assert ((label == IGNORED) == ~bag.tissue).all()
        assert 0.5 - 0.01 <= (label[bag.tissue] == 1).float().mean() <= 0.7 + 0.01


def test_a_batch_scores_as_each_of_its_images_does(seer):
    bags = many([(40, 56), (40, 56), (40, 56)]).items
    batch = network_scores(seer, bags, start_of(seer), CPU)
    assert batch.shape == (3, 2, 10, 14)
    for bag, scores in zip(bags, batch, strict=True):
        assert torch.allclose(
            network_scores(seer, [bag], start_of(seer), CPU)[0], scores, atol=1e-5
        )


def test_large_images_are_read_in_tiles_that_do_not_show(seer):
    bag = a_bag(1184, 96)
    tiled = network_scores(seer, [bag], start_of(seer), CPU, views=1)[0]
    with torch.no_grad():
        image = (bag.pixels[None].float() / 255 - 0.5) / 0.5
        whole = seer(image)[0].log_softmax(dim=0)
    assert (tiled - whole).abs().max() < 0.02


def test_small_heads_label_images_of_different_sizes_and_miss_no_share():
    bags = many([(48, 48), (32, 80), (48, 48), (36, 52)])
    one, other = (
        first_labels(bags, start_of(None), TINY.shallow, seed=2, device=CPU, job=Job())
        for _ in range(2)
    )
    for bag, label, again in zip(bags.items, one, other, strict=True):
        assert torch.equal(label, again)
        assert ((label == IGNORED) == ~bag.tissue).all()
        assert 0.5 - 0.01 <= (label[bag.tissue] == 1).float().mean() <= 0.7 + 0.01


def test_white_has_no_say_in_the_labels_beside_it():
    class Cells(nn.Module):
        """Features that see their own cell alone."""

        def forward(self, image):
            return [nn.functional.avg_pool2d(image, 4)] * 3

    start = replace(start_of(None), stem=Cells())
    found = []
    for shade in (250, 0):
        bag = a_bag(64, 64, lower=(0.4, 0.4), upper=(0.6, 0.6))
        bag.tissue[:, :6] = False
        bag.pixels[:, :, :24] = shade
        bags = Bags(("a", "b"), (), (bag,) * 4)
        found.append(first_labels(bags, start, TINY.shallow, seed=0, device=CPU, job=Job())[0])
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "stage", ["Reading the tissue", "Telling tissues apart, try 1", "Outlining the tissues"]
)
def test_stage_one_stops_wherever_it_is_told_to(stage):
    bags = many([(48, 48), (32, 80)])
    with pytest.raises(Cancelled):
        first_labels(bags, start_of(None), TINY.shallow, seed=0, device=CPU, job=job_until(stage))


def test_masks_become_the_most_frequent_learnt_tissue_of_each_cell(cohort, bags):
    mask = np.zeros((64, 64), np.int16)
    mask[:, 30:] = 1
    mask[:9] = -1
    labels = true_labels(replace(cohort, truth=lambda _: mask), bags)
    assert len(labels) == 12
    assert (labels[0][:2] == IGNORED).all()
    assert (labels[0][2:, :7] == 0).all()
    assert (labels[0][2:, 8:] == 1).all()
