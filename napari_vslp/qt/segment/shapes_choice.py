"""The choice of what boundaries cost: their length, or also what was learnt of tissues' shapes."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_vslp.core.settings import TOTAL_VARIATION
from napari_vslp.qt.parts.steady import SteadyCombo

# No path is empty.
_FILE = ""


class ShapesChoice(SteadyCombo):
    """A menu with the built-in regulariser, the learned one that was chosen, and “from a file…”.

    Signals
    -------
    changed
        Another regulariser is chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Shapes")
        self.setToolTip(
            "Short boundaries suit most images. A file of learned shapes, made by\n"
            "“napari-vslp regulariser”, is weighed in beside them."
        )
        self.addItem("Short boundaries", TOTAL_VARIATION)
        self.addItem("Learned, from a file…", _FILE)
        self._chosen = TOTAL_VARIATION
        self.activated.connect(self._follow)

    def spec(self) -> str:
        """Return the regulariser as `Settings.regulariser` takes it."""
        return self._chosen

    def choose(self, spec: str) -> None:
        """Choose the built-in regulariser, or a file by its path."""
        with QSignalBlocker(self):
            # One file at a time: the last one chosen.
            if self.count() > 2 and spec not in (TOTAL_VARIATION, self.itemData(1)):
                self.removeItem(1)
            if self.findData(spec) < 0:
                self.insertItem(1, Path(spec).name, spec)
            self.setCurrentIndex(self.findData(spec))
        if spec != self._chosen:
            self._chosen = spec
            self.changed.emit()

    def _follow(self, *_: object) -> None:
        asked = str(self.currentData())
        if asked == _FILE:
            asked = QFileDialog.getOpenFileName(
                self.window(),
                "Choose learned shapes",
                "",
                "Learned shapes (*.safetensors);;All files (*)",
            )[0]
        self.choose(asked or self._chosen)
