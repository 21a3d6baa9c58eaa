"""Losses and labels that know nothing but shares: transport, gradients."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_vslp.core.proportions import largest_remainder
from napari_vslp.learning.proportions.losses import (
    IGNORED,
    assign_labels,
    bag_cross_entropy,
    bag_kullback_leibler,
    mean_proportions,
    nearest_within,
    transport_loss,
)


def random_shares(count, tissues, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, tissues), generator=generator).softmax(dim=1)


def smooth_scores(tissues, side, seed):
    """Log-probabilities of blobs, as a network gives them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, tissues, 9, 9, generator=generator) * 3
    scores = nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")
    scores = scores + 0.2 * torch.randn(scores.shape, generator=generator)
    return scores.log_softmax(dim=1)


@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_assigned_labels_meet_the_proportions_exactly(tissues):
    scores = torch.randn(3, tissues, 12, 11, generator=torch.Generator().manual_seed(1))
    shares = random_shares(3, tissues)
    labels = assign_labels(scores, shares)
    for found, typed in zip(labels, shares, strict=True):
        counts = torch.bincount(found.flatten(), minlength=tissues)
        assert counts.tolist() == largest_remainder(typed.double().numpy(), 132).tolist()


@pytest.mark.parametrize("tissues", [2, 4])
def test_no_swap_of_two_pixels_improves_the_assignment(tissues):
    scores = torch.randn(1, tissues, 60, generator=torch.Generator().manual_seed(2))
    labels = assign_labels(scores, random_shares(1, tissues))[0]
    own = scores[0, labels, torch.arange(60)]
    swapped = scores[0][labels]  # entry (q, p): the score of pixel p with the label of pixel q
    assert (swapped + swapped.T <= own[:, None] + own[None, :] + 1e-5).all()


@pytest.mark.parametrize(
    ("tissues", "shares"),
    [
        (3, (0.2, 0.3, 0.5)),
        (3, (0.7, 0.0, 0.3)),
        (4, (0.05, 0.9, 0.02, 0.03)),
        (5, (0.1, 0.2, 0.3, 0.15, 0.25)),
    ],
)
def test_beyond_4096_cells_counts_stay_exact_and_the_cost_within_1_per_cent(tissues, shares):
    scores = smooth_scores(tissues, 80, seed=tissues)
    labels = assign_labels(scores, torch.tensor([shares]))[0].flatten()
    counts = largest_remainder(np.array(shares), 6400)
    assert torch.bincount(labels, minlength=tissues).tolist() == counts.tolist()
    cost = -scores[0].flatten(1).T.double().numpy()
    least = ot.emd2(np.ones(6400), counts.astype(float), cost, numItermax=10_000_000)
    assert cost[np.arange(6400), labels].sum() <= 1.01 * least


def test_a_constant_added_to_one_tissue_changes_no_label():
    scores = torch.randn(2, 3, 200, generator=torch.Generator().manual_seed(3))
    shares = random_shares(2, 3)
    biased = scores + torch.tensor([0.0, 5.0, -2.0])[None, :, None]
    assert torch.equal(assign_labels(scores, shares), assign_labels(biased, shares))


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0, 1.0)])
def test_a_tissue_alone_gets_every_pixel(shares):
    scores = torch.randn(1, len(shares), 8, 8)
    labels = assign_labels(scores, torch.tensor([shares]))
    assert (labels == shares.index(1.0)).all()


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


def test_the_nearest_shares_are_those_reached_inside_an_interval_and_its_end_outside():
    reached = torch.tensor([[0.3, 0.7], [0.9, 0.1], [0.05, 0.95]])
    bounds = (torch.tensor([[0.2, 0.6]] * 3), torch.tensor([[0.4, 0.8]] * 3))
    found = nearest_within(reached, bounds)
    assert found.dtype == torch.float32
    assert torch.allclose(found, torch.tensor([[0.3, 0.7], [0.4, 0.6], [0.2, 0.8]]), atol=1e-6)


@pytest.mark.parametrize("width", [0.0, 0.3])
def test_the_bag_loss_pulls_only_where_the_interval_is_missed(width):
    logits = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(4), requires_grad=True)
    reached = mean_proportions(logits.softmax(dim=1))
    asked = torch.tensor([[0.2, 0.3, 0.5]] * 2) if not width else reached.detach()
    bounds = ((asked - width).clamp(0, 1), (asked + width).clamp(0, 1))
    bag_cross_entropy(reached, nearest_within(reached, bounds)).backward()
    assert (logits.grad.abs().max() < 1e-8) == (width > 0)


def test_the_transport_loss_tells_a_right_map_from_a_wrong_one():
    truth = torch.zeros(1, 8, 8, dtype=torch.int64)
    truth[:, :3] = 1
    shares = torch.tensor([[5 / 8, 3 / 8]])
    right = nn.functional.one_hot(truth).permute(0, 3, 1, 2) * 6.0
    assert transport_loss(right, shares) < 0.01
    assert transport_loss(right[:, [1, 0]], shares) > 0.5
