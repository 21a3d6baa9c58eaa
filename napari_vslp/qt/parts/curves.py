"""Two small curves that show, while a model learns, how well it does."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_vslp.qt.parts.small_plot import NO_PLOTS, Look, SmallPlot, can_plot, look_of
from napari_vslp.qt.teach.records import Records
from napari_vslp.qt.teach.words import NONE_ASIDE

DIFFERENCE = "Difference to the typed shares (points)"
AGREEMENT = "How well outlines and shares agree"
LOWER = "The lower, the better."


class Curves(QWidget):
    """The difference on images kept aside, and the agreement on those learnt from.

    Parameters
    ----------
    theme
        napari's, by its name.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.records = Records()
        self._look = look_of(theme)
        self.difference: _Plot | None = None
        self.agreement: _Plot | None = None
        self.note = QLabel(LOWER, self)
        self.note.setObjectName("quiet")
        self.note.setAccessibleName("How to read the curves")
        self.note.setWordWrap(True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.note)
        self.hide()

    def begin(self, records: Records) -> None:
        """Show the curves of a training; its axis is as long as the training will be."""
        self.records = records
        self.show()
        self._make()
        self.follow()

    def follow(self) -> None:
        """Draw what is recorded by now."""
        if self.difference is None or self.agreement is None:
            return
        aside = self.records.has("area_error") or not len(self.records)
        self.difference.setVisible(aside)
        self.note.setText(LOWER if aside else NONE_ASIDE)
        steps, values = self.records.line("area_error")
        self.difference.draw(steps, [100 * value for value in values], self.records)
        self.agreement.draw(*self.records.line("loss"), self.records)

    def set_theme(self, theme: str) -> None:
        """Wear the colours of another theme."""
        self._look = look_of(theme)
        for plot in (self.difference, self.agreement):
            if plot is not None:
                plot.wear(self._look)

    def _make(self) -> None:
        """Make the plots when they are first wanted: their package takes a while to load."""
        if self.difference is not None:
            return
        if not can_plot():
            self.note.setText(NO_PLOTS)
            return
        tip = "On images kept aside, half the sum of what each tissue is off; lower is better"
        self.difference = _Plot(DIFFERENCE, tip, self)
        self.agreement = _Plot(AGREEMENT, "On the images learnt from; lower is better", self)
        for plot in (self.difference, self.agreement):
            plot.wear(self._look)
            self._layout.addWidget(plot)


class _Plot(SmallPlot):
    """One curve over the whole length of a training, with a line between its rounds."""

    def __init__(self, title: str, tip: str, parent: QWidget) -> None:
        super().__init__(title, tip, parent)
        self._borders: list[Any] = []
        self._pen: Any = None

    def draw(self, steps: list[float], values: list[float], records: Records) -> None:
        """Show a curve over the whole length of the training."""
        self.curve.setData(steps, values)
        known = [value for value in values if value == value]  # noqa: PLR0124 - leaves out nan
        self.plot.setXRange(0, max(records.total, 1), padding=0.02)
        self.plot.setYRange(0, 1.15 * max([*known, 1e-3]), padding=0)
        self._mark_rounds(records)

    def wear(self, look: Look) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        super().wear(look)
        self._pen = pyqtgraph.mkPen(look.text, width=1, style=Qt.PenStyle.DotLine)
        for border in self._borders:
            border.setPen(self._pen)

    def _mark_rounds(self, records: Records) -> None:
        import pyqtgraph

        wanted = [sum(records.rounds[:turn]) for turn in range(1, len(records.rounds))]
        if [border.value() for border in self._borders] == wanted:
            return
        for border in self._borders:
            self.plot.removeItem(border)
        self._borders = [pyqtgraph.InfiniteLine(at, angle=90, pen=self._pen) for at in wanted]
        for border in self._borders:
            self.plot.addItem(border)
