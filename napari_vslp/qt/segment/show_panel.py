"""What is shown of a result: one picture at a time, its legend, how strong, and a peek below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.steady import SteadyCombo, SteadySlider
from napari_vslp.qt.viewer.maps import LABELS, PART, MapLayer

PEEK = "F4"
_SIDE = 10  # px of a swatch
_STOPS = 9


class Legend(QWidget):
    """The colours of the picture and what they mean, in one line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tissues: Sequence[Tissue] = ()
        self._map: MapLayer | None = None
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return one line of text."""
        return QSize(100, self.fontMetrics().height() + 4)

    def show_tissues(self, tissues: Sequence[Tissue]) -> None:
        """Show each tissue's colour beside its name."""
        self._tissues, self._map = tissues, None
        self._tell(", ".join(t.name for t in tissues))

    def show_map(self, shown: MapLayer) -> None:
        """Show the colours of a map from its lowest to its highest value."""
        self._map = shown
        self._tell(f"{shown.title}: {' – '.join(_ends(shown))}")

    def _tell(self, sentence: str) -> None:
        self.setAccessibleName(f"Legend: {sentence}")
        unit = self._map.unit if self._map is not None else ""
        self.setToolTip(f"{sentence} ({unit})" if unit else sentence)
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint squares or a ramp, and the words beside them."""
        painter = QPainter(self)
        if self._map is not None:
            self._paint_map(painter, self._map)
        elif self._tissues:
            self._paint_tissues(painter)
        painter.end()

    def _paint_tissues(self, painter: QPainter) -> None:
        part = self.width() / len(self._tissues)
        top = (self.height() - _SIDE) / 2
        for index, tissue in enumerate(self._tissues):
            left = index * part
            painter.setPen(QColor(128, 128, 128))
            painter.setBrush(QColor(*tissue.colour))
            painter.drawRect(QRectF(left + 0.5, top, _SIDE, _SIDE))
            room = QRectF(left + _SIDE + 4, 0, part - _SIDE - 8, self.height())
            self._write(painter, room, tissue.name)

    def _paint_map(self, painter: QPainter, shown: MapLayer) -> None:
        low, high = _ends(shown)
        metrics = self.fontMetrics()
        left, right = (metrics.horizontalAdvance(text) + 8 for text in (low, high))
        ramp = QRectF(left, 3, max(self.width() - left - right, 10), self.height() - 6)
        gradient = QLinearGradient(ramp.topLeft(), ramp.topRight())
        shades = ensure_colormap(shown.colours).map(np.linspace(0, 1, _STOPS))
        for stop, shade in zip(np.linspace(0, 1, _STOPS), shades, strict=True):
            gradient.setColorAt(float(stop), QColor.fromRgbF(*(float(c) for c in shade)))
        painter.fillRect(ramp, QColor("white"))  # what is clear shows the slide's background
        painter.fillRect(ramp, gradient)
        self._write(painter, QRectF(0, 0, left, self.height()), low)
        self._write(painter, QRectF(ramp.right() + 6, 0, right, self.height()), high)

    def _write(self, painter: QPainter, room: QRectF, text: str) -> None:
        painter.setPen(self.palette().color(self.foregroundRole()))
        mode = Qt.TextElideMode.ElideRight
        cut = self.fontMetrics().elidedText(text, mode, int(room.width()))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), cut)


class ShowPanel(QWidget):
    """A menu of pictures, how strong they are, a button to peek, and the legend.

    Signals
    -------
    picture_asked
        Key of the picture to show (`qt.viewer.maps`).
    strength_asked
        Opacity in [0, 1]; of the tissues, that of the fill between their lines.
    peek_asked
        Whether the tissue below is to be seen.
    """

    picture_asked = Signal(str)
    strength_asked = Signal(float)
    peek_asked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = SteadyCombo(self)
        self.picture.setAccessibleName("What to show")
        self.picture.setToolTip("Show the tissues, or one map of the result")
        self.strength = SteadySlider(self)
        self.strength.setRange(0, 100)
        self.strength.setFixedWidth(72)
        self.strength.setAccessibleName("Strength")
        self.strength.setToolTip("How strong the colour lies over the tissue")
        self.peek = QPushButton("Peek", self)
        self.peek.setAccessibleName("Peek at the tissue below")
        self.peek.setToolTip(f"Hold the button, or {PEEK}, to see the tissue alone")
        self.legend = Legend(self)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.picture, 1)
        row.addWidget(self.strength)
        row.addWidget(self.peek)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.legend)
        self.picture.activated.connect(lambda _: self.picture_asked.emit(self.key()))
        self.strength.valueChanged.connect(lambda v: self.strength_asked.emit(v / 100))
        self.peek.pressed.connect(lambda: self.peek_asked.emit(True))
        self.peek.released.connect(lambda: self.peek_asked.emit(False))
        self.setVisible(False)

    def key(self) -> str:
        """Return the key of the picture that is chosen."""
        return str(self.picture.currentData() or LABELS)

    def show_pictures(
        self, maps: Mapping[str, MapLayer], tissues: Sequence[Tissue], key: str, strength: float
    ) -> None:
        """Offer the pictures there are, with the one that is shown."""
        wanted = [("Tissues", LABELS), *((one.title.capitalize(), k) for k, one in maps.items())]
        there = [
            (self.picture.itemText(i), self.picture.itemData(i))
            for i in range(self.picture.count())
        ]
        with signals_blocked(self.picture, self.strength):
            if wanted != there:
                self.picture.clear()
                for title, data in wanted:
                    self.picture.addItem(title, data)
            self.picture.setCurrentIndex(max(0, self.picture.findData(key)))
            self.strength.setValue(round(100 * strength))
        if key in maps:
            self.legend.show_map(maps[key])
        else:
            self.legend.show_tissues(tissues)
        self.setVisible(True)


def _ends(shown: MapLayer) -> tuple[str, str]:
    """Say what the two ends of a map's colours mean, with their values."""
    part = shown.unit == PART
    values = [f"{100 * v:.0f} %" if part else f"{v:.3g}" for v in shown.limits]
    told = [
        f"{value} {word}".strip()
        for value, word in zip(values, (shown.low, shown.high), strict=True)
    ]
    return told[0], told[1]
