"""One tissue of the table: what it is called, how much of it there is, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import STEPS, to_steps
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts import words
from napari_vslp.qt.parts.colour_button import ColourButton
from napari_vslp.qt.parts.icons import IconButton
from napari_vslp.qt.parts.steady import SteadySlider, SteadySpin
from napari_vslp.qt.segment.proportion_bar import ProportionBar

# Keeps the line's height before there is anything to say, so that no row ever jumps.
_EMPTY = " "


class TissueRow(QWidget):
    """A tissue with its controls; it reports what the hand does and shows what it is told.

    Signals
    -------
    grabbed, released
        The slider is taken and let go.
    moved
        A new share in [0, 1] is asked for.
    edited
        The `Tissue` with another name, colour, tolerance or lock.
    unknown_toggled, pick_toggled, paint_toggled
        Whether the share is unknown; whether clicks or the brush now mean this tissue.
    removal_asked
        The tissue shall go.
    """

    grabbed = Signal()
    released = Signal()
    moved = Signal(float)
    edited = Signal(object)
    unknown_toggled = Signal(bool)
    pick_toggled = Signal(bool)
    paint_toggled = Signal(bool)
    removal_asked = Signal()

    def __init__(self, tissue: Tissue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tissue = tissue
        self._make_head()
        self._make_share()
        self._make_outcome()
        self._lay_out()
        self._connect()
        self.show_tissue(tissue)

    def _make_head(self) -> None:
        self.colour = ColourButton(self)
        self.name = QLineEdit(self)
        self.name.setToolTip("Name of the tissue")
        self.pick = IconButton("click", "Click", "Click in the image where this tissue is", True)
        self.paint = IconButton("brush", "Paint", "Paint pixels that must be this tissue", True)
        self.lock = IconButton("lock", "Lock", "Keep this share while others move", True)
        self.unknown = IconButton("unknown", "Unknown", "I do not know the share of this", True)
        self.remove = IconButton("remove", "Remove", "Remove this tissue from the table")

    def _make_share(self) -> None:
        self.slider = SteadySlider(self)
        self.slider.setRange(0, STEPS)
        self.slider.setPageStep(50)
        self.slider.setToolTip("Share of the region that is this tissue")
        self.share = SteadySpin(decimals=1)
        self.share.setToolTip(self.slider.toolTip())
        self.share.setRange(0, 100)
        self.tolerance = SteadySpin(decimals=0)
        self.tolerance.setToolTip("How far the share may be off, in points either way")
        self.tolerance.setRange(0, 50)
        self.tolerance.setPrefix("± ")
        for spin in (self.share, self.tolerance):
            spin.setSuffix(" %")
            spin.setFixedWidth(62)

    def _make_outcome(self) -> None:
        self.bar = ProportionBar(self)
        self.reached = QLabel(self)
        self.reached.setToolTip("Share reached by the result")
        self.pull = QLabel(_EMPTY, self)
        self.pull.setObjectName("quiet")

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(3)
        head.addWidget(self.colour)
        head.addWidget(self.name, 1)
        for button in (self.pick, self.paint, self.lock, self.unknown, self.remove):
            head.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 3, 0, 3)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(1)
        grid.addLayout(head, 0, 0, 1, 3)
        for column, widget in enumerate((self.slider, self.share, self.tolerance)):
            grid.addWidget(widget, 1, column)
        grid.addWidget(self.bar, 2, 0)
        grid.addWidget(self.reached, 2, 1, 1, 2)
        grid.addWidget(self.pull, 3, 0, 1, 3)
        grid.setColumnStretch(0, 1)

    def _connect(self) -> None:
        self.slider.sliderPressed.connect(self.grabbed)
        self.slider.sliderReleased.connect(self.released)
        self.slider.valueChanged.connect(lambda steps: self.moved.emit(steps / STEPS))
        self.share.valueChanged.connect(lambda points: self.moved.emit(points / 100))
        self.tolerance.valueChanged.connect(lambda p: self._edit(tolerance=round(p) / 100))
        self.name.editingFinished.connect(self._rename)
        self.colour.chosen.connect(lambda colour: self._edit(colour=colour))
        self.lock.toggled.connect(lambda on: self._edit(locked=on))
        self.unknown.toggled.connect(self.unknown_toggled)
        self.pick.toggled.connect(self.pick_toggled)
        self.paint.toggled.connect(self.paint_toggled)
        self.remove.clicked.connect(self.removal_asked)

    def tissue(self) -> Tissue:
        """Return the tissue as it stands."""
        return self._tissue

    def show_tissue(self, tissue: Tissue) -> None:
        """Show a tissue without reporting it back."""
        renamed = tissue.name != self.name.text() or not self.slider.accessibleName()
        self._tissue = tissue
        quiet = (self.slider, self.share, self.tolerance, self.lock, self.unknown)
        before = [widget.blockSignals(True) for widget in quiet]
        if renamed:
            self.name.setText(tissue.name)
            self._name_controls(tissue.name)
        self._show_share(tissue)
        self.tolerance.setValue(100 * tissue.tolerance)
        self.lock.setChecked(tissue.locked)
        self.unknown.setChecked(tissue.value is None)
        self.colour.set_colour(tissue.colour)
        self.bar.set_asked(tissue.interval, tissue.colour)
        for widget, was in zip(quiet, before, strict=True):
            widget.blockSignals(was)

    def _show_share(self, tissue: Tissue) -> None:
        known = tissue.value is not None
        self.share.setSpecialValueText("" if known else "unknown")
        self.slider.setValue(to_steps(tissue.value or 0.0))
        self.share.setValue(100 * (tissue.value or 0.0))
        for widget in (self.share, self.tolerance):
            widget.setEnabled(known)
        self.slider.setEnabled(known and not tissue.locked)
        self.share.setReadOnly(tissue.locked)
        self.lock.setEnabled(known)

    def _name_controls(self, name: str) -> None:
        for widget, what in (
            (self.slider, "Share of {}"),
            (self.share, "Share of {} in per cent"),
            (self.tolerance, "Tolerance of {}"),
            (self.name, "Name of {}"),
            (self.colour, "Colour of {}"),
            (self.pick, "Click in {}"),
            (self.paint, "Paint {}"),
            (self.lock, "Lock {}"),
            (self.unknown, "Share of {} is unknown"),
            (self.remove, "Remove {}"),
            (self.bar, "Asked and reached share of {}"),
        ):
            widget.setAccessibleName(what.format(name))

    def show_result(self, result: Segmentation, index: int) -> None:
        """Show what was reached and how the image pulls at the number typed."""
        name, price = result.tissues[index].name, float(result.prices[index])
        self.bar.set_reached(result.reached[name])
        self.reached.setText(f"reached {words.per_cent(result.reached[name])}")
        self.reached.setToolTip(words.reached(result, name))
        known = result.tissues[index].value is not None
        self.pull.setText(words.pull(price) if known else _EMPTY)
        self.pull.setToolTip(words.pull_number(price))

    def clear_result(self) -> None:
        """Show no outcome."""
        self.bar.set_reached(None)
        self.reached.setText("")
        self.pull.setText(_EMPTY)

    def _rename(self) -> None:
        name = self.name.text().strip()
        if name != self._tissue.name:
            self._name_controls(name)
            self._edit(name=name)

    def _edit(self, **changes: object) -> None:
        self._tissue = replace(self._tissue, **changes)  # type: ignore[arg-type]
        self.show_tissue(self._tissue)
        self.edited.emit(self._tissue)
