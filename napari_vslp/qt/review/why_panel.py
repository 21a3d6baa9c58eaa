"""Why a place is what it is: a bar a tissue, and what speaks against each one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.qt.parts.swatch import ElidedLabel, swatches
from napari_vslp.qt.review import words

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
        self.sentence = QLabel(words.NO_SPOT, self)
        self.sentence.setAccessibleName("Why this place is what it is")
        self.sentence.setWordWrap(True)
        # Two lines are kept free, so that nothing below moves from place to place.
        self.sentence.setMinimumHeight(2 * self.sentence.fontMetrics().lineSpacing() + 2)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.rival = QLabel(self)
        self.rival.setObjectName("quiet")
        self.bars: list[ConfidenceBar] = []
        self.numbers: list[tuple[QLabel, ...]] = []
        self._table = QWidget(self)
        self._names: list[str] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.sentence, self._table, self.rival):
            layout.addWidget(widget)
        self._table.hide()
        self.rival.hide()

    def ask(self) -> None:
        """Tell what to do to read why."""
        self.clear(words.ASKING)

    def clear(self, sentence: str = words.NO_SPOT) -> None:
        """Show a sentence and no numbers."""
        self.sentence.setText(sentence)
        self._table.hide()
        self.rival.hide()

    def show_why(self, reason: Why, told: str, tissues: Sequence[Tissue]) -> None:
        """Show why; `told` says it in a sentence."""
        if [t.name for t in tissues] != self._names or len(self.bars) != len(tissues):
            self._make_rows(tissues)
        self.sentence.setText(told)
        self.rival.setText(words.rivals(reason))
        for i, (voice, tissue) in enumerate(zip(reason.voices, tissues, strict=True)):
            tip = words.voice_tip(reason, i)
            self.bars[i].show_confidence(voice.confidence, reason.spread, tissue.colour)
            self.bars[i].setAccessibleName(tip)
            texts = (
                words.per_cent(voice.confidence),
                f"{voice.cost:.1f}",
                _signed(-voice.price),
                _signed(voice.boundary),
            )
            for label, text in zip(self.numbers[i], texts, strict=True):
                label.setText(text)
                font = label.font()
                font.setBold(i == reason.shown)
                label.setFont(font)
            for widget in (self.bars[i], *self.numbers[i]):
                widget.setToolTip(tip)
        self._table.show()
        self.rival.show()

    def _make_rows(self, tissues: Sequence[Tissue]) -> None:
        """Make a row a tissue."""
        layout, old = self.layout(), self._table
        self._table = QWidget(self)
        self.bars, self.numbers, self._names = [], [], [t.name for t in tissues]
        grid = QGridLayout(self._table)
        grid.setContentsMargins(0, 0, 0, 0)
        # napari pads its labels, for which there is no room here.
        self._table.setStyleSheet("QLabel { padding: 0px; margin: 0px; }")
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(1)
        against = zip(_HEADINGS, _TIPS, strict=True)
        for column, (text, tip) in enumerate(against, start=4):
            grid.addWidget(_quiet(text, tip), 0, column)
        tip = "How much this place looks like each tissue; the whisker says how sure that is"
        grid.addWidget(_quiet("Looks like", tip), 0, 1, 1, 3)
        names: list[ElidedLabel] = []
        for row, tissue in enumerate(tissues, start=1):
            square = QLabel(self._table)
            square.setPixmap(swatches(tissue.colour))
            self.bars.append(ConfidenceBar(self._table))
            self.numbers.append(tuple(_number(self._table) for _ in range(4)))
            names.append(ElidedLabel(tissue.name, self._table))
            row_of = (square, names[-1], self.bars[-1], *self.numbers[-1])
            for column, widget in enumerate(row_of):
                grid.addWidget(widget, row, column)
        longest = max(name.natural_width() for name in names)
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
