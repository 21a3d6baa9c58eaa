"""The columns of a table, one tick each, with the range of shares of those that are tissues."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from napari_vslp.core.tissues import PALETTE
from napari_vslp.qt.segment.proportion_bar import ProportionBar
from napari_vslp.qt.teach import words
from napari_vslp.qt.teach.reading import Range, Reading

_WIDEST_NAME = 130  # px; the whole name is in the tooltip


class TissueTicks(QWidget):
    """Ticks for the columns that are tissues, each with a band from its lowest to highest share.

    Signals
    -------
    toggled
        A tick changed.
    """

    toggled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QCheckBox] = {}
        self.spans: dict[str, QLabel] = {}
        self._bars: dict[str, ProportionBar] = {}
        self._names: tuple[str, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)

    def ticked(self) -> tuple[str, ...]:
        """Return the columns that are ticked, in the table's order."""
        return tuple(name for name, box in self.boxes.items() if box.isChecked())

    def show_reading(self, reading: Reading) -> None:
        """Show the columns of a table without reporting the ticks back."""
        # One tissue alone is joined by the rest of the image, which is no column.
        extra = tuple(name for name in reading.ranges if name not in reading.columns)
        names = (*reading.columns, *extra)
        if names != self._names or tuple(self.boxes) != reading.columns:
            self._rebuild(names, reading.columns)
        for name, box in self.boxes.items():
            was = box.blockSignals(True)
            box.setChecked(name in (reading.ask.ticked or ()))
            box.blockSignals(was)
        for name in names:
            self._show(name, reading.ranges)

    def _show(self, name: str, ranges: dict[str, Range | None]) -> None:
        bar, span = self._bars[name], self.spans[name]
        index = list(ranges).index(name) if name in ranges else 0
        known = ranges.get(name)
        bar.setVisible(known is not None)
        bar.set_asked(known or (0.0, 0.0), PALETTE[index % len(PALETTE)])
        span.setText(words.span(known) if name in ranges else "")

    def _rebuild(self, names: tuple[str, ...], columns: tuple[str, ...]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._names, self.boxes, self.spans, self._bars = names, {}, {}, {}
        for row, name in enumerate(names):
            first: QWidget = self._box(name) if name in columns else QLabel(self._short(name), self)
            first.setToolTip(name)
            self._bars[name], self.spans[name] = ProportionBar(self), QLabel(self)
            self.spans[name].setAccessibleName(f"Range of {name}")
            self._grid.addWidget(first, row, 0)
            self._grid.addWidget(self._bars[name], row, 1)
            self._grid.addWidget(self.spans[name], row, 2)

    def _box(self, name: str) -> QCheckBox:
        box = QCheckBox(self._short(name).replace("&", "&&"), self)
        box.setAccessibleName(f"{name} is a tissue")
        box.toggled.connect(lambda _on: self.toggled.emit())
        self.boxes[name] = box
        return box

    def _short(self, name: str) -> str:
        metrics = self.fontMetrics()
        return metrics.elidedText(name, Qt.TextElideMode.ElideRight, _WIDEST_NAME)
