"""The choice of the model in the dock: what is offered, what reaches the pipeline, what is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout

from napari_vslp.core.settings import Settings
from napari_vslp.encoders.model_names import models_folder

pytestmark = pytest.mark.window

BUILT_IN = "Built in: gland / other"
ELSEWHERE = ["From a file…", "From the internet, by name"]


@pytest.fixture
def lung() -> Path:
    """Put a model of three tissues, which nobody's table has, into the library."""
    from dataclasses import replace

    from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
    from napari_vslp.encoders.weights import BUNDLED, load_model, save_model

    sizes = HybridArguments(tissues=3, width=16, depth=1, heads=2, decoder_width=8)
    _, card = load_model(BUNDLED)
    tissues, colours = ("alveoli", "bronchus", "vessel wall"), ((1, 1, 1),) * 3
    torch.manual_seed(0)
    models_folder().mkdir(parents=True)
    path = models_folder() / "lung.safetensors"
    card = replace(card, tissues=tissues, colours=colours, arguments=sizes)
    save_model(path, HybridSegmenter(sizes).eval(), card)
    return path


def offered(choice) -> list[str]:
    return [choice.menu.itemText(i) for i in range(choice.menu.count())]


def pick(choice, label: str) -> None:
    """Pick a model as a hand does: open the menu, go to the line, press Enter."""
    choice.menu.showPopup()
    index = offered(choice).index(label)
    choice.menu.hidePopup()
    choice.menu.setCurrentIndex(index)
    choice.menu.activated.emit(index)


def test_the_row_is_called_model_and_lists_models_by_name(lung, window):
    choice = window.dock.advanced.form.controls["encoder"]
    form = window.dock.advanced.form.rows
    assert isinstance(form, QFormLayout)
    assert form.labelForField(choice.widget).text() == "Model"
    assert offered(choice) == [BUILT_IN, "lung", *ELSEWHERE]
    assert window.inputs.options == Settings()
    assert choice.where.isHidden()


def test_a_model_trained_meanwhile_is_offered_when_the_menu_opens(window, tmp_path, lung):
    choice = window.dock.advanced.form.controls["encoder"]
    pick(choice, "lung")
    shutil.copy(lung, lung.with_name("kidney.safetensors"))
    assert "kidney" not in offered(choice)
    choice.menu.showPopup()
    choice.menu.hidePopup()
    assert offered(choice) == [BUILT_IN, "kidney", "lung", *ELSEWHERE]
    assert choice.value() == "lung"


def test_another_model_lets_the_next_segment_read_the_image_again(lung, window, fake):
    window.segment()
    pick(window.dock.advanced.form.controls["encoder"], "lung")
    assert fake.count("prepare") == 1
    window.segment()
    assert fake.count("prepare") == 2
    assert fake.calls[-2][1]["settings"].encoder == "lung"
    window.segment()
    assert fake.count("prepare") == 2
    pick(window.dock.advanced.form.controls["encoder"], BUILT_IN)
    window.segment()
    assert fake.calls[-2][1]["settings"].encoder == "bundled"


def test_a_model_of_other_tissues_breaks_nothing(lung, window):
    built_in = window.segment()
    pick(window.dock.advanced.form.controls["encoder"], "lung")
    result = window.segment()
    assert result is not built_in
    assert result.weights_hash != built_in.weights_hash
    assert [t.name for t in result.tissues] == [t.name for t in window.inputs.tissues]
    assert sum(result.reached.values()) == pytest.approx(1)
    assert "went wrong" not in window.status
    window.dock.table.rows[0].name.setText("Bronchus")
    window.dock.table.rows[0].name.editingFinished.emit()
    assert window.segment().tissues[0].name == "Bronchus"
    pick(window.dock.advanced.form.controls["encoder"], BUILT_IN)
    assert window.segment().weights_hash == built_in.weights_hash


def test_a_model_that_is_gone_stays_chosen_and_is_said(lung, window):
    choice = window.dock.advanced.form.controls["encoder"]
    pick(choice, "lung")
    lung.unlink()
    choice.menu.showPopup()
    choice.menu.hidePopup()
    assert choice.value() == "lung"
    window.dock.run.segment.click()
    window.until(lambda: not window.runner.busy)
    assert "no model of that name" in window.status
    assert "bundled" in window.status


def test_a_file_is_asked_for_and_used(lung, window, fake, monkeypatch):
    choice, asked = window.dock.advanced.form.controls["encoder"], []

    def answer(_parent, title, _folder, kinds):
        asked.append((title, kinds))
        return str(lung), kinds

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    pick(choice, ELSEWHERE[0])
    assert asked == [("Choose a model", "Models (*.safetensors);;All files (*)")]
    assert not choice.where.isHidden()
    assert choice.line.text() == str(lung)
    window.segment()
    assert fake.calls[0][1]["settings"].encoder == str(lung)
    window.qtbot.mouseClick(choice.browse, Qt.MouseButton.LeftButton)
    assert len(asked) == 2


@pytest.mark.parametrize(("label", "part"), [(ELSEWHERE[0], "Choose…"), (ELSEWHERE[1], "type it")])
def test_a_model_not_named_yet_is_asked_for_in_words(window, fake, monkeypatch, label, part):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    choice = window.dock.advanced.form.controls["encoder"]
    pick(choice, label)
    window.dock.run.segment.click()
    assert part in window.status
    assert fake.count("prepare") == 0
    assert window.dock.run.segment.isEnabled()
    assert choice.browse.isHidden() == (label == ELSEWHERE[1])
    choice.line.setText("hf-hub:some/net")
    window.segment()
    assert fake.calls[0][1]["settings"].encoder == "hf-hub:some/net"
    pick(choice, BUILT_IN)
    assert choice.where.isHidden()
    assert choice.line.text() == ""


def test_a_folder_that_cannot_be_read_does_not_keep_the_dock_shut(monkeypatch, window):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refused)
    choice = window.dock.advanced.form.controls["encoder"]
    choice.refresh()
    assert offered(choice) == [BUILT_IN, *ELSEWHERE]
