"""The table of tissues; its shares always sum to 100 %, or to less with an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_vslp.core import sliders
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.segment.presets import PRESETS
from napari_vslp.qt.segment.tissue_row import TissueRow


class TissueTable(QWidget):
    """Rows of tissues with buttons to add one and to start from a preset.

    Signals
    -------
    shares_changed
        A share, tolerance or "unknown" changed: the result is out of date.
    looks_changed
        (Tissue before, Tissue after): another name or colour.
    tissue_removed
        (index, Tissue): the row is gone.
    tissues_replaced
        Rows were added, or all replaced by a preset.
    pick_asked, paint_asked
        Index of the tissue that clicks or the brush now mean, -1 for none.
    """

    shares_changed = Signal()
    looks_changed = Signal(object, object)
    tissue_removed = Signal(int, object)
    tissues_replaced = Signal()
    pick_asked = Signal(int)
    paint_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[TissueRow] = []
        self._tissues: list[Tissue] = []
        self._grabbed: list[Tissue] | None = None
        self._rows_layout = QVBoxLayout()
        self._rows_layout.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._rows_layout)
        layout.addLayout(self._buttons())

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

    def tissues(self) -> list[Tissue]:
        """Return the tissues as they stand, in order."""
        return list(self._tissues)

    def set_tissues(self, tissues: Sequence[Tissue]) -> None:
        """Show other tissues without reporting them back."""
        self._tissues = list(tissues)
        while len(self.rows) > len(self._tissues):
            self._drop_row(len(self.rows) - 1)
        for row, tissue in zip(self.rows, self._tissues, strict=False):
            row.show_tissue(tissue)
        for tissue in self._tissues[len(self.rows) :]:
            self._append_row(tissue)

    def show_result(self, result: Segmentation | None) -> None:
        """Show asked against reached and the pull; None clears them."""
        names = [t.name for t in result.tissues] if result is not None else []
        for row in self.rows:
            if result is not None and row.tissue().name in names:
                row.show_result(result, names.index(row.tissue().name))
            else:
                row.clear_result()

    def uncheck(self, tool: str) -> None:
        """Let no row look as if a tool, `"pick"` or `"paint"`, meant it."""
        self._check_only(None, tool)

    def _append_row(self, tissue: Tissue) -> None:
        row = TissueRow(tissue, self)
        self.rows.append(row)
        self._rows_layout.addWidget(row)
        here: Callable[[], int] = partial(self.rows.index, row)
        row.grabbed.connect(self._grab)
        row.released.connect(self._release)
        row.moved.connect(lambda value: self._move(here(), value))
        row.edited.connect(lambda after: self._edit(here(), after))
        row.unknown_toggled.connect(lambda on: self._set_unknown(here(), on))
        row.pick_toggled.connect(lambda on: self._use_tool(row, "pick", on))
        row.paint_toggled.connect(lambda on: self._use_tool(row, "paint", on))
        row.removal_asked.connect(lambda: self._remove(here()))

    def _drop_row(self, index: int) -> None:
        row = self.rows.pop(index)
        self._rows_layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _grab(self) -> None:
        self._grabbed = self.tissues()

    def _release(self) -> None:
        self._grabbed = None

    def _move(self, index: int, value: float) -> None:
        # From where the slider was grabbed, so that a way to 100 % and back loses no proportions.
        start = self._grabbed if self._grabbed is not None else self._tissues
        self.set_tissues(sliders.moved(start, index, value))
        self.shares_changed.emit()

    def _edit(self, index: int, after: Tissue) -> None:
        before = self._tissues[index]
        self._tissues[index] = after
        if (before.name, before.colour) != (after.name, after.colour):
            self.looks_changed.emit(before, after)
        if before.tolerance != after.tolerance:
            self.shares_changed.emit()

    def _set_unknown(self, index: int, unknown: bool) -> None:
        self.set_tissues(sliders.with_unknown(self._tissues, index, unknown))
        self.shares_changed.emit()

    def _add(self) -> None:
        self.set_tissues(sliders.added(self._tissues))
        self.tissues_replaced.emit()
        self.rows[-1].name.setFocus()
        self.rows[-1].name.selectAll()

    def _remove(self, index: int) -> None:
        gone = self._tissues[index]
        self._drop_row(index)
        self.set_tissues(sliders.removed(self._tissues, index))
        self.tissue_removed.emit(index, gone)

    def _use_preset(self, title: str) -> None:
        self.set_tissues(PRESETS[title])
        self.tissues_replaced.emit()

    def _use_tool(self, row: TissueRow, tool: str, on: bool) -> None:
        if on:
            self._check_only(row, tool)
            self._check_only(None, "paint" if tool == "pick" else "pick")
        asked = self.pick_asked if tool == "pick" else self.paint_asked
        asked.emit(self.rows.index(row) if on else -1)

    def _check_only(self, chosen: TissueRow | None, tool: str) -> None:
        for row in self.rows:
            if row is not chosen:
                button = getattr(row, tool)
                was = button.blockSignals(True)
                button.setChecked(False)
                button.blockSignals(was)
                button.update()
