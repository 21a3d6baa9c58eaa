"""Small coloured squares that stand for tissues in lists, buttons and labels."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_vslp.core.tissues import Colour

SIDE = 12


def swatches(*colours: Colour, arrow: bool = False) -> QPixmap:
    """Return squares in a row, with an arrow in between if asked for."""
    step = SIDE + (14 if arrow else 3)
    pixmap = QPixmap(SIDE + step * (len(colours) - 1), SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for i, colour in enumerate(colours):
        painter.setPen(QColor(128, 128, 128))
        painter.setBrush(QColor(*colour))
        painter.drawRoundedRect(QRectF(i * step + 0.5, 0.5, SIDE - 1, SIDE - 1), 3, 3)
        if arrow and i:
            painter.drawLine(i * step - 11, SIDE // 2, i * step - 4, SIDE // 2)
            for y in (-3, 3):
                painter.drawLine(i * step - 7, SIDE // 2 + y, i * step - 4, SIDE // 2)
    painter.end()
    return pixmap


def swatch_icon(colour: Colour) -> QIcon:
    """Return one square as a button's icon."""
    return QIcon(swatches(colour))


class ElidedLabel(QLabel):
    """A line that is cut with … where it is too long; the tooltip has all of it."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = text
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """Show another text."""
        self._whole = text
        self.setAccessibleName(text)
        self._fit()

    def natural_width(self) -> int:
        """Return the width (px) that the whole text takes."""
        self.ensurePolished()
        return self.fontMetrics().horizontalAdvance(self._whole) + 2

    def resizeEvent(self, event: object) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._fit()

    def _fit(self) -> None:
        mode = Qt.TextElideMode.ElideRight
        shown = self.fontMetrics().elidedText(self._whole, mode, max(self.width(), 1))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")
