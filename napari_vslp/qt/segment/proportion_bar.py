"""A painted bar that lays what was asked beside what was reached, for one tissue."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_vslp.core.tissues import Colour

# napari's slider handle is 16 px wide: with half of it as a margin, 40 % lies under the handle.
MARGIN = 8


class ProportionBar(QWidget):
    """The interval asked for as a band in the tissue's colour, the share reached as a tick."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.asked: tuple[float, float] = (0.0, 1.0)
        self.reached: float | None = None
        self._colour = QColor("grey")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)

    def sizeHint(self) -> QSize:
        """Return a bar as low as can still be read."""
        return QSize(140, 14)

    def set_asked(self, interval: tuple[float, float], colour: Colour) -> None:
        """Show what is asked for: lowest and highest share, in [0, 1]."""
        self.asked, self._colour = interval, QColor(*colour)
        self.update()

    def set_reached(self, share: float | None) -> None:
        """Show the share reached, in [0, 1]; None before the first result."""
        self.reached = share
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint track, band and tick."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        self._fill(painter, 0.0, 1.0, _faint(text, 0.14))
        self._fill(painter, *self.asked, _faint(self._colour, 0.75))
        if self.reached is not None:
            self._tick(painter, self.reached, text)
        painter.end()

    def _at(self, share: float) -> float:
        return MARGIN + share * (self.width() - 2 * MARGIN)

    def _fill(self, painter: QPainter, low: float, high: float, colour: QColor) -> None:
        left, right = self._at(low), self._at(high)
        width = max(right - left, 2.0)  # "exactly 40 %" is still seen
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(left, self.height() / 2 - 4, width, 8), 2, 2)

    def _tick(self, painter: QPainter, share: float, colour: QColor) -> None:
        painter.setBrush(self.palette().color(QPalette.ColorRole.Window))
        painter.drawRect(QRectF(self._at(share) - 2, 0, 4, self.height()))
        painter.setBrush(colour)
        painter.drawRect(QRectF(self._at(share) - 1, 0, 2, self.height()))


def _faint(colour: QColor, alpha: float) -> QColor:
    faint = QColor(colour)
    faint.setAlphaF(alpha)
    return faint
