"""Start, Stop, Go on, and what the training says meanwhile."""

from __future__ import annotations

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_vslp.qt.segment.run_panel import JobBar, StatusLine

START, GO_ON = "Start", "Go on"
START_OVER, SURE = "Start over", "Throw it away?"
_SURE_MS = 4_000


class TrainRunPanel(QWidget):
    """The buttons of a training, its progress and one status line.

    Signals
    -------
    start_asked
        Whether a stopped training that lies there is to be thrown away.
    stop_asked, use_asked
        What the hand pressed.
    """

    start_asked = Signal(bool)
    stop_asked = Signal()
    use_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_buttons()
        self._make_lines()
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.over)
        buttons.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addWidget(self.use)
        self.set_busy(False)

    def _make_buttons(self) -> None:
        self.start = QPushButton(START, self)
        self.start.setObjectName("segment")  # what the style sheet calls the main button
        self.start.setToolTip("Make the model from this table")
        self.start.clicked.connect(lambda: self.start_asked.emit(False))
        self.over = QPushButton(START_OVER, self)
        self.over.setToolTip("Throw the stopped training away and begin anew")
        self.over.clicked.connect(self._press_over)
        self.over.hide()
        self.stop = QPushButton("Stop", self)
        self.stop.setToolTip("Stop and save; Go on goes on from there")
        self.stop.clicked.connect(self.stop_asked)
        self.use = QPushButton("Use this model", self)
        self.use.setToolTip("Choose it where images are segmented")
        self.use.clicked.connect(self.use_asked)
        self.use.hide()
        for button in (self.start, self.over, self.stop, self.use):
            button.setAccessibleName(button.text())
        # Hours of work are not thrown away by one slip of the hand.
        self._doubt = QTimer(self)
        self._doubt.setSingleShot(True)
        self._doubt.setInterval(_SURE_MS)
        self._doubt.timeout.connect(lambda: self.over.setText(START_OVER))

    def _make_lines(self) -> None:
        self.progress, self.status = JobBar(self), StatusLine(self)

    def set_busy(self, busy: bool, stopping: bool = False) -> None:
        """Offer Stop while a training runs, and Start while none does."""
        self.start.setEnabled(not busy)
        self.over.setEnabled(not busy)
        self.stop.setEnabled(busy and not stopping)
        if not busy:
            self.progress.setValue(0)

    def offer(self, stopped: bool) -> None:
        """Offer to go on where a stopped training lies there."""
        self.start.setText(GO_ON if stopped else START)
        self.start.setAccessibleName(self.start.text())
        self.over.setVisible(stopped)
        self.over.setText(START_OVER)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line."""
        self.status.setText(sentence)

    def show_progress(self, sentence: str, fraction: float) -> None:
        """Show how far the present stage has come."""
        self.progress.show_fraction(fraction)
        self.say(sentence)

    def _press_over(self) -> None:
        if self._doubt.isActive():
            self._doubt.stop()
            self.over.setText(START_OVER)
            self.start_asked.emit(True)
        else:
            self.over.setText(SURE)
            self._doubt.start()
