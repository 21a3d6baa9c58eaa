"""What happens to scores between the stages: smoothing, and the mean over flips and turns."""

import pytest
import torch
from torch import nn

from napari_vslp.learning.proportions.views import smooth, turned_scores


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
