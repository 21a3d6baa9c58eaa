"""What to learn from and how, what the new file is called and where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import Option, as_flags
from napari_vslp.encoders.model_names import ENDING, checked_name, is_name, models_folder
from napari_vslp.learning.contract import (
    DEFAULT_LEARNER,
    Learner,
    flag_prefix,
    usable_learners,
)
from napari_vslp.qt.parts.form import MakeControl, OptionsForm
from napari_vslp.qt.parts.steady import SteadyCombo
from napari_vslp.qt.segment.advanced import ModelChoice
from napari_vslp.qt.teach import messages
from napari_vslp.qt.teach.history import lies_there
from napari_vslp.qt.teach.reading import TableSummary

THOROUGHNESS = {
    "Quick": (100, 200),
    "Normal": (200, 150, 150, 150),
    "Thorough": (200, 150, 150, 150, 150, 150, 150),
}
_NORMAL = 1
_LABEL_WIDTH, SPACING = 104, 6  # px; the widest label is “Thoroughness”
IN_THE_LIST, BESIDE, ELSEWHERE = "The list of models", "Beside the table", "Another folder…"


def row_label(text: str) -> QLabel:
    """Return the label of a row, as wide as those of the other panel: both make one column."""
    label = QLabel(text)
    label.setMinimumWidth(_LABEL_WIDTH)
    return label


class StartControl(ModelChoice):
    """The model that a training starts from, in the form of a learner's options."""

    def __init__(self, described: Option) -> None:
        super().__init__(described)
        self.menu.setAccessibleName(described.label)
        self.menu.setToolTip(described.tip)


class ThoroughnessControl:
    """The steps of each round, as a choice of three words."""

    def __init__(self, described: Option) -> None:
        self.widget = SteadyCombo()
        self.widget.setAccessibleName(described.label)
        self.widget.addItems(list(THOROUGHNESS))
        self.changed = self.widget.currentIndexChanged

    def value(self) -> tuple[int, ...]:
        """Return the steps of each round."""
        return THOROUGHNESS[self.widget.currentText()]

    def set_value(self, value: tuple[int, ...] | None) -> None:
        """Choose the word for these steps; the middle one where nobody chose."""
        known = list(THOROUGHNESS.values())
        self.widget.setCurrentIndex(known.index(value) if value in known else _NORMAL)


_CONTROLS: dict[str, MakeControl] = {
    "model": StartControl,
    "thoroughness": ThoroughnessControl,
}


