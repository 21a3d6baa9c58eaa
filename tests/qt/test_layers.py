"""The result's layers: where they lie, what a new result leaves alone, what may happen to them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vslp.qt.viewer.maps import DOUBT, MARGIN, PREFIX, TERM, maps_of
from tests.made import with_terms

pytestmark = pytest.mark.window


MAPS = (DOUBT, TERM + "fidelity", TERM + "regularisation", MARGIN)


def group(window):
    return [x for x in window.viewer.layers if x.name.startswith(PREFIX)]


def test_results_lie_together_above_their_image(window, fake):
    window.segment()
    names = [x.name for x in window.viewer.layers]
    assert names[0] == "slide"
    above = ("tissues", "outlines", "doubt", "doubt about boundaries", "doubt about numbers")
    assert names[-5:] == [f"{PREFIX}{x}" for x in above]
    assert len(group(window)) == 2 + len(MAPS) + 3
    assert [x.name for x in group(window) if x.visible] == [
        f"{PREFIX}tissues",
        f"{PREFIX}outlines",
    ]


def test_layers_show_the_result(window, fake):
    result = window.segment()
    layers = window.binding.layers
    np.testing.assert_array_equal(layers.layer("labels").data, result.labels)
    for key, shown in maps_of(result).items():
        np.testing.assert_array_equal(layers.layer(key).data, shown.values)
    np.testing.assert_array_equal(layers.layer(DOUBT).data, window.binding.review.overview.doubt)
    np.testing.assert_array_equal(
        layers.layer("confidence in Other tissue").data, result.confidence[1]
    )


def test_what_was_learned_of_shapes_has_a_layer_while_it_counts(window, fake):
    result = window.segment()
    layers = window.binding.layers
    assert layers.layer(TERM + "learned") is None
    shapes = np.full(result.labels.shape, 0.25, np.float32)
    layers.show(with_terms(result, learned=shapes))
    window.until(lambda: layers.settled)
    assert layers.layer(TERM + "learned").name == f"{PREFIX}doubt about shapes"
    np.testing.assert_array_equal(layers.layer(TERM + "learned").data, shapes)
    layers.show(result)
    window.until(lambda: layers.settled)
    assert layers.layer(TERM + "learned") is None


def test_labels_carry_names_and_colours(window, fake):
    result = window.segment()
    labels = window.binding.layers.layer("labels")
    assert list(labels.features["tissue"][1:]) == [t.name for t in result.tissues]
    assert list(labels.features["index"]) == [0, 1, 2, 3]
    for i, tissue in enumerate(result.tissues):
        np.testing.assert_allclose(255 * labels.get_color(i + 1)[:3], tissue.colour, atol=0.5)


def test_layers_lie_on_their_image(window, fake):
    window.image.scale, window.image.translate = (0.5, 0.25), (7, 9)
    window.image.units = ("um", "um")
    window.segment()
    for layer in group(window):
        assert tuple(layer.units) == tuple(window.image.units)
        for corner in ((0, 0), (59, 79)):
            assert layer.data_to_world(corner) == window.image.data_to_world(corner)


def test_a_new_result_updates_the_same_layers_and_keeps_the_users_settings(window, fake):
    window.segment()
    layers = window.binding.layers
    labels, fidelity = layers.layer("labels"), layers.layer(TERM + "fidelity")
    labels.name, labels.opacity = "my tissues", 0.9
    fidelity.visible, fidelity.colormap, fidelity.contrast_limits = True, "viridis", (0.0, 0.3)
    before = [id(x) for x in window.viewer.layers]
    window.dock.table.rows[0].slider.setValue(900)
    result = window.segment()
    assert [id(x) for x in window.viewer.layers] == before
    np.testing.assert_array_equal(labels.data, result.labels)
    assert (labels.name, labels.opacity) == ("my tissues", 0.9)
    assert (fidelity.visible, fidelity.colormap.name) == (True, "viridis")
    assert fidelity.contrast_limits == [0.0, 0.3]


def test_only_a_deleted_layer_is_made_again(window, fake):
    window.segment()
    layers = window.binding.layers
    kept = layers.layer(MARGIN)
    window.viewer.layers.remove(layers.layer("labels"))
    window.viewer.layers.remove(layers.layer(TERM + "fidelity"))
    assert layers.layer("labels") is None
    window.segment()
    assert layers.layer("labels") is not None
    assert layers.layer(TERM + "fidelity") is not None
    assert layers.layer(MARGIN) is kept


def test_result_layers_deleted_during_the_job_are_no_crash(window, fake):
    window.segment()
    fake.gate.clear()
    window.dock.advanced.form.controls["augmentation"].widget.click()
    window.dock.run.segment.click()
    window.until(lambda: fake.count("prepare") == 2)
    for layer in group(window):
        window.viewer.layers.remove(layer)
    fake.gate.set()
    window.settle()
    assert len(group(window)) == 2 + len(MAPS) + 3


def test_a_removed_tissue_takes_its_layer_with_it(window, fake):
    window.segment()
    window.dock.table.rows[0].remove.click()
    window.segment()
    layers = window.binding.layers
    assert layers.layer("confidence in Gland") is None
    assert f"{PREFIX}looks like Gland" not in [x.name for x in group(window)]
    assert layers.layer("confidence in Other tissue").name == f"{PREFIX}looks like Other tissue"


def test_the_selected_layer_and_its_tool_stay(window, fake):
    window.dock.table.rows[0].pick.click()
    clicks = window.binding.clicks.layer
    window.segment()
    assert window.viewer.layers.selection.active is clicks
    assert clicks.mode == "add"
    assert window.dock.table.rows[0].pick.isChecked()


def test_results_are_not_offered_as_images(window, fake):
    window.segment()
    box = window.dock.region.image_box
    assert [box.itemText(i) for i in range(box.count())] == ["slide"]


def test_the_clicks_layer_deleted_means_no_clicks(window, fake):
    window.dock.table.rows[0].pick.click()
    window.binding.clicks.layer.add([5, 5])
    window.viewer.layers.remove(window.binding.clicks.layer)
    assert window.inputs.clicks == ()
    assert not window.dock.table.rows[0].pick.isChecked()
    window.dock.table.rows[0].pick.click()
    window.binding.clicks.layer.add([5, 5])
    assert len(window.inputs.clicks) == 1


def test_a_pyramid_is_read_at_its_finest_level(window, fake, picture):
    levels = [picture, picture[::2, ::2]]
    pyramid = window.viewer.add_image(levels, name="pyramid", rgb=True, multiscale=True)
    window.dock.region.choose_image(pyramid)
    result = window.segment()
    assert result.labels.shape == picture.shape[:2]


def test_a_renamed_tissue_renames_its_layer(window, fake):
    window.segment()
    name = window.dock.table.rows[0].name
    name.setText("Crypt")
    name.editingFinished.emit()
    layers = window.binding.layers
    assert layers.layer("confidence in Gland").name == f"{PREFIX}looks like Crypt"
    assert layers.layer("labels").features["tissue"][1] == "Crypt"
    window.segment()
    assert len(group(window)) == 2 + len(MAPS) + 3
