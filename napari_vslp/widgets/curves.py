"""Two small curves that show, while a model learns, how well it does."""

from __future__ import annotations

from typing import Any, NamedTuple

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_vslp.widgets.train_records import Records
from napari_vslp.widgets.train_words import NONE_ASIDE

DIFFERENCE = "Difference to the typed shares (points)"
AGREEMENT = "How well outlines and shares agree"
NO_PLOTS = "The curves need one more package: pip install pyqtgraph, then open napari again."
LOWER = "The lower, the better."
_HEIGHT = 104
_CONTRAST = 0.3  # of lightness, 0…1
_AXIS = 42  # px, the same for both, so that their steps lie above each other


class _Look(NamedTuple):
    background: str
    text: str
    line: str


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
        self._look = _look(theme)
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
        self._look = _look(theme)
        for plot in (self.difference, self.agreement):
            if plot is not None:
                plot.wear(self._look)

    def _make(self) -> None:
        """Make the plots when they are first wanted: their package takes a while to load."""
        if self.difference is not None:
            return
        try:
            import pyqtgraph  # type: ignore[import-untyped]  # noqa: F401
        except ImportError:
            self.note.setText(NO_PLOTS)
            return
        tip = "On images kept aside, half the sum of what each tissue is off; lower is better"
        self.difference = _Plot(DIFFERENCE, tip, self)
        self.agreement = _Plot(AGREEMENT, "On the images learnt from; lower is better", self)
        for plot in (self.difference, self.agreement):
            plot.wear(self._look)
            self._layout.addWidget(plot)


class _Plot(QWidget):
    """One curve under its title; it only shows, and leaves the wheel to the dock."""

    def __init__(self, title: str, tip: str, parent: QWidget) -> None:
        super().__init__(parent)
        import pyqtgraph

        self.title = QLabel(title, self)
        self.setToolTip(tip)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot: Any = pyqtgraph.PlotWidget(self)
        self.plot.setAccessibleName(title)
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setMinimumWidth(0)
        self.plot.setAntialiasing(True)
        # Else it would keep the wheel from scrolling the dock.
        self.plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.plot.hideButtons()
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.getAxis("left").setWidth(_AXIS)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        self.curve: Any = self.plot.plot(connect="finite", symbol="o", symbolSize=4)
        self._borders: list[Any] = []
        self._pen: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.title)
        layout.addWidget(self.plot)

    def draw(self, steps: list[float], values: list[float], records: Records) -> None:
        """Show a curve over the whole length of the training."""
        self.curve.setData(steps, values)
        known = [value for value in values if value == value]  # noqa: PLR0124 - leaves out nan
        self.plot.setXRange(0, max(records.total, 1), padding=0.02)
        self.plot.setYRange(0, 1.15 * max([*known, 1e-3]), padding=0)
        self._mark_rounds(records)

    def wear(self, look: _Look) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        self.plot.setBackground(look.background)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(look.text)
            self.plot.getAxis(side).setTextPen(look.text)
        self.curve.setPen(pyqtgraph.mkPen(look.line, width=2))
        self.curve.setSymbolBrush(look.line)
        self.curve.setSymbolPen(look.line)
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


def _look(theme: str) -> _Look:
    worn = get_theme(theme)
    text, accent = QColor(worn.text.as_hex()), QColor(worn.current.as_hex())
    background = QColor(worn.background.as_hex())
    line = accent
    if abs(accent.lightnessF() - background.lightnessF()) < _CONTRAST:
        # The light theme's accent hardly stands out as a thin line.
        pairs = zip(accent.getRgb()[:3], text.getRgb()[:3], strict=True)
        line = QColor(*((one + other) // 2 for one, other in pairs))
    return _Look(background.name(), text.name(), line.name())
