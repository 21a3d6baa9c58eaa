"""The page “Audit” of the dock: where the result is doubtful, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.collapsible import Collapsible
from napari_vslp.qt.parts.icons import SIDE, swatches
from napari_vslp.qt.parts.theme import heading
from napari_vslp.qt.review import messages
from napari_vslp.qt.review.cost import CostPanel
from napari_vslp.qt.review.energy_panels import EnergyPanel, SearchPanel
from napari_vslp.qt.review.place_panels import CorrectPanel, WhyPanel

if TYPE_CHECKING:
    from napari_vslp.review.regions import Region

# napari leaves the function keys to others.
PREVIOUS, NEXT, LOOKED, ASK = "F7", "F8", "F9", "F6"
_ROWS = 5  # shown at once; more are scrolled
_ICON = QSize(2 * SIDE + 14, SIDE)


class RegionList(QTreeWidget):
    """One row a region: its rank, what it is shown as → what it could be, its area.

    Signals
    -------
    chosen
        Index of the region that the hand chose.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Doubtful places")
        self.setHeaderLabels(["", "Shown → could be", "Area"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setIconSize(_ICON)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionsMovable(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
            header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)

    def show_regions(self, regions: Sequence[Region], tissues: Sequence[Tissue]) -> None:
        """List regions in their order, none selected."""
        self.clear()
        for rank, region in enumerate(regions, start=1):
            shown, other = tissues[region.shown], tissues[region.runner_up]
            item = QTreeWidgetItem(
                [str(rank), f"{shown.name} → {other.name}", messages.area(region)]
            )
            item.setIcon(1, _icon(shown, other))
            item.setToolTip(1, f"Shown as {shown.name}; it could as well be {other.name}")
            item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
        self._fit()

    def mark(self, looked_at: Sequence[bool]) -> None:
        """Tick the regions that were looked at."""
        for index, done in enumerate(looked_at):
            item = self.topLevelItem(index)
            if item is not None:
                item.setText(0, f"✓ {index + 1}" if done else str(index + 1))
                item.setDisabled(False)
                for column in range(3):
                    font = item.font(column)
                    font.setItalic(done)
                    item.setFont(column, font)

    def select(self, index: int) -> None:
        """Select a row without reporting it; −1 for none."""
        item = self.topLevelItem(index) if index >= 0 else None
        if item is None:
            self.clearSelection()
        else:
            self.setCurrentItem(item)
            self.scrollToItem(item)

    def _clicked(self, item: QTreeWidgetItem) -> None:
        self.chosen.emit(self.indexOfTopLevelItem(item))

    def _fit(self) -> None:
        header = self.header()
        row = max(self.sizeHintForRow(0), SIDE + 8)
        rows = min(max(self.topLevelItemCount(), 1), _ROWS)
        top = header.sizeHint().height() if header is not None else 0
        self.setFixedHeight(top + rows * row + 2 * self.frameWidth() + 2)


def _icon(shown: Tissue, other: Tissue) -> QIcon:
    pixmap = swatches(shown.colour, other.colour, arrow=True)
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it, and the colours are the message
    return icon


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
            Collapsible("Where the doubt lies, by tissue", self.energy, self),
            Collapsible("Details of the search", self.search, self),
            Collapsible("What would another share cost?", self.cost, self),
        )
        self.search.add_head(self.certificate)
        self._lay_out()
        self._add_shortcuts()
        self.show_nothing(messages.NO_RESULT)

    def show_nothing(self, sentence: str) -> None:
        """Say what to do to have something to look over."""
        self.empty.setText(sentence)
        self.empty.show()
        self._content.hide()

    def show_result(self, result: Segmentation) -> None:
        """Show how good a result is, and offer its tissues."""
        self.empty.hide()
        self._content.show()
        self.certificate.setText(messages.certificate(result))
        self.certificate.setToolTip(messages.certificate_tip(result))
        self.correct.show_tissues(result.tissues)
        self.cost.show_tissues(result.tissues)

    def show_count(self, looked: int, total: int) -> None:
        """Say how much is done, and offer the buttons that make sense."""
        self.count.setText(messages.looked(looked, total))
        self.left.setVisible(looked >= total)
        self.left.setText(messages.ALL_LOOKED if total else messages.NOTHING)
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
        self.previous = _button("◂ Previous", "Go to the place before this one", PREVIOUS)
        self.next = _button("Next ▸", "Go to the next place not yet looked at", NEXT)
        self.looked = _button("✓ Looked at", "Tick this place off and go to the next", LOOKED)
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
        self.compare = QPushButton("Compare with another result…", self)
        self.compare.setAccessibleName("Compare with another result")
        self.compare.setToolTip("Show where this result and one in a folder differ")
        inside.addWidget(self.compare, 0, Qt.AlignmentFlag.AlignLeft)
        self.cost.grown.connect(lambda: self.unfolded.emit(self.folds[2]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.addWidget(self.empty)
        layout.addWidget(self._content)
        layout.addStretch(1)

    def _unfolded(self, fold: Collapsible, on: bool) -> None:
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
