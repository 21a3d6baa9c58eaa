"""Sliders and number fields that a hand scrolling past them does not move by accident."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
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


def keep_steady(widget: QWidget) -> None:
    """Let a widget that exists already listen to the wheel only while it has the focus.

    For the controls that another package makes, such as magicgui.
    """
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Steadier(widget))


class _Steadier(QObject):
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold the wheel back from an unfocused widget: it goes on to the scroll area around."""
        is_wheel = event is not None and event.type() == QEvent.Type.Wheel
        if event is None or not is_wheel or not isinstance(watched, QWidget) or watched.hasFocus():
            return False
        event.ignore()
        return True