class ModelForm(QWidget):
    """The choices about the model.

    Signals
    -------
    place_changed
        Another name or folder: another training may lie there.
    learner_changed
        Something else is learnt from.
    """

    place_changed = Signal()
    learner_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._home: Path | None = None
        self._suggested = ""
        self._learners = usable_learners()
        self.kind = SteadyCombo(self)
        self.kind.setAccessibleName("Learn from")
        self.kind.setToolTip("What is learnt, and what of the table teaches it")
        for name, learner in self._learners.items():
            self.kind.addItem(learner.title, name)
        self.kind.setCurrentIndex(self.kind.findData(DEFAULT_LEARNER))
        self.name = QLineEdit(self)
        self.name.setAccessibleName("Name of the new model")
        self.name.setPlaceholderText("such as colon tissues")
        self.name.setAcceptDrops(False)  # a file dropped on it is the dock's business
        self.place = SteadyCombo(self)
        self.place.setAccessibleName("Keep it in")
        self.place.setToolTip("Models in the list can be chosen by name when segmenting")
        self._lay_out()
        self._follow_kind()
        self.kind.currentIndexChanged.connect(self._change_kind)
        self.name.textChanged.connect(lambda _text: self.place_changed.emit())
        self.place.activated.connect(self._choose_place)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setHorizontalSpacing(SPACING)
        form.addRow(row_label("Learn from"), self.kind)
        form.addRow(row_label("Name"), self.name)
        form.addRow(row_label("Keep it in"), self.place)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addLayout(form)

    @property
    def learner(self) -> Learner:
        """What is chosen to learn from."""
        return self._learners[str(self.kind.currentData())]

    def suggest(self, table: Path) -> None:
        """Name the model after a table, unless the user has named it."""
        self._home = table.parent
        name, typed = table.stem, self.name.text().strip()
        if is_name(name) and typed in ("", self._suggested):
            self._suggested = name
            self.name.setText(name)

    def out(self) -> Path:
        """Return the file to write.

        Raises
        ------
        VslpError
            If the model has no name, or none that a file can have.
        """
        typed = self.name.text().strip()
        if not typed:
            raise VslpError("The new model has no name yet: type one.")
        folder = self._folder or (models_folder() if self._makes_model() else self._home)
        if folder is None:
            raise VslpError(messages.NO_TABLE)
        return folder.absolute() / f"{checked_name(typed)}{ENDING}"

    def in_the_list(self) -> bool:
        """Return whether the model will be found by its name alone."""
        return self._folder is None and self._makes_model()

    def _makes_model(self) -> bool:
        return self.learner.makes == "model"

    def _change_kind(self, *_: object) -> None:
        before = self.options
        self._follow_kind()
        before.hide()
        before.deleteLater()
        self.learner_changed.emit()
        self.place_changed.emit()

    def _follow_kind(self) -> None:
        self.options = OptionsForm(self.learner.Options(), _CONTROLS, _LABEL_WIDTH, self)
        self.options.rows.setHorizontalSpacing(SPACING)
        self._layout.addWidget(self.options)
        self._offer(self._folder)

    def _choose_place(self, index: int) -> None:
        if index < self.place.count() - 1:
            kept = self.place.itemData(index)
            self._folder = None if kept is None else Path(kept)
        else:
            found = QFileDialog.getExistingDirectory(self.window(), "Choose a folder for the model")
            self._offer(Path(found) if found else self._folder)
        self.place_changed.emit()

    def _offer(self, folder: Path | None) -> None:
        """Offer the usual place, a folder if there is one, and the way to another; choose it."""
        self._folder = folder
        self.place.clear()
        # Only models are found by their names.
        self.place.addItem(IN_THE_LIST if self._makes_model() else BESIDE, None)
        if folder is not None:
            self.place.addItem(str(folder), str(folder))
        self.place.addItem(ELSEWHERE, None)
        self.place.setCurrentIndex(0 if folder is None else 1)


@dataclass(frozen=True)
class TrainingOrder:
    """What the training is told to do.

    Attributes
    ----------
    learner
        What it learns from.
    out
        The file to write.
    in_the_list
        Whether it is found by its name alone.
    arguments
        Of ``napari-vslp train``.
    restart
        Whether a stopped training that lies there is thrown away.
    """

    learner: Learner
    out: Path
    in_the_list: bool
    arguments: tuple[str, ...]
    restart: bool

    @property
    def spec(self) -> str:
        """The model as `Settings.encoder` takes it."""
        return self.out.stem if self.in_the_list else str(self.out)


def order_of(table: TableSummary | None, form: ModelForm, *, restart: bool) -> TrainingOrder:
    """Return the choices in the window as one order.

    Raises
    ------
    VslpError
        With one sentence, if a choice is missing or cannot be meant.
    """
    if table is None:
        raise VslpError(messages.NO_TABLE)
    if table.problem is not None:
        raise VslpError(table.problem)
    out, query, learner = form.out(), table.query, form.learner
    if out.exists() and not lies_there(out):
        raise VslpError(messages.TAKEN.format(out.stem))
    given: dict[str, Any] = {
        "--from": learner.name,
        "--out": out,
        "--tolerance": f"{query.tolerance:g}" if query.tolerance else None,
        "--images": query.images,
        "--split": query.split,
        "--tissues": ",".join(table.tissues) if table.tissues else None,
    }
    # With “=”, a name that begins with a hyphen is no flag.
    told = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    told += as_flags(form.options.value(), flag_prefix(learner.name))
    arguments = (str(query.path), *told, *(["--restart"] if restart else []))
    return TrainingOrder(learner, out, form.in_the_list(), arguments, restart)
