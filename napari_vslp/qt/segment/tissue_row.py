"""One tissue of the table: what it is called, how much of it there is, and what came of it."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_vslp.core.edits import EditTissue, RemoveTissue, SetShare, SetUnknown, TypeShare
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import STEPS, to_steps
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.qt.parts import messages
from napari_vslp.qt.parts.icons import ColourButton, IconButton
from napari_vslp.qt.parts.number_field import NumberField
from napari_vslp.qt.parts.steady import SteadySlider
from napari_vslp.review import wording

# napari's slider handle is 16 px wide: with half of it as a margin, 40 % lies under the handle.
MARGIN = 8
# Keeps the line's height before there is anything to say, so that no row ever jumps.
_EMPTY = " "
NONE_OF_IT = "Exactly 0 %: this tissue is left out."
NONE_OF_IT_TIP = "Type a ± to allow a little of it. A click in it counts all the same."
_TITLES = {
    "name": "rename a tissue",
    "colour": "change a colour",
    "tolerance": "change a ±",
    "locked": "lock a share",
}


class ProportionBar(QWidget):
    """The interval asked for as a band in the tissue's colour, the share reached as a tick."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.asked: tuple[float, float] = (0.0, 1.0)
        self.reached: float | None = None
        self._colour = QColor("grey")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)

    def sizeHint(self) -> QSize:
        """Return a bar as low as can still be read."""
        return QSize(140, 14)

    def set_asked(self, interval: tuple[float, float], colour: Colour) -> None:
        """Show what is asked for: lowest and highest share, in [0, 1]."""
        self.asked, self._colour = interval, QColor(*colour)
        self.update()

    def set_reached(self, share: float | None) -> None:
        """Show the share reached, in [0, 1]; None before the first result."""
        self.reached = share
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint track, band and tick."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        self._fill(painter, 0.0, 1.0, _faint(text, 0.14))
        self._fill(painter, *self.asked, _faint(self._colour, 0.75))
        if self.reached is not None:
            self._tick(painter, self.reached, text)
        painter.end()

    def _at(self, share: float) -> float:
        return MARGIN + share * (self.width() - 2 * MARGIN)

    def _fill(self, painter: QPainter, low: float, high: float, colour: QColor) -> None:
        left, right = self._at(low), self._at(high)
        width = max(right - left, 2.0)  # "exactly 40 %" is still seen
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(left, self.height() / 2 - 4, width, 8), 2, 2)

    def _tick(self, painter: QPainter, share: float, colour: QColor) -> None:
        painter.setBrush(self.palette().color(QPalette.ColorRole.Window))
        painter.drawRect(QRectF(self._at(share) - 2, 0, 4, self.height()))
        painter.setBrush(colour)
        painter.drawRect(QRectF(self._at(share) - 1, 0, 2, self.height()))


def _faint(colour: QColor, alpha: float) -> QColor:
    faint = QColor(colour)
    faint.setAlphaF(alpha)
    return faint


