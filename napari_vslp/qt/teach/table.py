"""Which table to learn from, which of its columns are tissues, and how much they vary."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.tissues import PALETTE
from napari_vslp.qt.parts.steady import SteadyCombo, SteadySpin
from napari_vslp.qt.segment.tissue_row import ProportionBar
from napari_vslp.qt.teach import messages
from napari_vslp.qt.teach.form import SPACING, row_label
from napari_vslp.qt.teach.reading import Range, TableQuery, TableSummary

_WIDEST_NAME = 130  # px; the whole name is in the tooltip
ALL_ROWS = "All rows"
WHAT = "A CSV with one row per image: its file name and the share of each tissue."


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

    def show_reading(self, reading: TableSummary) -> None:
        """Show the columns of a table without reporting the ticks back."""
        # One tissue alone is joined by the rest of the image, which is no column.
        extra = tuple(name for name in reading.ranges if name not in reading.columns)
        names = (*reading.columns, *extra)
        if names != self._names or tuple(self.boxes) != reading.columns:
            self._rebuild(names, reading.columns)
        for name, box in self.boxes.items():
            was = box.blockSignals(True)
            box.setChecked(name in (reading.query.ticked or ()))
            box.blockSignals(was)
        for name in names:
            self._show(name, reading.ranges)

    def _show(self, name: str, ranges: dict[str, Range | None]) -> None:
        bar, span = self._bars[name], self.spans[name]
        index = list(ranges).index(name) if name in ranges else 0
        known = ranges.get(name)
        bar.setVisible(known is not None)
        bar.set_asked(known or (0.0, 0.0), PALETTE[index % len(PALETTE)])
        span.setText(messages.span(known) if name in ranges else "")

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


class TablePanel(QWidget):
    """The choice of a table with its summary; whoever listens reads it.

    Signals
    -------
    asked
        An `TableQuery`: read this, then call `show_reading` or, if it cannot be read, `restore`.
    """

    asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reading: TableSummary | None = None
        self._folder: Path | None = None
        self._shares_teach = True
        self._make_controls()
        self._lay_out()
        self.browse.clicked.connect(self._browse)
        self.images_button.clicked.connect(self._browse_images)
        self.tolerance.valueChanged.connect(self._ask_again)
        self.rows.activated.connect(self._ask_again)
        self.ticks.toggled.connect(self._ask_again)

    def _make_controls(self) -> None:
        self.path = _line("Table", "choose or drop a CSV")
        self.browse = _button("Choose…", "Choose a table")
        self.images = _line("Folder of the images", "beside the table")
        self.images_button = _button("Choose…", "Choose the folder of the images")
        self.tolerance = SteadySpin(self, decimals=1)
        self.tolerance.setAccessibleName("± of shares typed without one")
        self.tolerance.setToolTip("How far a share may be off where the table gives no ±")
        self.tolerance.setRange(0, 50)
        self.tolerance.setPrefix("± ")
        self.tolerance.setSuffix(" points")
        self.tolerance.setSpecialValueText("exactly as typed")
        self.rows = SteadyCombo(self)
        self.rows.setAccessibleName("Rows")
        self.rows.setToolTip("Which rows to learn from, by the column “split”")
        self.summary = QLabel(WHAT, self)
        self.summary.setObjectName("quiet")
        self.summary.setAccessibleName("What the table holds")
        self.problem = QLabel(self)
        self.problem.setObjectName("hint")
        self.problem.setAccessibleName("What is wrong with the table")
        self.ticks = TissueTicks(self)
        for label in (self.summary, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        self._rows_label = row_label("Rows")
        for row, (label, widget, button) in enumerate(
            (
                (row_label("Table"), self.path, self.browse),
                (row_label("Images"), self.images, self.images_button),
                (self._rows_label, self.rows, None),
                (row_label("Shares"), self.tolerance, None),
            )
        ):
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1, 1, 1 if button else 2)
            if button is not None:
                grid.addWidget(button, row, 2)
        grid.setHorizontalSpacing(SPACING)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        for widget in (self.problem, self.summary, self.ticks):
            layout.addWidget(widget)
        self._rows_label.hide()
        self.rows.hide()
        self.problem.hide()

    def choose(self, path: Path) -> None:
        """TableQuery for another table to be read; until it has been, the present one stays."""
        tolerance = self.tolerance.value()
        query = TableQuery(path.absolute(), tolerance=tolerance, shares=self._shares_teach)
        self.asked.emit(query)

    def set_shares_teach(self, teach: bool) -> None:
        """Read the table anew if it has to teach by its shares now, or no longer has to."""
        if teach != self._shares_teach:
            self._shares_teach = teach
            self._ask_again()

    def show_reading(self, reading: TableSummary) -> None:
        """Show a table and what was found in it."""
        self.reading, self._folder = reading, reading.query.images
        self._show_options(reading)
        self.problem.setText(reading.problem or "")
        self.problem.setVisible(reading.problem is not None)
        self.summary.setText(messages.summary(reading.images, len(reading.ranges)))
        self.summary.setVisible(reading.problem is None)
        self.ticks.show_reading(reading)

    def restore(self) -> None:
        """Show the present table again after another one could not be read."""
        if self.reading is not None:
            self.show_reading(self.reading)

    def _show_options(self, reading: TableSummary) -> None:
        self.path.setText(str(reading.query.path))
        self.path.setToolTip(str(reading.query.path))
        self.images.setText("" if self._folder is None else str(self._folder))
        was = self.tolerance.blockSignals(True)
        self.tolerance.setValue(reading.query.tolerance)
        self.tolerance.blockSignals(was)
        self.rows.clear()
        self.rows.addItem(ALL_ROWS, None)
        for split in reading.splits:
            self.rows.addItem(split, split)
        self.rows.setCurrentIndex(max(0, self.rows.findData(reading.query.split)))
        for widget in (self._rows_label, self.rows):
            widget.setVisible(bool(reading.splits))

    def _ask_again(self, *_: object) -> None:
        if self.reading is None:
            return
        split = self.rows.currentData()
        self.asked.emit(
            TableQuery(
                self.reading.query.path,
                self._folder,
                self.ticks.ticked(),
                None if split is None else str(split),
                self.tolerance.value(),
                self._shares_teach,
            )
        )

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.window(), "Choose a table", "", "Tables (*.csv *.tsv *.txt);;All files (*)"
        )
        if path:
            self.choose(Path(path))

    def _browse_images(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window(), "Choose the folder of the images")
        if folder:
            self._folder = Path(folder)
            self.images.setText(folder)
            self._ask_again()


def _line(name: str, hint: str) -> QLineEdit:
    line = QLineEdit()
    line.setReadOnly(True)
    line.setAcceptDrops(False)  # a file dropped on it is the dock's business
    line.setAccessibleName(name)
    line.setPlaceholderText(hint)
    return line


def _button(text: str, name: str) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.setToolTip(name)
    return button
