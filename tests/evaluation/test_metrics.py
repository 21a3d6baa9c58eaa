"""Overlap, boundaries and areas: hand-made cases, other libraries, and what must not matter."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.segmentation import find_boundaries

from napari_vslp.evaluation.masks import IGNORED
from napari_vslp.evaluation.metrics import (
    BINS,
    Truth,
    bins_of,
    boundary_f1,
    dice,
    iou,
    outline,
)


def blobs(tissues=3, shape=(40, 52), seed=0):
    """Return smooth random labels."""
    rng = np.random.default_rng(seed)
    fields = [gaussian_filter(rng.standard_normal(shape), 4) for _ in range(tissues)]
    return np.stack(fields).argmax(0).astype(np.int16)


def square(side, top=10, left=10, size=40):
    region = np.zeros((size, size), bool)
    region[top : top + side, left : left + side] = True
    return region


def traced(region):
    return outline(region, np.ones_like(region))


@pytest.mark.parametrize("tissues", [2, 3, 5])
def test_the_mask_itself_scores_perfectly(tissues):
    labels = blobs(tissues)
    scores = Truth(labels, tissues).compare(labels)
    for figure in (scores.dice, scores.iou, scores.boundary_f1):
        assert figure.tolist() == [1.0] * tissues
    assert scores.area_error.tolist() == [0.0] * tissues


def test_hand_made_overlap():
    a, b = square(10), square(10, left=15)
    assert dice(a, b) == pytest.approx(0.5)
    assert iou(a, b) == pytest.approx(1 / 3)


def test_a_tissue_in_neither_counts_one_and_in_one_only_counts_nothing():
    empty, some = np.zeros((8, 8), bool), square(4, 2, 2, 8)
    assert dice(empty, empty) == iou(empty, empty) == 1
    assert dice(empty, some) == iou(some, empty) == 0
    assert boundary_f1(traced(empty), traced(empty)) == 1
    assert boundary_f1(traced(empty), traced(some)) == boundary_f1(traced(some), traced(empty)) == 0


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (2, 1.0), (30, 0.0)])
def test_boundaries_within_two_pixels_count(shift, expected):
    a, b = square(8, 4, 4, 60), square(8, 4 + shift, 4, 60)
    assert boundary_f1(traced(a), traced(b)) == pytest.approx(expected)


def test_boundaries_three_pixels_away_do_not_count():
    # Half planes, moved by three pixels: no point of one border is within two of the other.
    a, b = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    a[:10], b[:13] = True, True
    assert boundary_f1(traced(a), traced(b)) == 0


def test_the_border_of_the_image_and_pixels_not_counted_are_no_boundary():
    whole = np.ones((9, 9), bool)
    assert not traced(whole).line.any()
    counted = whole.copy()
    counted[:, 5:] = False
    assert not outline(counted, counted).line.any()


def test_lines_are_those_of_scikit_image():
    region = blobs(2) == 1
    inner = find_boundaries(region, connectivity=1, mode="inner") & region
    assert np.array_equal(traced(region).line, inner)


@pytest.mark.parametrize("seed", range(3))
def test_overlap_agrees_with_torchmetrics(seed):
    # Imported by way of Lightning's door, which mends torchvision first.
    pytest.importorskip("napari_vslp.learning.proportions.loop")
    from torchmetrics.functional.classification import (
        multiclass_f1_score,
        multiclass_jaccard_index,
    )

    truth, found = blobs(3, seed=seed), blobs(3, seed=seed + 10)
    scores = Truth(truth, 3).compare(found)
    flat = torch.from_numpy(found.ravel()).long(), torch.from_numpy(truth.ravel()).long()
    dice = multiclass_f1_score(*flat, num_classes=3, average=None)
    iou = multiclass_jaccard_index(*flat, num_classes=3, average=None)
    assert scores.dice == pytest.approx(dice.numpy(), abs=1e-6)
    assert scores.iou == pytest.approx(iou.numpy(), abs=1e-6)


def test_overlap_agrees_with_the_confusion_matrix():
    truth, found = blobs(4), blobs(4, seed=7)
    counts = np.zeros((4, 4))
    np.add.at(counts, (truth.ravel(), found.ravel()), 1)
    both = np.diag(counts)
    scores = Truth(truth, 4).compare(found)
    assert scores.iou == pytest.approx(both / (counts.sum(0) + counts.sum(1) - both))
    assert scores.dice == pytest.approx(2 * both / (counts.sum(0) + counts.sum(1)))


def test_mask_and_result_may_change_places():
    one, two = blobs(3), blobs(3, seed=4)
    there, back = Truth(one, 3).compare(two), Truth(two, 3).compare(one)
    for figure in ("dice", "iou", "boundary_f1", "area_error"):
        assert getattr(there, figure) == pytest.approx(getattr(back, figure))


@pytest.mark.parametrize("move", [np.flipud, np.fliplr, np.transpose, np.rot90])
def test_turning_both_changes_nothing(move):
    truth, found = blobs(3), blobs(3, seed=4)
    scores, turned = Truth(truth, 3).compare(found), Truth(move(truth), 3).compare(move(found))
    for figure in ("dice", "iou", "boundary_f1", "area_error"):
        assert getattr(scores, figure) == pytest.approx(getattr(turned, figure))


def test_pixels_that_are_not_counted_change_nothing():
    truth, found = blobs(3), blobs(3, seed=4)
    truth[:, 30:] = IGNORED
    other = found.copy()
    other[:, 30:] = 0
    one, two = Truth(truth, 3).compare(found), Truth(truth, 3).compare(other)
    for figure in ("dice", "iou", "boundary_f1", "area_error"):
        assert getattr(one, figure).tolist() == getattr(two, figure).tolist()


def test_area_errors_are_in_points():
    truth, found = np.zeros((10, 10), np.int16), np.zeros((10, 10), np.int16)
    truth[:3], found[:5] = 1, 1
    assert Truth(truth, 2).compare(found).area_error == pytest.approx([20, 20])


def confidence_of(seed=0, shape=(30, 30), tissues=3):
    rng = np.random.default_rng(seed)
    values = rng.dirichlet(np.ones(tissues), shape).transpose(2, 0, 1).astype(np.float32)
    return values, rng.integers(0, tissues, shape).astype(np.int16)


def test_confidences_that_keep_their_word_have_no_calibration_error():
    confidence = np.empty((2, 10, 10), np.float32)
    confidence[0], confidence[1] = 0.8, 0.2
    truth = np.zeros((10, 10), np.int16)
    truth[:2] = 1
    assert bins_of(confidence, truth).error == pytest.approx(0, abs=1e-6)
    assert bins_of(confidence, 1 - truth).error == pytest.approx(0.6, abs=1e-6)


def test_calibration_agrees_with_torchmetrics():
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    confidence, truth = confidence_of()
    expected = torchmetrics.multiclass_calibration_error(
        torch.from_numpy(confidence)[None],
        torch.from_numpy(truth)[None].long(),
        num_classes=3,
        n_bins=BINS,
    )
    assert bins_of(confidence, truth).error == pytest.approx(float(expected), abs=1e-4)


def test_bins_of_two_images_add_up():
    (one, a), (two, b) = confidence_of(1), confidence_of(2)
    together = bins_of(np.concatenate([one, two], 2), np.concatenate([a, b], 1))
    added = bins_of(one, a) + bins_of(two, b)
    assert added.error == pytest.approx(together.error)
    assert added.pixels.tolist() == together.pixels.tolist()
