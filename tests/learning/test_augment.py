"""Random changes of stain and place: what they keep."""

import math

import pytest
import torch
from torch import nn

from napari_vslp.learning.proportions.losses import augment

QUARTER = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
STILL = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


def one_hot(labels, tissues=3):
    return nn.functional.one_hot(labels, tissues).permute(0, 3, 1, 2).float()


def test_stain_jitter_of_no_strength_changes_nothing_and_stays_in_range():
    images = torch.rand(2, 3, 9, 9) * 0.9 + 0.05
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(augment.hed_jitter(images, generator, 0.0, 0.0), images, atol=1e-4)
    jittered = augment.hed_jitter(images, generator)
    assert not torch.allclose(jittered, images, atol=1e-2)
    assert 0 <= jittered.min() <= jittered.max() <= 1


def test_black_and_white_pixels_survive_the_jitter():
    images = torch.zeros(1, 3, 2, 2)
    images[..., 1] = 1
    assert augment.hed_jitter(images, torch.Generator().manual_seed(0)).isfinite().all()


def test_motions_keep_the_sum_over_tissues_and_standing_still_keeps_all():
    labels = one_hot(torch.arange(64).reshape(1, 8, 8) % 3)
    motions = augment.random_motions(1, torch.Generator().manual_seed(0))
    moved = augment.move(labels, motions)
    assert torch.allclose(moved.sum(dim=1), torch.ones(1, 8, 8), atol=1e-5)
    assert torch.allclose(augment.move(labels, STILL), labels, atol=1e-5)


def test_a_quarter_turn_is_a_quarter_turn():
    maps = torch.rand(1, 2, 8, 8)
    moved = augment.move(maps, QUARTER)
    turns = (maps.rot90(1, (2, 3)), maps.rot90(3, (2, 3)))
    assert any(torch.allclose(moved, one, atol=1e-5) for one in turns)


@pytest.mark.parametrize("seed", range(3))
def test_pixels_and_cells_move_alike(seed):
    """An image painted with its labels stays painted with them, up to the edges of cells."""
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    labels = one_hot(((rows // 4) * 2 + columns // 8)[None] % 3)
    image = labels.repeat_interleave(4, 2).repeat_interleave(4, 3)
    motions = augment.random_motions(1, torch.Generator().manual_seed(seed))
    pooled = nn.functional.avg_pool2d(augment.move(image, motions), 4)
    moved = augment.move(labels, motions)
    assert (pooled - moved).abs().mean() < 0.06
    assert (pooled.argmax(dim=1) == moved.argmax(dim=1)).float().mean() > 0.9


def test_magnifications_stay_in_their_range_and_flips_come_half_the_time():
    motions = augment.random_motions(400, torch.Generator().manual_seed(0), (0.5, 2.0))
    areas = torch.linalg.det(motions[:, :, :2])
    assert math.log(0.5) <= areas.abs().log().min() / 2 <= areas.abs().log().max() / 2
    assert areas.abs().log().max() / 2 <= math.log(2.0) + 1e-5
    assert 0.4 < (areas < 0).float().mean() < 0.6
