"""Sliders and number fields that a hand scrolling past them does not move by accident."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSlider, QWidget


class SteadySlider(QSlider):
    """A horizontal slider that listens to the wheel only while it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the scroll area around, unless focused."""
        _wheel(self, event, super().wheelEvent)


class SteadySpin(QDoubleSpinBox):
    """A number field without arrows that listens to the wheel only while it has the focus."""

    def __init__(self, parent: QWidget | None = None, decimals: int = 2) -> None:
        super().__init__(parent)
        self.setDecimals(decimals)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the scroll area around, unless focused."""
        _wheel(self, event, super().wheelEvent)


class SteadyCombo(QComboBox):
    """A menu of choices as narrow as its place, which the wheel changes only when focused."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the scroll area around, unless focused."""
        _wheel(self, event, super().wheelEvent)


def _wheel(widget: QWidget, event: QWheelEvent | None, act: object) -> None:
    if event is None:
        return
    if widget.hasFocus() and callable(act):
        act(event)
    else:
        event.ignore()
