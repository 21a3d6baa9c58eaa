"""Compare with another result: a layer in place over the image, a table with a legend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog

from napari_vslp.export.results import write_result
from napari_vslp.qt.review.messages import NO_RESULT

pytestmark = pytest.mark.window


def test_the_differences_lie_over_the_image_and_are_listed(
    window, fake, picture, monkeypatch, tmp_path
):
    window.image.scale = (2.0, 3.0)
    result = window.segment()
    other = result.labels.copy()
    other[:4, :10] = 2
    write_result(replace(result, labels=other), picture, tmp_path / "reader B")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "reader B"))
    comparing = window.dock.comparing
    window.dock.audit.compare.click()
    window.until(lambda: comparing.layer is not None)
    first, second = (t.name for t in result.tissues[:2])
    layer, table = comparing.layer, comparing.table
    assert layer.name == "Difference from reader B"
    np.testing.assert_array_equal(layer.data > 0, result.labels != other)
    np.testing.assert_array_equal(layer.scale, window.image.scale)
    assert layer.features["tissue"].tolist() == ["the same", f"{first} → {second}"]
    assert table.summary.text() == "0.8 % of the pixels differ."
    assert table.legend.topLevelItem(0).text(0) == f"{first} → {second}"
    assert table.tissues.topLevelItem(0).text(1) == "0.991"
    window.dock.audit.compare.click()  # again: the layer is replaced
    window.until(lambda: comparing.layer is not layer)
    assert [one.name for one in window.viewer.layers].count(layer.name) == 1
    assert layer not in window.viewer.layers


def test_what_cannot_be_compared_is_said(window, fake, monkeypatch, tmp_path):
    window.dock.comparing.ask()
    assert notification_manager.records[-1].message == NO_RESULT
    window.segment()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    window.dock.comparing.ask()
    window.until(lambda: "summary.json" in notification_manager.records[-1].message)
    assert window.dock.comparing.layer is None
