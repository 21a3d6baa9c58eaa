"""The eight flips and rotations with their inverses, and the order in which they are read."""

import pytest
import torch

from napari_vslp.encoders.reading.plan import IDENTITY, NEEDED, TURNED, UPRIGHT, VIEWS, steps_of
from napari_vslp.encoders.tiling import reflected


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_undone_bit_by_bit(view):
    image = torch.rand(3, 12, 20)
    assert torch.equal(view.undo(view.apply(image)), image)


@pytest.mark.parametrize("view", VIEWS)
def test_a_part_of_a_view_is_cut_from_it_and_goes_on_by_reflection(view):
    image = torch.rand(1, 3, 9, 14)
    seen = view.apply(image)
    height, width = view.shape_of((9, 14))
    assert seen.shape[-2:] == (height, width)
    rows, columns = reflected(4, 20, height), reflected(0, 16, width)
    assert torch.equal(view.part(image, rows, columns), seen[..., rows, :][..., columns])


def test_the_eight_views_differ_and_each_four_are_closed_under_flips():
    image = torch.rand(1, 8, 8)

    def seen(views, picture):
        return {view.apply(picture).numpy().tobytes() for view in views}

    assert len(seen(VIEWS, image)) == 8
    for four in (UPRIGHT, TURNED, VIEWS):
        for flip in UPRIGHT:
            assert seen(four, flip.apply(image)) == seen(four, image)


def test_every_magnification_is_read_once_before_any_is_read_again():
    steps = steps_of(augmentation=True, head=True)
    first = steps[: len({step.zoom for step in steps})]
    assert len({step.zoom for step in first}) == len(first)
    assert all(len(step.views) == 1 for step in first)
    assert steps[0].views == (IDENTITY,)
    assert len(first) < NEEDED <= len(steps), "what is compared was read at every magnification"
    for zoom in {step.zoom for step in steps}:
        views = [view for step in steps if step.zoom == zoom for view in step.views]
        assert len(set(views)) == len(views)


@pytest.mark.parametrize(
    ("augmentation", "head", "zooms"), [(False, True, {1}), (False, False, {1}), (True, False, {1})]
)
def test_other_magnifications_are_read_for_a_head_alone(augmentation, head, zooms):
    steps = steps_of(augmentation, head)
    assert {step.zoom for step in steps} == zooms
    assert sum(len(step.views) for step in steps) == (4 if augmentation else 1)
