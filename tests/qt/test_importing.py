"""Import… in the dock: one step, shown in table and layers, and taken back as a whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog

from napari_vslp.core.registries import IMPORTERS
from napari_vslp.qt.segment.importing import CHANGED

pytestmark = pytest.mark.window
RING = [[10, 5], [20, 5], [20, 15], [10, 15], [10, 5]]
FRAME = [[0, 0], [60, 0], [60, 40], [0, 40], [0, 0]]


def feature(kind, coordinates, name=""):
    told = {"classification": {"name": name}} if name else {}
    return {"geometry": {"type": kind, "coordinates": coordinates}, "properties": told}


@pytest.fixture
def choose(window, monkeypatch, tmp_path):
    """Return what imports a file through the menu."""

    def choose(name, path):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        window.dock.importing.menu.aboutToShow.emit()
        actions = {a.text(): a for a in window.dock.importing.menu.actions()}
        assert list(actions) == [f"{IMPORTERS.title(one)}…" for one in IMPORTERS.names()]
        actions[f"{IMPORTERS.title(name)}…"].trigger()
        window.until(lambda: not window.dock.importing.runner.busy)

    return choose


def test_annotations_are_one_step_shown_on_all_layers(window, choose, tmp_path):
    first, second = (t.name for t in window.inputs.tissues[:2])
    marks = [feature("Point", [12, 30], first), feature("Polygon", [RING], second.upper())]
    (path := tmp_path / "q.geojson").write_text(json.dumps([*marks, feature("Polygon", [FRAME])]))
    before = window.inputs
    choose("annotations", path)
    assert window.status == "Imported from q.geojson: 1 click, 1 painted shape, the region."
    points, paint, region = (
        window.viewer.layers[window.viewer.layers.index(one)]
        for one in (
            window.binding.clicks.layer,
            window.binding.paint.layer,
            window.binding.region.own,
        )
    )
    np.testing.assert_array_equal(points.data, [[30, 12]])
    assert np.count_nonzero(paint.data) == 100
    assert len(region.data) == 1
    assert window.inputs.region == (0, 0, 40, 60)
    window.dock.run.undo.click()
    assert window.inputs == before
    assert not len(points.data)
    assert not paint.data.any()
    window.dock.run.redo.click()
    assert np.count_nonzero(paint.data) == 100


def test_shares_move_the_sliders(window, choose, tmp_path):
    names = ",".join(t.name for t in window.inputs.tissues)
    cells = ",".join(["40", "30", "20", "10", *["0"] * 9][: len(window.inputs.tissues)])
    (path := tmp_path / "s.csv").write_text(f"image,{names}\nslide.tif,{cells}\n")
    choose("shares", path)
    assert window.dock.table.rows[0].slider.value() == 400
    assert window.session.undo_title == "import shares"


def test_a_bad_file_is_said_and_changes_nothing(window, choose, tmp_path):
    (path := tmp_path / "q.geojson").write_text("{")
    before = window.inputs
    choose("annotations", path)
    assert "is no GeoJSON" in notification_manager.records[-1].message
    assert window.inputs is before


def test_what_was_said_meanwhile_is_not_overwritten(window, choose, tmp_path):
    (path := tmp_path / "q.geojson").write_text("[]")
    choose("annotations", path)
    window.dock.table.rows[0].slider.setValue(100)
    before = window.inputs
    window.dock.importing._take(None)
    assert notification_manager.records[-1].message == CHANGED
    assert window.inputs is before
