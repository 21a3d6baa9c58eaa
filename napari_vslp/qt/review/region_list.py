"""The ranked list of doubtful regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.swatch import SIDE, swatches
from napari_vslp.qt.review import words

if TYPE_CHECKING:
    from napari_vslp.review.regions import Region

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
            item = QTreeWidgetItem([str(rank), f"{shown.name} → {other.name}", words.area(region)])
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
