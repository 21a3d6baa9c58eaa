"""Small things drawn in the colours of tissues and of whatever theme napari has: signs, squares."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QColorDialog, QPushButton, QSizePolicy, QWidget
from superqt import QElidingLabel

from napari_vslp.core.tissues import Colour

Drawing = Callable[[QPainter, bool], None]

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


def name_label(name: str, parent: QWidget | None = None) -> QElidingLabel:
    """Return a tissue's name, cut with … where it is too long; the tooltip has all of it."""
    label = QElidingLabel(name, parent)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    label.setAccessibleName(name)
    label.setToolTip(name)
    return label


def _click(p: QPainter, _on: bool) -> None:
    p.drawEllipse(QPointF(8, 8), 4.5, 4.5)
    for x1, y1, x2, y2 in ((8, 1, 8, 5), (8, 11, 8, 15), (1, 8, 5, 8), (11, 8, 15, 8)):
        p.drawLine(QPointF(x1, y1), QPointF(x2, y2))


def _brush(p: QPainter, _on: bool) -> None:
    p.drawLine(QPointF(14, 2), QPointF(7.5, 8.5))
    p.setBrush(p.pen().color())
    p.drawEllipse(QRectF(2, 8.5, 6, 5.5))


def _lock(p: QPainter, on: bool) -> None:
    shift = 0.0 if on else 4.0  # an open lock's shackle stands aside
    p.drawArc(QRectF(4.5 + shift, 2, 7, 10), 0, 180 * 16)
    if on:
        p.setBrush(p.pen().color())
    p.drawRect(QRectF(3, 7.5, 10, 6.5))


def _unknown(p: QPainter, _on: bool) -> None:
    p.drawArc(QRectF(5, 2, 6, 6), -60 * 16, 230 * 16)
    p.drawLine(QPointF(9, 7.6), QPointF(8, 10))
    p.drawPoint(QPointF(8, 13))


def _remove(p: QPainter, _on: bool) -> None:
    p.drawLine(QPointF(4, 4), QPointF(12, 12))
    p.drawLine(QPointF(12, 4), QPointF(4, 12))


def _undo(p: QPainter, _on: bool) -> None:
    p.drawArc(QRectF(3, 4, 10, 9), -90 * 16, 230 * 16)
    p.drawLine(QPointF(2.5, 2), QPointF(3, 6.5))
    p.drawLine(QPointF(7, 6.5), QPointF(3, 6.5))


def _redo(p: QPainter, _on: bool) -> None:
    p.translate(16, 0)
    p.scale(-1, 1)
    _undo(p, _on)


def _export(p: QPainter, _on: bool) -> None:
    p.drawLine(QPointF(8, 2), QPointF(8, 10))
    for x in (5.0, 11.0):
        p.drawLine(QPointF(x, 7), QPointF(8, 10))
    p.drawPolyline(QPointF(2, 10), QPointF(2, 14), QPointF(14, 14), QPointF(14, 10))


DRAWINGS: dict[str, Drawing] = {
    "click": _click,
    "brush": _brush,
    "lock": _lock,
    "unknown": _unknown,
    "remove": _remove,
    "undo": _undo,
    "redo": _redo,
    "export": _export,
}


class IconButton(QPushButton):
    """A square button with a drawing, a tooltip and an accessible name.

    Parameters
    ----------
    drawing
        A key of `DRAWINGS`.
    name
        What a screen reader says, such as “Click in Tumour”.
    tip
        The tooltip.
    checkable
        Whether the button stays down.
    """

    def __init__(
        self,
        drawing: str,
        name: str,
        tip: str,
        checkable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._draw = DRAWINGS[drawing]
        self.setCheckable(checkable)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFixedSize(24, 24)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the button, then its sign on top."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(4, 4)
        painter.setPen(self._pen())
        self._draw(painter, self.isChecked())
        painter.end()

    def _pen(self) -> QPen:
        colour = self.palette().color(QPalette.ColorRole.WindowText)
        if not self.isEnabled():
            colour.setAlphaF(0.35)
        elif self.isCheckable() and not self.isChecked():
            colour.setAlphaF(0.75)
        pen = QPen(colour, 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        return pen


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
