"""Learning from proportions: what the losses, the labels, the head and the student promise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_vslp.learning import augment
from napari_vslp.learning.proportions import (
    IGNORED,
    assign_labels,
    bag_cross_entropy,
    bag_kullback_leibler,
    label_counts,
    mean_proportions,
    transport_loss,
)
from napari_vslp.learning.pseudo_labels import pseudo_labels, smooth, turned_scores
from napari_vslp.learning.shallow import (
    ShallowRecipe,
    TrainedHead,
    ensemble_scores,
    normalise_per_image,
    select_heads,
    train_head,
)
from napari_vslp.learning.student import Bags, StudentRecipe, StudentTrainer, student_loss


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tensors this small only lose time to the waiting of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_shares(count, tissues, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, tissues), generator=generator).softmax(dim=1)


@settings(max_examples=50, deadline=None)
@given(
    shares=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6),
    pixels=st.integers(1, 5000),
)
def test_counts_are_whole_pixels_within_one_of_the_share_and_sum_up(shares, pixels):
    shares = np.array(shares) / sum(shares)
    counts = label_counts(shares, pixels)
    assert counts.sum() == pixels
    assert np.abs(counts - shares * pixels).max() < 1.0 + 1e-9


@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_assigned_labels_meet_the_proportions_exactly(tissues):
    scores = torch.randn(3, tissues, 12, 11, generator=torch.Generator().manual_seed(1))
    shares = random_shares(3, tissues)
    labels = assign_labels(scores, shares)
    for found, typed in zip(labels, shares, strict=True):
        counts = torch.bincount(found.flatten(), minlength=tissues)
        assert counts.tolist() == label_counts(typed.double().numpy(), 132).tolist()


@pytest.mark.parametrize("tissues", [2, 4])
def test_no_swap_of_two_pixels_improves_the_assignment(tissues):
    scores = torch.randn(1, tissues, 60, generator=torch.Generator().manual_seed(2))
    labels = assign_labels(scores, random_shares(1, tissues))[0]
    own = scores[0, labels, torch.arange(60)]
    swapped = scores[0][labels]  # entry (q, p): the score of pixel p with the label of pixel q
    assert (swapped + swapped.T <= own[:, None] + own[None, :] + 1e-5).all()


def test_a_constant_added_to_one_tissue_changes_no_label():
    scores = torch.randn(2, 3, 200, generator=torch.Generator().manual_seed(3))
    shares = random_shares(2, 3)
    biased = scores + torch.tensor([0.0, 5.0, -2.0])[None, :, None]
    assert torch.equal(assign_labels(scores, shares), assign_labels(biased, shares))


def test_pixels_outside_the_mask_get_no_label_and_count_for_nothing():
    scores = torch.randn(1, 2, 10, 10)
    mask = torch.zeros(1, 10, 10, dtype=torch.bool)
    mask[:, :4] = True
    labels = assign_labels(scores, torch.tensor([[0.25, 0.75]]), mask)
    assert (labels[~mask] == IGNORED).all()
    assert (labels[mask] == 1).sum() == 30


def test_proportions_are_means_over_the_tissue_pixels():
    probabilities = torch.rand(2, 3, 5, 5).softmax(dim=1)
    assert torch.allclose(mean_proportions(probabilities), probabilities.mean(dim=(2, 3)))
    corner = torch.zeros(2, 5, 5)
    corner[:, 0, 0] = 1
    assert torch.allclose(mean_proportions(probabilities, corner), probabilities[:, :, 0, 0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), tissues=st.integers(2, 5))
def test_bag_losses_are_least_where_the_proportions_are_met(seed, tissues):
    asked, other = random_shares(4, tissues, seed), random_shares(4, tissues, seed + 1)
    assert bag_cross_entropy(asked, asked) <= bag_cross_entropy(other, asked)
    assert bag_kullback_leibler(asked, asked) == pytest.approx(0.0, abs=1e-6)
    assert bag_kullback_leibler(other, asked) >= 0


def test_the_transport_loss_tells_a_right_map_from_a_wrong_one():
    truth = torch.zeros(1, 8, 8, dtype=torch.int64)
    truth[:, :3] = 1
    shares = torch.tensor([[5 / 8, 3 / 8]])
    right = nn.functional.one_hot(truth).permute(0, 3, 1, 2) * 6.0
    assert transport_loss(right, shares) < 0.01
    assert transport_loss(right[:, [1, 0]], shares) > 0.5


def texture_bags(count=96, size=16):
    """Features whose first channel is the tissue, with noise, and the shares of the tissue."""
    generator = torch.Generator().manual_seed(5)
    cut = torch.randint(3, size - 3, (count,), generator=generator)
    truth = (torch.arange(size)[None, :, None] < cut[:, None, None]).expand(-1, size, size)
    noise = torch.randn(count, 2, size, size, generator=generator)
    noise[:, 0] = noise[:, 0] * 0.5 + truth * 3.0
    gland = truth.float().mean(dim=(1, 2))
    return normalise_per_image(noise), truth, torch.stack([1 - gland, gland], dim=1)


def test_a_head_finds_the_tissue_from_proportions_alone():
    features, truth, shares = texture_bags()
    recipe = ShallowRecipe(hidden=16, bag_epochs=10, mixed_epochs=4, batch=8, rate=2e-2)
    heads = [train_head(features, shares, seed, recipe) for seed in range(3)]
    scores = ensemble_scores(select_heads(heads, 2), features)
    assert ((scores[:, 1] > scores[:, 0]) == truth).float().mean() > 0.93
    labels = pseudo_labels(smooth(scores, 1.0), shares)
    assert torch.allclose(labels.float().mean(dim=(2, 3)), shares, atol=1 / 256)


def test_the_heads_of_least_transport_loss_are_kept():
    heads = [TrainedHead(nn.Identity(), seed, loss) for seed, loss in enumerate((0.3, 0.1, 0.2))]
    assert [one.seed for one in select_heads(heads, 2)] == [1, 2]


def test_normalised_features_forget_gain_and_offset_of_an_image():
    features = torch.randn(2, 3, 8, 8)
    other = features * 2.5 + 0.7
    assert torch.allclose(normalise_per_image(features), normalise_per_image(other), atol=1e-4)


def test_smoothing_keeps_constants_and_lowers_noise():
    assert torch.allclose(smooth(torch.full((1, 2, 20, 20), 3.0), 2.0), torch.tensor(3.0))
    noise = torch.randn(1, 1, 40, 40)
    assert smooth(noise, 2.0).std() < 0.3 * noise.std()


def test_turned_scores_follow_the_image_when_it_turns():
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 2, 3, padding=1)).eval()
    image = torch.rand(1, 3, 32, 32)
    turned = turned_scores(network, image.rot90(1, (2, 3)))
    assert torch.allclose(turned, turned_scores(network, image).rot90(1, (2, 3)), atol=1e-5)


def test_stain_jitter_of_no_strength_changes_nothing_and_stays_in_range():
    images = torch.rand(2, 3, 9, 9) * 0.9 + 0.05
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(augment.hed_jitter(images, generator, 0.0, 0.0), images, atol=1e-4)
    jittered = augment.hed_jitter(images, generator)
    assert not torch.allclose(jittered, images, atol=1e-2)
    assert 0 <= jittered.min() <= jittered.max() <= 1


def test_motions_move_images_and_labels_alike():
    generator = torch.Generator().manual_seed(0)
    labels = nn.functional.one_hot(torch.arange(64).reshape(1, 8, 8) % 3).permute(0, 3, 1, 2)
    motions = augment.random_motions(1, generator)
    moved = augment.move(labels.float(), motions)
    assert torch.allclose(moved.sum(dim=1), torch.ones(1, 8, 8), atol=1e-5)
    still = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    assert torch.allclose(augment.move(labels.float(), still), labels.float(), atol=1e-5)


class TinyStudent(nn.Module):
    """The least that a student needs: a stem, and logits at stride 4."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, stride=4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, image):
        return self.head(self.stem(image).relu())


