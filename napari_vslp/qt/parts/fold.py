"""A part of a panel that is folded away until its title is pressed."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """A title that shows and hides what lies below it.

    Parameters
    ----------
    title
        What is folded away.
    body
        Shown while unfolded.

    Signals
    -------
    toggled
        Whether it is unfolded now.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self.body = title, body
        self.button = QPushButton(self)
        self.button.setCheckable(True)
        self.button.setAccessibleName(title)
        self.button.setStyleSheet("text-align: left;")
        body.setParent(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(body)
        self.button.toggled.connect(self._unfold)
        self._unfold(False)

    @property
    def open(self) -> bool:
        """Whether it is unfolded."""
        return self.button.isChecked()

    def _unfold(self, on: bool) -> None:
        self.button.setText(f"{'▾' if on else '▸'}  {self._title}")
        self.body.setVisible(on)
        self.toggled.emit(on)
