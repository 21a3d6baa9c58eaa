"""One image, one place: the dock follows the selected layer, what lies on an image follows it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vslp.qt.segment.dock import SegmentDock
from napari_vslp.qt.viewer.maps import LABELS

pytestmark = pytest.mark.window


@pytest.fixture
def two(window, fake, picture):
    """Return a window with a segmented image and a second one that was opened later."""
    window.segment()
    window.second = window.viewer.add_image(picture[::-1].copy(), name="other slide", rgb=True)
    return window


def test_the_dock_follows_the_selected_layer_and_raises_its_image(two):
    window, layers = two, two.viewer.layers
    assert window.binding.image is window.second
    window.segment()
    theirs = window.binding.layers.layer(LABELS)
    layers.selection.active = window.image
    assert window.dock.region.image_box.currentText() == "slide"
    ours = window.binding.layers.layer(LABELS)
    assert (ours.visible, theirs.visible) == (True, False)
    assert layers.index(ours) > layers.index(window.image) > layers.index(window.second)
    layers.selection.active = theirs
    assert window.binding.image is window.second
    assert (ours.visible, theirs.visible) == (False, True)
    assert layers.index(theirs) > layers.index(window.second) > layers.index(ours)


def test_a_map_is_never_offered_as_an_image_not_even_as_a_copy_or_alone(window, fake):
    window.segment()
    layers = window.viewer.layers
    shown = window.binding.layers.layer("margin")
    layers.append(type(shown).create(*shown.as_layer_data_tuple()))
    assert window.dock.region.image_box.count() == 1
    layers.remove(window.image)
    assert window.dock.region.image_box.count() == 0


@pytest.mark.parametrize("tool", ["scale", "translate"])
def test_what_lies_on_an_image_follows_it(window, fake, tool):
    window.segment()
    window.dock.table.rows[0].pick.click()
    setattr(window.image, tool, (2.0, 2.0) if tool == "scale" else (7.0, 9.0))
    points, labels = window.binding.clicks.layer, window.binding.layers.layer(LABELS)
    points.add(points.world_to_data(window.image.data_to_world((30, 50))))
    made = window.inputs.clicks[-1]
    assert (made.row, made.column) == (30, 50)
    for layer in (points, labels):
        np.testing.assert_allclose(layer.data_to_world((5, 6)), window.image.data_to_world((5, 6)))


def test_closing_one_of_two_docks_leaves_the_keys_to_the_other(window):
    second = SegmentDock(window.viewer)
    window.viewer.window.add_dock_widget(second, name="Second", area="right")
    second.controller.shutdown()
    before = window.shares
    window.dock.table.rows[0].slider.setValue(700)
    (act,) = (f for f in window.viewer.keymap.values() if f.__name__ == "undo")
    act(window.viewer)
    assert window.shares == before