class TissueRow(QWidget):
    """A tissue with its controls: it shows what it is told and says what the hand asks for.

    Parameters
    ----------
    tissue
        Its id never changes; all else is shown anew by `show_tissue`.

    Signals
    -------
    edit_asked
        An edit, and the key under which edits in a row are one step of the history.
    step_ended
        The slider is taken or let go: what follows is a step of its own.
    pick_toggled, paint_toggled
        Whether clicks or the brush now mean this tissue.
    refused
        A sentence: a number that was typed cannot be.
    left
        (field, rows, columns): the keys lead on from `share` or `tolerance`.
    """

    edit_asked = Signal(object, str)
    step_ended = Signal()
    pick_toggled = Signal(bool)
    paint_toggled = Signal(bool)
    refused = Signal(str)
    left = Signal(object, int, int)

    def __init__(self, tissue: Tissue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.id = tissue.id
        self._pull = "", ""
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
        self.share = NumberField("a share", decimals=2)
        self.share.setToolTip(
            "Share of the region that is this tissue; what you type stays as it is"
        )
        self.share.setRange(0, 100)
        self.tolerance = NumberField("±", decimals=1)
        self.tolerance.setToolTip("How far the share may be off either way; 0 means exactly so")
        self.tolerance.setRange(0, 50)
        self.tolerance.setPrefix("± ")
        for spin in (self.share, self.tolerance):
            spin.setSuffix(" %")
            spin.setFixedWidth(62)

    def _make_outcome(self) -> None:
        self.bar = ProportionBar(self)
        self.bar.setToolTip("Band: asked for, with its ±. Tick: reached.")
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
        self.slider.sliderPressed.connect(self.step_ended)
        self.slider.sliderReleased.connect(self.step_ended)
        self.slider.valueChanged.connect(lambda steps: self._ask_share(steps / STEPS))
        self.share.committed.connect(self._type_share)
        self.tolerance.committed.connect(lambda p: self._change("tolerance", round(p, 1) / 100))
        for field in (self.share, self.tolerance):
            field.refused.connect(self.refused)
            field.left.connect(partial(self.left.emit, field))
        self.name.editingFinished.connect(self._rename)
        self.colour.chosen.connect(lambda colour: self._change("colour", colour))
        self.lock.toggled.connect(lambda on: self._change("locked", on))
        self.unknown.toggled.connect(lambda on: self.edit_asked.emit(SetUnknown(self.id, on), ""))
        self.pick.toggled.connect(self.pick_toggled)
        self.paint.toggled.connect(self.paint_toggled)
        self.remove.clicked.connect(lambda: self.edit_asked.emit(RemoveTissue(self.id), ""))

    def show_tissue(self, tissue: Tissue) -> None:
        """Show the tissue as it stands."""
        with signals_blocked(
            self.slider, self.share, self.tolerance, self.lock, self.unknown, self.name
        ):
            if tissue.name != self.name.text() or not self.slider.accessibleName():
                self.name.setText(tissue.name)
            self._name_controls(tissue.name)
            self._show_share(tissue)
            self.tolerance.setValue(100 * tissue.tolerance)
            self.lock.setChecked(tissue.locked)
            self.unknown.setChecked(tissue.value is None)
        for button in (self.lock, self.unknown):
            button.update()
        self.colour.set_colour(tissue.colour)
        self.bar.set_asked(tissue.interval, tissue.colour)
        self._say_pull(*self._pull)

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
        if self.name.accessibleName() == f"Name of {name}":
            return
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

    def show_result(self, result: Segmentation | None) -> None:
        """Show what was reached and how the image pulls at the number typed; None clears it."""
        index = result.index_of(self.id) if result is not None else None
        if result is None or index is None:
            self.bar.set_reached(None)
            self.reached.setText("")
            self._say_pull("", "")
            return
        share, price = float(result.shares[index]), float(result.prices[index])
        self.bar.set_reached(share)
        self.reached.setText(f"reached {wording.per_cent(share)}")
        self.reached.setToolTip(messages.reached(result, index))
        known = result.tissues[index].value is not None
        self._say_pull(wording.pull(price) if known else "", messages.pull_number(price))

    def _say_pull(self, sentence: str, tip: str) -> None:
        """Say how the image pulls; of a tissue that is left out, only that it is."""
        self._pull = sentence, tip
        said = NONE_OF_IT if self.bar.asked == (0.0, 0.0) else sentence
        self.pull.setText(said or _EMPTY)
        self.pull.setToolTip(NONE_OF_IT_TIP if said == NONE_OF_IT else tip)

    def _type_share(self, points: float) -> None:
        self.edit_asked.emit(TypeShare(self.id, points / 100), "")

    def _ask_share(self, share: float) -> None:
        # All moves of one grab, or of keys in a row, are one step.
        self.edit_asked.emit(SetShare(self.id, share), f"share of {self.id}")

    def _rename(self) -> None:
        self._change("name", self.name.text().strip())

    def _change(self, field: str, value: object) -> None:
        edit = EditTissue(self.id, ((field, value),), _TITLES[field])
        merge = f"{field} of {self.id}" if field == "tolerance" else ""
        self.edit_asked.emit(edit, merge)
