"""Segment, Cancel, Live, what the job says meanwhile, and the way back."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.qt.parts import messages
from napari_vslp.qt.parts.icons import IconButton
from napari_vslp.review import wording

_FULL = 1000


class JobBar(QProgressBar):
    """A thin bar without words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Progress")
        self.setRange(0, _FULL)
        self.setTextVisible(False)
        self.setFixedHeight(6)

    def show_fraction(self, fraction: float) -> None:
        """Show a fraction, which is held within 0…1."""
        self.setValue(round(_FULL * min(max(fraction, 0.0), 1.0)))


class StatusLine(QLabel):
    """Sentences that can be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Status")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Two lines are kept free, so that nothing above moves when there is more to say.
        self.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 4)


class RunPanel(QWidget):
    """The buttons that start and stop a job, its progress and one status line.

    Signals
    -------
    segment_asked, cancel_asked, live_toggled, undo_asked, redo_asked
        What the hand pressed.
    """

    segment_asked = Signal()
    cancel_asked = Signal()
    live_toggled = Signal(bool)
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_buttons()
        self._make_lines()
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.segment, 1)
        for button in (self.cancel, self.live, self.undo, self.redo, self.export):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.hint)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        self.set_busy(False)
        self.show_history("", "")

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
        self.undo = IconButton("undo", "Undo", "", parent=self)
        self.undo.clicked.connect(self.undo_asked)
        self.redo = IconButton("redo", "Redo", "", parent=self)
        self.redo.clicked.connect(self.redo_asked)
        self.export = IconButton("export", "Export…", "Write the result to files", parent=self)

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

    def show_history(self, undo: str, redo: str) -> None:
        """Say what Undo and Redo would do; empty where there is nothing."""
        for button, what, title in ((self.undo, "Undo", undo), (self.redo, "Redo", redo)):
            button.setEnabled(bool(title))
            button.setToolTip(f"{what}: {title}" if title else f"{what}: nothing yet")

    def say(self, sentence: str) -> None:
        """Show one sentence in the status line."""
        self.status.setText(sentence)

    def show_progress(self, progress: Progress, in_words: bool = True) -> None:
        """Show how far a job has come, by the bar and, unless it came unasked, in words."""
        self.progress.show_fraction(progress.fraction)
        if in_words:
            self.say(progress.note or messages.of_progress(progress))

    def show_result(
        self, result: Segmentation | None, seconds: float | None = None, extra: str = ""
    ) -> None:
        """Say that there is a result, what to do next, and what to read about it.

        Parameters
        ----------
        seconds
            How long it took; None if that is not known any more.
        extra
            One more sentence to read.
        """
        self.export.setEnabled(result is not None)
        if result is None:
            self.hint.hide()
            return
        self.say(messages.done(seconds))
        self.status.setToolTip(messages.details(result))
        sentences = [*filter(None, [extra]), *wording.hints(result)]
        self.hint.setText("\n".join(sentences))
        self.hint.setVisible(bool(sentences))
