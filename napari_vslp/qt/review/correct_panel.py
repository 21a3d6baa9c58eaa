"""Correct on the spot: one button a tissue that says what a place is, and a brush."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.icons import IconButton
from napari_vslp.qt.parts.swatch import swatch_icon


class CorrectPanel(QWidget):
    """“It is: ■ gland”, with a brush for each tissue and a way back.

    Signals
    -------
    tissue_asked
        Index of the tissue that the place in question is.
    brush_toggled
        Index of the tissue that the brush shall paint, −1 for none.
    undo_asked
        The last answer shall be taken back.
    """

    tissue_asked = Signal(int)
    brush_toggled = Signal(int)
    undo_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QPushButton] = []
        self.brushes: list[IconButton] = []
        self._shown: list[tuple[str, object]] = []
        self._has_spot = False
        self.undo = QPushButton("Undo", self)
        self.undo.setAccessibleName("Take the last answer back")
        self.undo.setToolTip("Take the last answer back")
        self.undo.setEnabled(False)
        self.undo.clicked.connect(self.undo_asked)
        head = QHBoxLayout()
        head.addWidget(QLabel("It is:", self), 1)
        head.addWidget(self.undo)
        self._grid = QGridLayout()
        self._grid.setSpacing(3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addLayout(self._grid)

    def show_tissues(self, tissues: Sequence[Tissue]) -> None:
        """Offer these tissues."""
        looks: list[tuple[str, object]] = [(t.name, t.colour) for t in tissues]
        if looks == self._shown:
            return
        self._shown = looks
        for widget in (*self.buttons, *self.brushes):
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self.buttons, self.brushes = [], []
        for index, tissue in enumerate(tissues):
            self._add(index, tissue)
        self.set_spot(self._has_spot)

    def set_spot(self, known: bool) -> None:
        """Offer the answers only where there is a place in question."""
        self._has_spot = known
        for button in self.buttons:
            button.setEnabled(known)

    def uncheck_brushes(self) -> None:
        """Let no brush look as if it were in use."""
        for brush in self.brushes:
            was = brush.blockSignals(True)
            brush.setChecked(False)
            brush.blockSignals(was)
            brush.update()

    def _add(self, index: int, tissue: Tissue) -> None:
        button = QPushButton(swatch_icon(tissue.colour), tissue.name, self)
        button.setAccessibleName(f"It is {tissue.name}")
        button.setToolTip(f"Mark the place in question as {tissue.name}; the rest follows at once")
        button.setStyleSheet("text-align: left; padding-left: 6px;")
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self.tissue_asked.emit(index))
        tip = f"Paint pixels that must be {tissue.name}"
        brush = IconButton("brush", f"Paint {tissue.name} here", tip, True, self)
        brush.toggled.connect(lambda on: self._use(index, on))
        row, column = divmod(index, 2)
        self._grid.addWidget(button, row, 2 * column)
        self._grid.addWidget(brush, row, 2 * column + 1)
        self._grid.setColumnStretch(2 * column, 1)
        self.buttons.append(button)
        self.brushes.append(brush)

    def _use(self, index: int, on: bool) -> None:
        if on:
            chosen = self.brushes[index]
            self.uncheck_brushes()
            was = chosen.blockSignals(True)
            chosen.setChecked(True)
            chosen.blockSignals(was)
        self.brush_toggled.emit(index if on else -1)
