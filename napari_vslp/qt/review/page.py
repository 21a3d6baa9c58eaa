"""The page “Audit” of the dock: where the result is doubtful, why, and what to do about it."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.qt.parts.fold import Fold
from napari_vslp.qt.parts.look import heading
from napari_vslp.qt.review import words
from napari_vslp.qt.review.correct_panel import CorrectPanel
from napari_vslp.qt.review.cost import CostPanel
from napari_vslp.qt.review.energy_panel import EnergyPanel
from napari_vslp.qt.review.region_list import RegionList
from napari_vslp.qt.review.search_panel import SearchPanel
from napari_vslp.qt.review.why_panel import WhyPanel

# napari leaves the function keys to others.
PREVIOUS, NEXT, LOOKED, ASK = "F7", "F8", "F9", "F6"


class AuditPage(QWidget):
    """Everything of the audit that the hand touches; it knows nothing of layers and jobs.

    Parameters
    ----------
    theme
        napari's, by its name.

    Signals
    -------
    unfolded
        A widget that has just been unfolded, to be scrolled into sight.
    """

    unfolded = Signal(object)

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_head()
        self._make_buttons()
        self.why, self.correct = WhyPanel(self), CorrectPanel(self)
        self.energy, self.search = EnergyPanel(theme), SearchPanel(theme)
        self.cost = CostPanel(theme)
        self.folds = (
            Fold("Energy by tissue", self.energy, self),
            Fold("How the search went", self.search, self),
            Fold("What would another share cost?", self.cost, self),
        )
        self._lay_out()
        self._add_shortcuts()
        self.show_nothing(words.NO_RESULT)

    def show_nothing(self, sentence: str) -> None:
        """Say what to do to have something to look over."""
        self.empty.setText(sentence)
        self.empty.show()
        self._content.hide()

    def show_result(self, result: Segmentation) -> None:
        """Show how good a result is, and offer its tissues."""
        self.empty.hide()
        self._content.show()
        self.certificate.setText(words.certificate(result))
        self.certificate.setToolTip(words.certificate_tip(result))
        self.correct.show_tissues(result.tissues)
        self.cost.show_tissues(result.tissues)

    def show_count(self, looked: int, total: int) -> None:
        """Say how much is done, and offer the buttons that make sense."""
        self.count.setText(words.looked(looked, total))
        self.left.setVisible(looked >= total)
        self.left.setText(words.ALL_LOOKED if total else words.NOTHING)
        self.list.setVisible(total > 0)
        for button in (self.previous, self.next, self.looked):
            button.setEnabled(total > 0)

    def set_theme(self, theme: str) -> None:
        """Wear the colours of another theme."""
        for panel in (self.energy, self.search, self.cost):
            panel.set_theme(theme)

    def _make_head(self) -> None:
        self.empty = QLabel(self)
        self.empty.setObjectName("hint")
        self.empty.setAccessibleName("What to do first")
        self.empty.setWordWrap(True)
        self.certificate = QLabel(self)
        self.certificate.setAccessibleName("How good the result is")
        self.certificate.setWordWrap(True)
        self.count = QLabel(self)
        self.count.setObjectName("quiet")
        self.list = RegionList(self)
        self.left = QLabel(self)
        self.left.setObjectName("hint")
        self.left.setWordWrap(True)

    def _make_buttons(self) -> None:
        self.previous = _button("◂ Previous", "Fly to the place before this one", PREVIOUS)
        self.next = _button("Next ▸", "Fly to the next place not yet looked at", NEXT)
        self.looked = _button("✓ Looked at", "Tick this place off and fly to the next", LOOKED)
        self.ask = _button("Ask why", "Click a place in the image to read why it is so", ASK)
        self.ask.setCheckable(True)
        self.doubt = QCheckBox("Show doubt", self)
        self.doubt.setAccessibleName("Show doubt")
        self.doubt.setToolTip("Lay the doubt over the image: the brighter, the more doubtful")

    def _lay_out(self) -> None:
        self._content = QWidget(self)
        inside = QVBoxLayout(self._content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(5)
        title = QHBoxLayout()
        title.addWidget(heading("Doubtful places"), 1)
        title.addWidget(self.count)
        moves, asks = QHBoxLayout(), QHBoxLayout()
        for button in (self.previous, self.next, self.looked):
            moves.addWidget(button, 1)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        asks.addWidget(heading("Why is this so?"), 1)
        asks.addWidget(self.doubt)
        asks.addWidget(self.ask)
        inside.addWidget(self.certificate)
        inside.addLayout(title)
        inside.addWidget(self.list)
        inside.addWidget(self.left)
        inside.addLayout(moves)
        inside.addLayout(asks)
        inside.addWidget(self.why)
        inside.addWidget(self.correct)
        for fold in self.folds:
            inside.addWidget(fold)
            fold.toggled.connect(partial(self._unfolded, fold))
        self.cost.grown.connect(lambda: self.unfolded.emit(self.folds[2]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.addWidget(self.empty)
        layout.addWidget(self._content)
        layout.addStretch(1)

    def _unfolded(self, fold: Fold, on: bool) -> None:
        if on:
            self.unfolded.emit(fold)

    def _add_shortcuts(self) -> None:
        # They belong to this page, so they are silent while it is not in sight.
        for button, key in (
            (self.previous, PREVIOUS),
            (self.next, NEXT),
            (self.looked, LOOKED),
            (self.ask, ASK),
        ):
            QShortcut(QKeySequence(key), self).activated.connect(button.click)


def _button(text: str, tip: str, key: str) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(text.strip("◂▸✓ "))
    button.setToolTip(f"{tip} ({key})")
    return button