def tiny_trainer(checkpoint, epochs):
    torch.manual_seed(0)
    truth = torch.zeros(8, 8, 8, dtype=torch.int64)
    truth[:, :4] = 1
    images = torch.where(truth.bool().repeat_interleave(4, 1).repeat_interleave(4, 2), 200, 60)
    labels = nn.functional.one_hot(truth).permute(0, 3, 1, 2).to(torch.uint8)
    bags = Bags(images[:, None].expand(-1, 3, -1, -1).to(torch.uint8), labels)
    recipe = StudentRecipe(epochs=epochs, batch=4, rate=0.05, decay=0.5)
    return StudentTrainer(TinyStudent(), bags, recipe, checkpoint)


def test_a_student_learns_and_a_stopped_run_ends_where_an_unbroken_one_does(tmp_path):
    losses = []
    whole = tiny_trainer(tmp_path / "whole.ckpt", 6)
    network = whole.run(lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.6 * losses[0]

    stopped = tiny_trainer(tmp_path / "stopped.ckpt", 6)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(raise_after_three)
    resumed = tiny_trainer(tmp_path / "stopped.ckpt", 6).run(lambda _epoch, _loss: None)
    for one, other in zip(network.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def raise_after_three(epoch, _loss):
    if epoch == 3:
        raise KeyboardInterrupt


def test_the_student_loss_is_least_at_its_labels():
    labels = nn.functional.one_hot(torch.arange(16).reshape(1, 4, 4) % 2).permute(0, 3, 1, 2)
    labels = labels.float()
    assert student_loss(labels * 20, labels, 0.2) < student_loss(labels * 2, labels, 0.2)
    assert student_loss(labels * 2, labels, 0.2) < student_loss(-labels * 2, labels, 0.2)
