"""The place in question: why it is what it is, and what to say that it is instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.qt.parts.icons import IconButton, name_label, swatch_icon, swatches
from napari_vslp.qt.review import messages

if TYPE_CHECKING:
    from napari_vslp.review.why import Why

_NAME_PX = 88  # longer names are cut
_HEADINGS = ("Itself", "Shares", "Nearby")
_TIPS = (
    "What the look of the place itself says against each tissue",
    "What the shares typed say against each tissue; below 0 they speak for it",
    "What the places nearby say against each tissue; below 0 they speak for it",
)


class ConfidenceBar(QWidget):
    """How much a place looks like a tissue, with a whisker for how sure that is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.confidence, self.spread = 0.0, 0.0
        self._colour = QColor("grey")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a bar as low as can still be read."""
        return QSize(64, 14)

    def show_confidence(self, confidence: float, spread: float, colour: Colour) -> None:
        """Show a confidence and its spread, both in [0, 1]."""
        self.confidence, self.spread = confidence, spread
        self._colour = QColor(*colour)
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint track, bar and whisker."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        track = QColor(text)
        track.setAlphaF(0.14)
        middle = self.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        for share, colour in ((1.0, track), (self.confidence, self._colour)):
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(0, middle - 4, share * self.width(), 8), 2, 2)
        low = max(0.0, self.confidence - self.spread) * (self.width() - 1)
        high = min(1.0, self.confidence + self.spread) * (self.width() - 1)
        painter.setBrush(text)
        painter.drawRect(QRectF(low, middle - 0.5, high - low, 1))
        for x in (low, high):
            painter.drawRect(QRectF(x, middle - 3, 1, 6))
        painter.end()


class WhyPanel(QWidget):
    """One sentence, a row a tissue, and the runner-up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = QLabel(messages.NO_SPOT, self)
        self.sentence.setAccessibleName("Why this place is what it is")
        self.sentence.setWordWrap(True)
        # Two lines are kept free, so that nothing below moves from place to place.
        self.sentence.setMinimumHeight(2 * self.sentence.fontMetrics().lineSpacing() + 2)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.rival = QLabel(self)
        self.rival.setObjectName("quiet")
        self.details = QPushButton("Details", self)
        self.details.setCheckable(True)
        self.details.setAccessibleName("Details of this place")
        self.details.setToolTip("What speaks against each tissue here, in numbers")
        self.details.toggled.connect(self._show_details)
        self._detailed: list[QWidget] = []
        self.bars: list[ConfidenceBar] = []
        self.numbers: list[tuple[QLabel, ...]] = []
        self._table = QWidget(self)
        self._names: list[str] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.sentence, self._table):
            layout.addWidget(widget)
        foot = QHBoxLayout()
        foot.addWidget(self.rival, 1)
        foot.addStretch(1)
        foot.addWidget(self.details)
        layout.addLayout(foot)
        self.clear()

    def ask(self) -> None:
        """Tell what to do to read why."""
        self.clear(messages.ASKING)

    def clear(self, sentence: str = messages.NO_SPOT) -> None:
        """Show a sentence and no numbers."""
        self.sentence.setText(sentence)
        self._table.hide()
        self.rival.hide()
        self.details.hide()

    def show_why(self, reason: Why, told: str, tissues: Sequence[Tissue]) -> None:
        """Show why; `told` says it in a sentence."""
        if [t.name for t in tissues] != self._names or len(self.bars) != len(tissues):
            self._make_rows(tissues)
        self.sentence.setText(told)
        self.rival.setText(messages.rivals(reason))
        for i, (entry, tissue) in enumerate(zip(reason.costs, tissues, strict=True)):
            tip = messages.cost_tip(reason, i)
            self.bars[i].show_confidence(entry.confidence, reason.spread, tissue.colour)
            self.bars[i].setAccessibleName(tip)
            texts = (
                messages.per_cent(entry.confidence),
                f"{entry.cost:.1f}",
                _signed(-entry.price),
                _signed(entry.boundary),
            )
            for label, text in zip(self.numbers[i], texts, strict=True):
                label.setText(text)
                font = label.font()
                font.setBold(i == reason.shown)
                label.setFont(font)
            for widget in (self.bars[i], *self.numbers[i]):
                widget.setToolTip(tip)
        self._table.show()
        self.details.show()
        self._show_details()

    def _show_details(self) -> None:
        on = self.details.isChecked()
        self.rival.setVisible(on and not self._table.isHidden())
        for widget in self._detailed:
            widget.setVisible(on)

    def _make_rows(self, tissues: Sequence[Tissue]) -> None:
        """Make a row a tissue."""
        layout, old = self.layout(), self._table
        self._table = QWidget(self)
        self.bars, self.numbers, self._names = [], [], [t.name for t in tissues]
        self._detailed = []
        grid = QGridLayout(self._table)
        grid.setContentsMargins(0, 0, 0, 0)
        # napari pads its labels, for which there is no room here.
        self._table.setStyleSheet("QLabel { padding: 0px; margin: 0px; }")
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(1)
        against = zip(_HEADINGS, _TIPS, strict=True)
        for column, (text, tip) in enumerate(against, start=4):
            head = _quiet(text, tip)
            grid.addWidget(head, 0, column)
            self._detailed.append(head)
        tip = "How much this place looks like each tissue; the whisker says how sure that is"
        grid.addWidget(_quiet("Looks like", tip), 0, 1, 1, 3)
        for row, tissue in enumerate(tissues, start=1):
            square = QLabel(self._table)
            square.setPixmap(swatches(tissue.colour))
            self.bars.append(ConfidenceBar(self._table))
            self.numbers.append(tuple(_number(self._table) for _ in range(4)))
            self._detailed += self.numbers[-1][1:]
            name = name_label(tissue.name, self._table)
            row_of = (square, name, self.bars[-1], *self.numbers[-1])
            for column, widget in enumerate(row_of):
                grid.addWidget(widget, row, column)
        metrics = self.fontMetrics()
        longest = max(metrics.horizontalAdvance(tissue.name) + 2 for tissue in tissues)
        grid.setColumnMinimumWidth(1, min(longest, _NAME_PX))
        grid.setColumnStretch(2, 1)
        grid.setColumnMinimumWidth(2, 28)
        if layout is not None:
            layout.replaceWidget(old, self._table)
        old.deleteLater()


def _quiet(text: str, tip: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("quiet")
    label.setToolTip(tip)
    label.setAlignment(Qt.AlignmentFlag.AlignRight)
    return label


def _signed(value: float) -> str:
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"


def _number(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return label


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
            with signals_blocked(brush):
                brush.setChecked(False)
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
            with signals_blocked(chosen):
                chosen.setChecked(True)
        self.brush_toggled.emit(index if on else -1)
