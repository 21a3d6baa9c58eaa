"""The choice of learned shapes, from the menu to the layer that shows what they cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qtpy.QtWidgets import QFileDialog

from napari_vslp.core.settings import TOTAL_VARIATION, Settings
from napari_vslp.energy.terms.regulariser import RegulariserCard, save_regulariser
from napari_vslp.energy.terms.tdv import TDV, TDVShape
from napari_vslp.qt.viewer.maps import TERM

pytestmark = pytest.mark.window


@pytest.fixture
def shapes(tmp_path):
    """Write a small regulariser that nothing taught."""
    torch.manual_seed(0)
    path = tmp_path / "crypts.safetensors"
    network = TDV(TDVShape(channels=4))
    save_regulariser(path, network, RegulariserCard(network.shape, 0.5, 2.0, accepted=False))
    return path


def offered(choice):
    return [choice.itemText(i) for i in range(choice.count())]


def pick(choice, label):
    index = offered(choice).index(label)
    choice.setCurrentIndex(index)
    choice.activated.emit(index)


def answer(monkeypatch, path):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


def test_shapes_come_from_a_file_and_show_their_layer(window, monkeypatch, shapes):
    monkeypatch.setenv("VSLP_CACHE", "off")
    choice = window.dock.advanced.form.controls["regulariser"]
    assert window.inputs.options == Settings()
    assert offered(choice) == ["Short boundaries", "Learned, from a file…"]
    window.segment()
    assert window.binding.layers.layer(TERM + "learned") is None
    answer(monkeypatch, shapes)
    pick(choice, "Learned, from a file…")
    assert choice.currentText() == "crypts.safetensors"
    result = window.segment()
    assert result.settings.regulariser == str(shapes)
    np.testing.assert_array_equal(
        window.binding.layers.layer(TERM + "learned").data, result.terms["learned"].map
    )
    pick(choice, "Short boundaries")
    assert "learned" not in window.segment().terms
    assert window.binding.layers.layer(TERM + "learned") is None


def test_no_file_chosen_leaves_the_choice_as_it_was(window, fake, monkeypatch, shapes):
    choice = window.dock.advanced.form.controls["regulariser"]
    answer(monkeypatch, "")
    pick(choice, "Learned, from a file…")
    assert (choice.currentText(), choice.value()) == ("Short boundaries", TOTAL_VARIATION)
    answer(monkeypatch, shapes)
    pick(choice, "Learned, from a file…")
    other = shapes.with_name("glands.safetensors")
    answer(monkeypatch, other)
    pick(choice, "Learned, from a file…")
    assert offered(choice) == ["Short boundaries", "glands.safetensors", "Learned, from a file…"]
    answer(monkeypatch, "")
    pick(choice, "Learned, from a file…")
    assert choice.value() == str(other)
    window.segment()
    assert fake.calls[0][1]["settings"].regulariser == str(other)


def test_a_file_of_something_else_is_refused_in_words_and_the_result_stays(
    window, monkeypatch, tmp_path
):
    monkeypatch.setenv("VSLP_CACHE", "off")
    before = window.segment()
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"no weights")
    answer(monkeypatch, wrong)
    pick(window.dock.advanced.form.controls["regulariser"], "Learned, from a file…")
    window.dock.run.segment.click()
    window.until(lambda: "wrong.safetensors is damaged" in window.status)
    assert window.session.result is before
    assert window.dock.run.segment.isEnabled()
