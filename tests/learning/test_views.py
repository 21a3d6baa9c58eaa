"""Views of an image: random ones keep what they must, averaged ones know no direction."""

import math

import pytest
import torch
from torch import nn

from napari_vslp.learning.proportions.views import (
    hed_jitter,
    move,
    random_motions,
    smooth,
    turned_scores,
)


@pytest.mark.parametrize(("height", "width"), [(20, 20), (7, 31), (1, 1)])
def test_smoothing_keeps_constants(height, width):
    constant = torch.full((1, 2, height, width), 3.0)
    assert torch.allclose(smooth(constant, 3.0), constant)


def test_smoothing_lowers_noise_and_moves_nothing():
    noise = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    assert smooth(noise, 2.0).std() < 0.3 * noise.std()
    point = torch.zeros(1, 2, 21, 31)
    point[0, 1, 12, 9] = 1
    found = smooth(point, 1.5)
    assert found[0, 0].abs().max() == 0
    assert divmod(int(found[0, 1].argmax()), 31) == (12, 9)
    assert found.sum() == pytest.approx(1.0, abs=1e-4)


class Equivariant(nn.Module):
    """A network that turns and flips with its image."""

    def forward(self, image):
        cells = nn.functional.avg_pool2d(image, 4)
        blurred = nn.functional.avg_pool2d(cells, 3, stride=1, padding=1)
        return torch.stack([blurred[:, 0], cells.square().mean(dim=1)], dim=1) * 5


@pytest.mark.parametrize("views", [4, 8])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 64), (64, 16)])
def test_views_of_an_equivariant_network_all_agree(views, height, width):
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    network = Equivariant().eval()
    found = turned_scores(network, image, views)
    assert found.shape == (2, 2, height // 4, width // 4)
    assert torch.allclose(found, network(image).log_softmax(dim=1), atol=1e-5)


@pytest.mark.parametrize(("views", "turns"), [(8, (1, 2, 3)), (4, (2,))])
def test_turned_scores_follow_the_image_when_it_turns(views, turns):
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 2, 3, padding=1)).eval()
    image = torch.rand(1, 3, 32, 48)
    scores = turned_scores(network, image, views)
    for turn in turns:
        turned = turned_scores(network, image.rot90(turn, (2, 3)), views)
        assert torch.allclose(turned, scores.rot90(turn, (2, 3)), atol=1e-5)
    if views == 8:
        flipped = turned_scores(network, image.flip(3), views)
        assert torch.allclose(flipped, scores.flip(3), atol=1e-5)


QUARTER = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
STILL = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


def one_hot(labels, tissues=3):
    return nn.functional.one_hot(labels, tissues).permute(0, 3, 1, 2).float()


def test_stain_jitter_of_no_strength_changes_nothing_and_stays_in_range():
    images = torch.rand(2, 3, 9, 9) * 0.9 + 0.05
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(hed_jitter(images, generator, 0.0, 0.0), images, atol=1e-4)
    jittered = hed_jitter(images, generator)
    assert not torch.allclose(jittered, images, atol=1e-2)
    assert 0 <= jittered.min() <= jittered.max() <= 1


def test_black_and_white_pixels_survive_the_jitter():
    images = torch.zeros(1, 3, 2, 2)
    images[..., 1] = 1
    assert hed_jitter(images, torch.Generator().manual_seed(0)).isfinite().all()


def test_motions_keep_the_sum_over_tissues_and_standing_still_keeps_all():
    labels = one_hot(torch.arange(64).reshape(1, 8, 8) % 3)
    motions = random_motions(1, torch.Generator().manual_seed(0))
    moved = move(labels, motions)
    assert torch.allclose(moved.sum(dim=1), torch.ones(1, 8, 8), atol=1e-5)
    assert torch.allclose(move(labels, STILL), labels, atol=1e-5)


def test_a_quarter_turn_is_a_quarter_turn():
    maps = torch.rand(1, 2, 8, 8)
    moved = move(maps, QUARTER)
    turns = (maps.rot90(1, (2, 3)), maps.rot90(3, (2, 3)))
    assert any(torch.allclose(moved, one, atol=1e-5) for one in turns)


@pytest.mark.parametrize("seed", range(3))
def test_pixels_and_cells_move_alike(seed):
    """An image painted with its labels stays painted with them, up to the edges of cells."""
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    labels = one_hot(((rows // 4) * 2 + columns // 8)[None] % 3)
    image = labels.repeat_interleave(4, 2).repeat_interleave(4, 3)
    motions = random_motions(1, torch.Generator().manual_seed(seed))
    pooled = nn.functional.avg_pool2d(move(image, motions), 4)
    moved = move(labels, motions)
    assert (pooled - moved).abs().mean() < 0.06
    assert (pooled.argmax(dim=1) == moved.argmax(dim=1)).float().mean() > 0.9


def test_magnifications_stay_in_their_range_and_flips_come_half_the_time():
    motions = random_motions(400, torch.Generator().manual_seed(0), (0.5, 2.0))
    areas = torch.linalg.det(motions[:, :, :2])
    assert math.log(0.5) <= areas.abs().log().min() / 2 <= areas.abs().log().max() / 2
    assert areas.abs().log().max() / 2 <= math.log(2.0) + 1e-5
    assert 0.4 < (areas < 0).float().mean() < 0.6
