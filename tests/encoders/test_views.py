"""The eight flips and rotations, and their inverses."""

import pytest
import torch

from napari_vslp.encoders.views import IDENTITY, VIEWS, views


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_undone_bit_by_bit(view):
    image = torch.rand(3, 12, 20)
    assert torch.equal(view.undo(view.apply(image)), image)


def test_the_eight_views_differ_and_are_closed_under_flips():
    image = torch.rand(1, 8, 8)
    seen = {view.apply(image).numpy().tobytes() for view in VIEWS}
    flipped = {view.apply(image.flip(-1)).numpy().tobytes() for view in VIEWS}
    assert len(seen) == 8
    assert flipped == seen


def test_the_untransformed_view_comes_first_and_alone_without_augmentation():
    assert views(augmentation=True)[0] == IDENTITY
    assert views(augmentation=False) == (IDENTITY,)
