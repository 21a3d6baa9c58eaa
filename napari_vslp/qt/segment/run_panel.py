"""Segment, Cancel, Live, and what the job says meanwhile."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.qt.parts import words
from napari_vslp.qt.segment.run_lines import JobBar, StatusLine


class RunPanel(QWidget):
    """The buttons that start and stop a job, its progress and one status line.

    Signals
    -------
    segment_asked, cancel_asked, live_toggled
        What the hand pressed.
    """

    segment_asked = Signal()
    cancel_asked = Signal()
    live_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_buttons()
        self._make_lines()
        buttons = QHBoxLayout()
        buttons.addWidget(self.segment, 1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.live)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.hint)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        self.set_busy(False)

    def _make_buttons(self) -> None:
        self.segment = QPushButton("Segment", self)
        self.segment.setObjectName("segment")
        self.segment.setToolTip("Segment the region with these shares and clicks")
        self.segment.clicked.connect(self.segment_asked)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setToolTip("Stop; the previous result is kept")
        self.cancel.clicked.connect(self.cancel_asked)
        self.live = QCheckBox("Live", self)
        self.live.setToolTip("Follow every slider move and click once there is a result")
        self.live.toggled.connect(self.live_toggled)
        for button in (self.segment, self.cancel, self.live):
            button.setAccessibleName(button.text())

    def _make_lines(self) -> None:
        self.progress, self.status = JobBar(self), StatusLine(self)
        self.hint = QLabel(self)
        self.hint.setObjectName("hint")
        self.hint.setAccessibleName("Hint")
        self.hint.setWordWrap(True)
        self.hint.hide()

    def set_busy(self, busy: bool) -> None:
        """Offer Cancel while a job runs, and Segment while none does."""
        self.segment.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        if not busy:
            self.progress.setValue(0)

    def say(self, sentence: str) -> None:
        """Show one sentence in the status line."""
        self.status.setText(sentence)

    def show_progress(self, progress: Progress, in_words: bool = True) -> None:
        """Show how far a job has come, by the bar and, unless it came unasked, in words."""
        self.progress.show_fraction(progress.fraction)
        if in_words:
            self.say(progress.note or f"{progress.stage}…")

    def show_result(self, result: Segmentation | None) -> None:
        """Show how good a result is and what the user should read about it."""
        if result is None:
            self.hint.hide()
            return
        self.say(words.quality(result))
        sentences = words.hints(result)
        self.hint.setText("\n".join(sentences))
        self.hint.setVisible(bool(sentences))
