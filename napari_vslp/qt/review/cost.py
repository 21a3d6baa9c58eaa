"""What another share would cost: a curve that is worked out when asked for, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QPoint, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_vslp.core.edits import Edit, SetShare
from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.icons import swatch_icon
from napari_vslp.qt.parts.small_plot import NO_PLOTS, PlotColours, SmallPlot, can_plot, plot_colours
from napari_vslp.qt.parts.steady import SteadyCombo
from napari_vslp.qt.review import messages
from napari_vslp.qt.segment.run_panel import JobBar
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.work.worker import Notifier, Runner

if TYPE_CHECKING:
    from napari_vslp.review.cost_curve import CostCurve

TITLE = "Disagreement with the image (now = 100)"
TIP = "At each share in per cent; the line marks the present one. Click to take a share over"
START = "Choose a tissue: what would the image say to another share of it?"
TAKE = "Click to take it over."
CANCELLED = "Cancelled."
WORKING = "Trying other shares…"


class CostPlot(SmallPlot):
    """The curve, with a line at the present share and one under the mouse.

    Signals
    -------
    pointed, picked
        A share in [0, 1] under the mouse, and one that was clicked.
    left
        The mouse went away.
    """

    pointed = Signal(float)
    picked = Signal(float)
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(TITLE, TIP, ("share (%)", "now = 100"), parent)
        import pyqtgraph

        self.present: Any = pyqtgraph.InfiniteLine(angle=90)
        self.pointer: Any = pyqtgraph.InfiniteLine(angle=90)
        for line in (self.present, self.pointer):
            self.plot.addItem(line)
            line.hide()
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def draw(self, curve: CostCurve) -> None:
        """Draw a curve over all shares."""
        now = max(curve.at(curve.present), 1e-3)
        values = 100 * curve.energies / now
        self.curve.setData(100 * curve.shares, values)
        self.plot.setXRange(0, 100, padding=0.02)
        self.plot.setYRange(0, 1.08 * float(values.max()), padding=0)
        self.present.setValue(100 * curve.present)
        self.present.show()

    def set_colours(self, colours: PlotColours) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        super().set_colours(colours)
        self.present.setPen(pyqtgraph.mkPen(colours.text, width=1.5))
        self.pointer.setPen(pyqtgraph.mkPen(colours.text, width=1, style=Qt.PenStyle.DotLine))

    def share_at(self, at: QPoint) -> float:
        """Return the share below a point of this widget, in [0, 1], to the per cent."""
        return min(max(round(self.value_at(at)) / 100, 0.0), 1.0)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Point at a share."""
        if event is not None:
            share = self.share_at(event.position().toPoint())
            self.pointer.setValue(100 * share)
            self.pointer.show()
            self.pointed.emit(share)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Pick a share."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        at = event.position().toPoint()
        if self.plot.geometry().contains(at):
            self.picked.emit(self.share_at(at))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Keep the mouse for the release."""
        if event is not None:
            event.accept()

    def leaveEvent(self, event: object) -> None:
        """Point at nothing."""
        super().leaveEvent(event)  # type: ignore[arg-type]
        self.pointer.hide()
        self.left.emit()


class CostPanel(QWidget):
    """Choose a tissue, press the button, read the curve, click it.

    Signals
    -------
    curve_asked
        Index of the tissue whose curve is wanted.
    cancel_asked
        The curve is not wanted any more.
    share_taken
        (name of the tissue, share in [0, 1]): use it.
    grown
        The curve is there, and takes more room.
    """

    curve_asked = Signal(int)
    cancel_asked = Signal()
    share_taken = Signal(str, float)
    grown = Signal()

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = plot_colours(theme)
        self.curve: CostCurve | None = None
        self.plot: CostPlot | None = None
        self._make_controls()
        row = QHBoxLayout()
        row.addWidget(self.tissue, 1)
        row.addWidget(self.work)
        row.addWidget(self.cancel)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 0, 4)
        self._layout.setSpacing(3)
        self._layout.addLayout(row)
        self._layout.addWidget(self.progress)
        self._layout.addWidget(self.said)
        self.set_busy(False)

    def _make_controls(self) -> None:
        self.tissue = SteadyCombo(self)
        self.tissue.setAccessibleName("Tissue whose share is in question")
        self.work = QPushButton("Work it out", self)
        self.work.setToolTip("Try eleven shares of this tissue; takes a second or two")
        self.work.clicked.connect(lambda: self.curve_asked.emit(self.tissue.currentIndex()))
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setAccessibleName("Cancel the curve")
        self.cancel.clicked.connect(self.cancel_asked)
        self.progress = JobBar(self)
        self.said = QLabel(START, self)
        self.said.setAccessibleName("What another share would cost")
        self.said.setWordWrap(True)
        self.said.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.said.setMinimumHeight(3 * self.said.fontMetrics().lineSpacing() + 2)

    def show_tissues(self, tissues: Sequence[Tissue]) -> None:
        """Offer these tissues, keeping the choice by name."""
        chosen = self.tissue.currentText()
        self.tissue.clear()
        for tissue in tissues:
            self.tissue.addItem(swatch_icon(tissue.colour), tissue.name)
        self.tissue.setCurrentIndex(max(0, self.tissue.findText(chosen)))

    def set_busy(self, busy: bool) -> None:
        """Offer Cancel while the curve is worked out."""
        self.work.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self.progress.setVisible(busy)
        if busy:
            self.progress.setValue(0)

    def say(self, sentence: str) -> None:
        """Show one sentence."""
        self.said.setText(sentence)

    def forget(self, sentence: str = START) -> None:
        """Show no curve."""
        self.curve = None
        if self.plot is not None:
            self.plot.hide()
        self.say(sentence)

    def show_curve(self, curve: CostCurve) -> None:
        """Show a curve and what it says."""
        self.curve = curve
        self._say_curve()
        if self.plot is None:
            if not can_plot():
                self.say(f"{messages.slope(curve)}\n{NO_PLOTS}")
                return
            self.plot = CostPlot(self)
            self.plot.set_colours(self._colours)
            self.plot.pointed.connect(self._point)
            self.plot.picked.connect(self._pick)
            self.plot.left.connect(self._say_curve)
            self.plot.hide()
            self._layout.addWidget(self.plot)
        self.plot.draw(curve)
        if self.plot.isHidden():
            self.plot.show()
            self.grown.emit()

    def set_theme(self, theme: str) -> None:
        """Take the colours of another theme."""
        self._colours = plot_colours(theme)
        if self.plot is not None:
            self.plot.set_colours(self._colours)

    def _say_curve(self) -> None:
        if self.curve is not None:
            self.say(messages.slope(self.curve))

    def _point(self, share: float) -> None:
        if self.curve is not None:
            self.say(f"{messages.curve_at(self.curve, share)} {TAKE}")

    def _pick(self, share: float) -> None:
        if self.curve is not None:
            self.share_taken.emit(self.curve.name, share)


class CostController(QObject):
    """Keeps the curve true to the result it belongs to.

    Parameters
    ----------
    panel
        The page's section.
    refuse
        Says a sentence.
    present
        Returns the binding of the chosen image, or None.
    apply
        Carries an edit to its session: a share that was clicked.
    """

    def __init__(
        self,
        panel: CostPanel,
        refuse: Callable[[str], None],
        present: Callable[[], ImageBinding | None],
        apply: Callable[[Edit], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._panel, self._refuse, self._present, self._apply = panel, refuse, present, apply
        self._binding: ImageBinding | None = None
        self._taken = False
        self._notifier = Notifier()
        self.runner = Runner(self)
        self._panel.curve_asked.connect(self.start)
        self._panel.cancel_asked.connect(self.runner.cancel)
        self._panel.share_taken.connect(self._take)
        self.runner.progressed.connect(lambda p: self._panel.progress.show_fraction(p.fraction))
        self.runner.returned.connect(self._returned)
        self.runner.refused.connect(self._panel.say)
        self.runner.crashed.connect(lambda error: self._panel.say(self._notifier.crash(error)))
        self.runner.cancelled.connect(lambda: self._panel.say(CANCELLED))
        self.runner.idle.connect(lambda: self._panel.set_busy(self.runner.busy))

    def start(self, tissue: int) -> None:
        """Work out the curve of a tissue of the present result."""
        binding = self._present()
        result = binding.session.result if binding is not None else None
        if result is None or tissue < 0:
            return
        self._binding, self._taken = binding, False
        self._panel.forget(WORKING)
        self.runner.start(partial(_work, result, tissue))
        self._panel.set_busy(True)

    def forget(self, sentence: str = START) -> None:
        """Show no curve, and stop working on one."""
        self.runner.let_go()
        self._panel.set_busy(False)
        self._panel.forget(sentence)

    def result_changed(self, result: Segmentation) -> None:
        """Drop the curve of another result, but for one whose share was just taken over."""
        curve = self._panel.curve
        if self.runner.busy:
            self.forget(messages.CHANGED)
        elif curve is not None:
            if self._taken and curve.name in result.reached:
                self._panel.show_curve(replace(curve, present=result.reached[curve.name]))
            else:
                self.forget(messages.CHANGED)
        self._taken = False

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self.runner.let_go()

    def _returned(self, curve: CostCurve) -> None:
        if self._binding is None or not self._binding.alive:
            self._panel.forget(messages.IMAGE_GONE)
        else:
            self._panel.show_curve(curve)

    def _take(self, name: str, share: float) -> None:
        """Move the share of a tissue, as its slider would."""
        binding = self._present()
        tissues = binding.session.inputs.tissues if binding is not None else ()
        tissue = next((t for t in tissues if t.name == name), None)
        if tissue is None:
            self._refuse(messages.CLICK_FAILED.format(name))
        elif tissue.value is None:
            self._refuse(messages.UNKNOWN_SHARE.format(name))
        elif tissue.locked:
            self._refuse(messages.LOCKED_SHARE.format(name))
        else:
            self._taken = True
            self._apply(SetShare(tissue.id, share))


def _work(result: Segmentation, tissue: int, job: Job) -> CostCurve:
    from napari_vslp.review.cost_curve import cost_curve

    return cost_curve(result, tissue, job=job)
