"""One sitting on the real pipeline: segment, correct by a click, save, close, reopen, undo."""

from __future__ import annotations

import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_vslp import cli
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.qt.viewer.maps import LABELS
from tests.qt.test_window import click_on_canvas

pytestmark = pytest.mark.window
LEFT = Qt.MouseButton.LeftButton


def test_what_was_said_and_found_comes_back_with_its_undo(
    make_shown_window, qtbot, tmp_path, monkeypatch, capsys
):
    Image.fromarray(tumour_nest().image[:96, :128]).save(tmp_path / "nest.png")
    session = tmp_path / "nest.vslp"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(session), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(session), ""))
    window = make_shown_window()
    (window.image,) = window.viewer.open(tmp_path / "nest.png", plugin="napari")
    tissues = [Tissue("tumour", 0.6, 0.2), Tissue("rest", 0.4, 0.2)]
    window.controller.set_labels(tissues, [Click("tumour", 20, 20)])
    window.dock.advanced.form.controls["augmentation"].set_value(False)
    qtbot.mouseClick(window.dock.run.segment, LEFT)
    window.settle()
    first = window.session.result
    qtbot.mouseClick(window.dock.table.rows[1].pick, LEFT)
    click_on_canvas(window, 70, 100)
    qtbot.mouseClick(window.dock.run.segment, LEFT)
    window.settle()
    second = window.session.result
    qtbot.mouseClick(window.dock.session_bar.save, LEFT)
    window.until(lambda: window.dock.session_bar.state.text() == "nest.vslp")
    said = window.inputs

    window.close()
    window.viewer.close()
    again = make_shown_window()
    qtbot.mouseClick(again.dock.session_bar.open, LEFT)
    again.until(lambda: again.session.result is not None)
    again.settle()
    assert again.inputs == said
    assert again.dock.session_bar.question.isHidden()  # it was saved: there is nothing to offer
    labels = again.binding.layers.layer(LABELS)
    np.testing.assert_array_equal(labels.data, second.labels)
    qtbot.mouseClick(again.dock.run.undo, LEFT)
    again.settle()
    np.testing.assert_array_equal(labels.data, first.labels)
    assert len(again.inputs.clicks) == 1
    if shots := os.environ.get("VSLP_SHOTS"):
        again.viewer.window._qt_window.grab().save(f"{shots}/reopened.png")
    qtbot.mouseClick(again.dock.run.redo, LEFT)
    again.settle()
    qtbot.mouseClick(again.dock.run.segment, LEFT)
    again.settle()
    assert again.inputs == said

    with zipfile.ZipFile(session) as members:
        assert json.loads(members.read("session.json"))["signed"] == ""
    out = ["--to", "mask.tif", "--out", str(tmp_path / "out"), "--quiet"]
    assert cli.main(["export", str(session), *out]) == 0, capsys.readouterr().err
    assert (tmp_path / "out" / "mask.tif").exists()
