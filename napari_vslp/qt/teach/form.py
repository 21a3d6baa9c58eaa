"""What the new model starts from, what it is called, where it is kept, how long it learns."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QLineEdit, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.model_names import ENDING, checked_name, is_name, models_folder
from napari_vslp.qt.parts.steady import SteadyCombo
from napari_vslp.qt.segment.model_choice import ModelChoice

THOROUGHNESS = {
    "Quick": (100, 200),
    "Normal": (200, 150, 150, 150),
    "Thorough": (200, 150, 150, 150, 150, 150, 150),
}
_NORMAL = 1
_LABEL_WIDTH, SPACING = 96, 6  # px
IN_THE_LIST, ELSEWHERE = "The list of models", "Another folder…"


def row_label(text: str) -> QLabel:
    """Return the label of a row, as wide as those of the other panel: both make one column."""
    label = QLabel(text)
    label.setMinimumWidth(_LABEL_WIDTH)
    return label


class ModelForm(QWidget):
    """The choices about the model.

    Signals
    -------
    place_changed
        Another name or folder: another training may lie there.
    """

    place_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._suggested = ""
        self.start = ModelChoice(self)
        self.start.menu.setAccessibleName("Start from")
        self.start.menu.setToolTip("The model that the new one is made from")
        self.name = QLineEdit(self)
        self.name.setAccessibleName("Name of the new model")
        self.name.setPlaceholderText("such as colon tissues")
        self.name.setAcceptDrops(False)  # a file dropped on it is the dock's business
        self.place = SteadyCombo(self)
        self.place.setAccessibleName("Keep it in")
        self._offer(None)
        self.place.setToolTip("Models in the list can be chosen by name when segmenting")
        self.thoroughness = SteadyCombo(self)
        self.thoroughness.setAccessibleName("Thoroughness")
        self.thoroughness.addItems(list(THOROUGHNESS))
        self.thoroughness.setCurrentIndex(_NORMAL)
        self.thoroughness.setToolTip(
            "How long to learn; the time left is shown once the first steps are measured"
        )
        self._lay_out()
        self.name.textChanged.connect(lambda _text: self.place_changed.emit())
        self.place.activated.connect(self._choose_place)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setHorizontalSpacing(SPACING)
        form.addRow(row_label("Start from"), self.start.menu)
        form.addRow(self.start.where)
        form.addRow(row_label("Name"), self.name)
        form.addRow(row_label("Keep it in"), self.place)
        form.addRow(row_label("Thoroughness"), self.thoroughness)

    def suggest(self, name: str) -> None:
        """Name the model so, unless the user has named it."""
        typed = self.name.text().strip()
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
        return (self._folder or models_folder()).absolute() / f"{checked_name(typed)}{ENDING}"

    def in_the_list(self) -> bool:
        """Return whether the model will be found by its name alone."""
        return self._folder is None

    def rounds(self) -> tuple[int, ...]:
        """Return the steps of each round."""
        return THOROUGHNESS[self.thoroughness.currentText()]

    def _choose_place(self, index: int) -> None:
        if index < self.place.count() - 1:
            kept = self.place.itemData(index)
            self._folder = None if kept is None else Path(kept)
        else:
            found = QFileDialog.getExistingDirectory(self.window(), "Choose a folder for the model")
            self._offer(Path(found) if found else self._folder)
        self.place_changed.emit()

    def _offer(self, folder: Path | None) -> None:
        """Offer the list, a folder if there is one, and the way to another; choose the folder."""
        self._folder = folder
        self.place.clear()
        self.place.addItem(IN_THE_LIST, None)
        if folder is not None:
            self.place.addItem(str(folder), str(folder))
        self.place.addItem(ELSEWHERE, None)
        self.place.setCurrentIndex(0 if folder is None else 1)
