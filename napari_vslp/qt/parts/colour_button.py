"""A swatch of a tissue's colour; pressing it opens the colour chooser."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QColorDialog, QPushButton, QWidget

from napari_vslp.core.tissues import Colour


class ColourButton(QPushButton):
    """Shows a colour and lets it be changed."""

    chosen = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour: Colour = (128, 128, 128)
        self.setFixedSize(24, 24)
        self.setToolTip("Change the colour of this tissue")
        self.clicked.connect(self._ask)

    def colour(self) -> Colour:
        """Return the colour, RGB 0–255."""
        return self._colour

    def set_colour(self, colour: Colour) -> None:
        """Show another colour."""
        self._colour = colour
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw a rounded swatch on the button, ringed while it has the keyboard focus."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = self.palette().color(QPalette.ColorRole.WindowText)
        ring.setAlphaF(1.0 if self.hasFocus() else 0.35)
        painter.setPen(ring)
        painter.setBrush(QColor(*self._colour))
        painter.drawRoundedRect(QRectF(4.5, 4.5, 15, 15), 4, 4)
        painter.end()

    def _ask(self) -> None:
        dialog = QColorDialog(QColor(*self._colour), self)
        dialog.setWindowTitle("Colour of this tissue")
        dialog.colorSelected.connect(self._choose)
        dialog.open()  # not exec: a running job goes on speaking to the window

    def _choose(self, colour: QColor) -> None:
        self.set_colour((colour.red(), colour.green(), colour.blue()))
        self.chosen.emit(self._colour)
