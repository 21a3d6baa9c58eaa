"""The table of tissues: what is typed stays; where the sum is not 100 % it says so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_vslp.core.edits import AddTissue, ReplaceTissues, ScaleShares
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import surplus
from napari_vslp.core.tissues import PALETTE, Tissue
from napari_vslp.qt.parts import messages
from napari_vslp.qt.parts.number_field import NumberField
from napari_vslp.qt.segment.tissue_row import TissueRow

_GREY = PALETTE[-1]


def _table(*rows: tuple[str, float]) -> tuple[Tissue, ...]:
    colours = [*PALETTE[: len(rows) - 1], _GREY]  # what comes last is the background
    return tuple(
        Tissue(name, value, 0.05, colour)
        for (name, value), colour in zip(rows, colours, strict=True)
    )


PRESETS: dict[str, tuple[Tissue, ...]] = {
    "Gland · other tissue · white background": _table(
        ("Gland", 0.45), ("Other tissue", 0.40), ("White background", 0.15)
    ),
    "Tumour · lymphocytes · stroma · background": _table(
        ("Tumour", 0.40), ("Lymphocytes", 0.25), ("Stroma", 0.25), ("Background", 0.10)
    ),
    "Tumour · stroma · background": _table(
        ("Tumour", 0.50), ("Stroma", 0.40), ("Background", 0.10)
    ),
}


class TissueTable(QWidget):
    """Rows of tissues with buttons to add one and to start from a preset.

    Signals
    -------
    edit_asked
        An edit, and the key under which edits in a row are one step of the history.
    step_ended
        What follows is a step of its own.
    refused
        A sentence: a number that was typed cannot be.
    pick_asked, paint_asked
        Id of the tissue that clicks or the brush now mean, empty for none.
    """

    edit_asked = Signal(object, str)
    step_ended = Signal()
    refused = Signal(str)
    pick_asked = Signal(str)
    paint_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[TissueRow] = []
        self._rows_layout = QVBoxLayout()
        self._rows_layout.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._rows_layout)
        layout.addLayout(self._sum())
        layout.addLayout(self._buttons())

    def _sum(self) -> QHBoxLayout:
        self.sum = QLabel()
        self.sum.setAccessibleName("Sum of the shares")
        self.scale_button = QPushButton("Scale to 100 %")
        self.scale_button.setAccessibleName(self.scale_button.text())
        self.scale_button.setToolTip("Make all shares larger or smaller so that they add up")
        self.scale_button.clicked.connect(lambda: self.edit_asked.emit(ScaleShares(), ""))
        policy = self.scale_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that nothing jumps
        self.scale_button.setSizePolicy(policy)
        box = QHBoxLayout()
        box.addWidget(self.sum, 1)
        box.addWidget(self.scale_button)
        return box

    def _buttons(self) -> QHBoxLayout:
        self.add_button = QPushButton("Add tissue")
        self.add_button.setToolTip("Add a tissue; the unlocked others make room for it")
        self.add_button.clicked.connect(self._add)
        self.preset_button = QPushButton("Start from…")
        self.preset_button.setToolTip("Replace the table by one that is often used")
        menu = QMenu(self.preset_button)
        for title in PRESETS:
            menu.addAction(title, partial(self._use_preset, title))
        self.preset_button.setMenu(menu)
        box = QHBoxLayout()
        for button in (self.add_button, self.preset_button):
            button.setAccessibleName(button.text())
            box.addWidget(button, 1)
        return box

    def row(self, tissue: str) -> TissueRow | None:
        """Return the row of the tissue of this id, or None."""
        return next((row for row in self.rows if row.id == tissue), None)

    def show_tissues(self, tissues: Sequence[Tissue]) -> None:
        """Show the tissues as they stand: a row keeps its tissue wherever it moves."""
        before = {row.id: row for row in self.rows}
        for row in [row for row in self.rows if row.id not in {t.id for t in tissues}]:
            self._drop(row)
        self.rows = [before.get(t.id) or self._new_row(t) for t in tissues]
        for index, (row, tissue) in enumerate(zip(self.rows, tissues, strict=True)):
            if self._rows_layout.indexOf(row) != index:
                self._rows_layout.insertWidget(index, row)
            row.show_tissue(tissue)
        over = surplus(tissues)
        self.sum.setText(messages.sum_of_shares(tissues))
        self.sum.setObjectName("" if over else "quiet")
        self.scale_button.setVisible(bool(over))

    def show_result(self, result: Segmentation | None) -> None:
        """Show asked against reached and the pull; None clears them."""
        for row in self.rows:
            row.show_result(result)

    def uncheck(self, tool: str) -> None:
        """Let no row look as if a tool, `"pick"` or `"paint"`, meant it."""
        self._check_only(None, tool)

    def _new_row(self, tissue: Tissue) -> TissueRow:
        row = TissueRow(tissue, self)
        row.edit_asked.connect(self.edit_asked)
        row.step_ended.connect(self.step_ended)
        row.refused.connect(self.refused)
        row.left.connect(partial(self._lead_on, row))
        row.pick_toggled.connect(lambda on: self._use_tool(row, "pick", on))
        row.paint_toggled.connect(lambda on: self._use_tool(row, "paint", on))
        return row

    def _lead_on(self, row: TissueRow, field: NumberField, down: int, right: int) -> None:
        """Turn to the number above, below or beside; Tab goes on in the next row."""
        fields = [f for r in self.rows for f in (r.share, r.tolerance)]
        if down:
            fields = fields[field is row.tolerance :: 2]
        open_ones = [f for f in fields if f.isEnabled() or f is field]
        there = open_ones.index(field) + (down or right)
        if 0 <= there < len(open_ones):
            open_ones[there].setFocus(Qt.FocusReason.TabFocusReason)
            open_ones[there].selectAll()

    def _drop(self, row: TissueRow) -> None:
        self._rows_layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _add(self) -> None:
        self.edit_asked.emit(AddTissue(), "")
        self.rows[-1].name.setFocus()
        self.rows[-1].name.selectAll()

    def _use_preset(self, title: str) -> None:
        self.edit_asked.emit(ReplaceTissues(PRESETS[title]), "")

    def _use_tool(self, row: TissueRow, tool: str, on: bool) -> None:
        if on:
            self._check_only(row, tool)
            self._check_only(None, "paint" if tool == "pick" else "pick")
        asked = self.pick_asked if tool == "pick" else self.paint_asked
        asked.emit(row.id if on else "")

    def _check_only(self, chosen: TissueRow | None, tool: str) -> None:
        for row in self.rows:
            if row is not chosen:
                button = getattr(row, tool)
                with signals_blocked(button):
                    button.setChecked(False)
                button.update()
