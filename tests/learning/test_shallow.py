"""Stage one: heads on shallow features find a tissue from shares alone."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.learning.proportions.losses import assign_labels
from napari_vslp.learning.proportions.shallow import (
    ShallowRecipe,
    TrainedHead,
    ensemble_scores,
    normalise_per_image,
    select_heads,
    shallow_features,
    train_head,
)
from napari_vslp.learning.proportions.views import smooth

RECIPE = ShallowRecipe(hidden=16, bag_epochs=10, mixed_epochs=4, batch=8, rate=2e-2, least_steps=1)


def texture_bags(count=96, size=16):
    """Features whose first channel is the tissue, with noise, and the shares of the tissue."""
    generator = torch.Generator().manual_seed(5)
    cut = torch.randint(3, size - 3, (count,), generator=generator)
    truth = (torch.arange(size)[None, :, None] < cut[:, None, None]).expand(-1, size, size)
    noise = torch.randn(count, 2, size, size, generator=generator)
    noise[:, 0] = noise[:, 0] * 0.5 + truth * 3.0
    gland = truth.float().mean(dim=(1, 2))
    return normalise_per_image(noise), truth, torch.stack([1 - gland, gland], dim=1)


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_a_head_finds_the_tissue_from_proportions_alone(tolerance):
    features, truth, shares = texture_bags()
    bounds = ((shares - tolerance).clamp(0, 1), (shares + tolerance).clamp(0, 1))
    heads = [train_head(features, bounds, seed, RECIPE) for seed in range(3)]
    scores = ensemble_scores(select_heads(heads, 2), features)
    assert ((scores[:, 1] > scores[:, 0]) == truth).float().mean() > 0.93
    labels = assign_labels(smooth(scores, 1.0), shares)
    assert torch.allclose(labels.float().mean(dim=(1, 2)), shares[:, 1], atol=1 / 256)


def test_the_same_seed_trains_the_same_head():
    features, _, shares = texture_bags(16)
    one, other = (train_head(features, (shares, shares), 1, RECIPE) for _ in range(2))
    assert one.loss == other.loss
    assert train_head(features, (shares, shares), 2, RECIPE).loss != one.loss


def test_a_head_stops_at_once_when_told_to():
    features, _, shares = texture_bags(16)
    token, epochs = CancelToken(), []

    def look(progress):
        epochs.append(progress.fraction)
        if len(epochs) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        train_head(features, (shares, shares), 0, RECIPE, Job(token, look))
    assert epochs == pytest.approx([1 / 14, 2 / 14])


def test_the_heads_of_least_transport_loss_are_kept():
    heads = [TrainedHead(nn.Identity(), seed, loss) for seed, loss in enumerate((0.3, 0.1, 0.2))]
    assert [one.seed for one in select_heads(heads, 2)] == [1, 2]


def test_normalised_features_forget_gain_and_offset_of_an_image():
    features = torch.randn(2, 3, 8, 8)
    other = features * 2.5 + 0.7
    assert torch.allclose(normalise_per_image(features), normalise_per_image(other), atol=1e-4)


def test_white_has_no_say_in_the_normalisation():
    features = torch.randn(2, 3, 8, 8)
    tissue = torch.ones(2, 8, 8, dtype=torch.bool)
    tissue[:, :, 5:] = False
    bright = features.where(tissue[:, None], torch.tensor(50.0))
    found = normalise_per_image(bright, tissue)[..., :5]
    spread, mean = torch.std_mean(found, dim=(2, 3), correction=0)
    assert mean.abs().max() < 1e-5
    assert (spread - 1).abs().max() < 1e-4
    assert torch.allclose(found, normalise_per_image(features, tissue)[..., :5], atol=1e-5)
    everywhere = torch.ones_like(tissue)
    assert torch.equal(normalise_per_image(features, everywhere), normalise_per_image(features))


def test_a_channel_that_is_constant_stays_finite():
    features = torch.full((1, 2, 4, 4), 7.0)
    half = torch.ones(1, 4, 4, dtype=torch.bool)
    half[:, :2] = False
    for tissue in (None, half):
        assert normalise_per_image(features, tissue).abs().max() < 1e-3


def test_shallow_features_join_strides_4_and_8_and_carry_no_gradient():
    class Stem(nn.Module):
        def forward(self, image):
            image = image * nn.Parameter(torch.ones(1))
            return [nn.functional.avg_pool2d(image, s) for s in (4, 8, 16)]

    found = shallow_features(Stem(), torch.rand(2, 3, 40, 24))
    assert found.shape == (2, 6, 10, 6)
    assert found.dtype == torch.float16
    assert not found.requires_grad


def test_few_bags_are_passed_over_more_often():
    features, _, shares = texture_bags(count=16)
    passes = []
    recipe = replace(RECIPE, bag_epochs=1, mixed_epochs=1, least_steps=7)
    job = Job(on_progress=lambda progress: passes.append(progress.fraction))
    train_head(features, (shares, shares), 0, recipe, job)
    # Two steps a pass: four passes are the least that make seven steps, in each of two phases.
    assert len(passes) == 8
