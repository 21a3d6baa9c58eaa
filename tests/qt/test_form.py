"""The form of options: rows from the fields, values back, and no value that scrolling changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
)

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import option
from napari_vslp.core.settings import Settings
from napari_vslp.qt.parts.form import OptionsForm


@dataclass(frozen=True)
class Options:
    size: int = option(3, "Size", "How many", low=1, high=9)
    weight: float = option(0.5, "Weight", "How much", low=0.0, open_below=True)
    fine: float = option(1e-4, "Tolerance", "How exact", low=0.0, open_below=True)
    way: str = option("near", "Way", "Which", choices={"near": "Nearby", "far": "Far away"})
    reach: float = option(1.0, "Reach", "How far", low=0.0, needs=("way", ("far",)))
    fast: bool = option(False, "Be quick", "Whether")
    name: str = option("a", "Name", "What to call it")
    note: str | None = option(None, "Note", "May be empty")
    file: Path | None = option(None, "File", "Where")
    smooth: float | str = option("auto", "Smooth", "Number or word", low=0.0, words=("auto",))
    own: str = option("x", "Own", "A control of its own", control="own")
    hidden: int = option(7, "Hidden", "Only for the command line", dock=False)
    plain: int = 8


class Own:
    """A control as a panel brings it."""

    def __init__(self, described):
        self.widget = QLineEdit()
        self.changed = self.widget.textChanged
        self.described = described

    def value(self):
        return self.widget.text()

    def set_value(self, value):
        self.widget.setText(value)


@pytest.fixture
def form(qtbot):
    made = OptionsForm(Options(), {"own": Own})
    qtbot.addWidget(made)
    return made


def labels(form):
    layout = form.rows
    found = []
    for row in range(layout.rowCount()):
        label = layout.itemAt(row, layout.ItemRole.LabelRole)
        item = label or layout.itemAt(row, layout.ItemRole.SpanningRole)
        found.append(item.widget().text())
    return found


def test_each_option_of_the_dock_has_a_row_with_its_label_and_tip(form):
    assert labels(form) == [
        *("Size", "Weight", "Tolerance", "Way", "Reach", "Be quick", "Name", "Note", "File"),
        *("Smooth", "Own"),
    ]
    assert form.controls["weight"].widget.toolTip() == "How much"
    assert form.controls["weight"].widget.accessibleName() == "Weight"


def test_untouched_it_gives_back_what_it_was_given(form):
    assert form.value() == Options()
    other = Options(4, 0.25, 2e-5, "far", 2.5, True, "b", "n", Path("/here.csv"), 3.5, "y", 1, 2)
    told = []
    form.changed.connect(told.append)
    form.set_value(other)
    assert form.value() == other
    assert told == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 5),
        ("weight", 1.25),
        ("fine", 2e-4),
        ("way", "far"),
        ("fast", True),
        ("name", "other"),
        ("note", "some"),
        ("file", Path("/here.csv")),
        ("smooth", 2.5),
        ("own", "z"),
    ],
)
def test_a_change_is_told_by_the_name_of_its_field(form, name, value):
    told = []
    form.changed.connect(told.append)
    form.controls[name].set_value(value)
    assert set(told) == {name}
    assert getattr(form.value(), name) == value


def test_an_option_that_does_nothing_is_switched_off(form):
    assert not form.controls["reach"].widget.isEnabled()
    form.controls["way"].set_value("far")
    assert form.controls["reach"].widget.isEnabled()


def test_a_word_stands_in_the_place_of_a_number(form):
    smooth = form.controls["smooth"]
    assert smooth.button.isChecked()
    smooth.button.click()
    assert form.value().smooth == 0.0
    smooth.set_value(4.0)
    assert form.value().smooth == 4.0


def test_numbers_stay_in_their_range(form):
    box = form.controls["weight"].widget
    box = box if isinstance(box, QDoubleSpinBox) else box.findChild(QDoubleSpinBox)
    box.setValue(-1)
    assert form.value().weight == pytest.approx(0.01)


def test_a_value_that_cannot_be_meant_is_a_sentence(form):
    form.controls["name"].set_value("")
    with pytest.raises(VslpError, match="Name must have a value"):
        form.value()


def test_the_settings_of_a_segmentation_make_a_form(qtbot):
    made = OptionsForm(Settings(trust="kl", smoothness=4.0))
    qtbot.addWidget(made)
    assert made.value() == Settings(trust="kl", smoothness=4.0)
    assert "Meet the shares" in labels(made)
    assert "tolerance" not in made.controls


def wheel(widget):
    event = QWheelEvent(
        QPointF(3, 3),
        QPointF(widget.mapToGlobal(QPoint(3, 3))),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event


@pytest.mark.parametrize("name", ["size", "weight", "way", "smooth"])
def test_the_hand_scrolling_past_changes_nothing(form, qtbot, name):
    form.set_value(Options(smooth=2.0))
    form.show()
    before = form.value()
    widget = form.controls[name].widget
    inner = [*widget.findChildren(QAbstractSpinBox), *widget.findChildren(QComboBox)]
    for one in inner or [widget]:
        assert not wheel(one).isAccepted()
    assert form.value() == before


def test_a_focused_number_follows_the_wheel(form, monkeypatch):
    box = form.controls["weight"].widget
    monkeypatch.setattr(box, "hasFocus", lambda: True, raising=False)
    wheel(box)
    assert form.value().weight == 0.51
