"""The progress bar and the status line below the buttons of a job."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QWidget

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
