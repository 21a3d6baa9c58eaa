"""A number that stays as it was typed, with a comma or a point, and is refused in words."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent, QValidator
from qtpy.QtWidgets import QWidget

from napari_vslp.qt.parts.steady import SteadySpin

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d*)?|[+-]?[.,]\d+")
_BEGUN = re.compile(r"[+-]?\d*[.,]?\d*")


class NumberField(SteadySpin):
    """Takes any number while it is typed, and keeps the old one if the new one cannot be.

    Up, Down and Enter lead to the field above or below, Tab to the one beside.

    Signals
    -------
    committed
        The number that was typed; not emitted by `setValue`.
    refused
        A sentence: what was typed cannot be.
    left
        (rows, columns) to go: (1, 0) is the field below.
    """

    committed = Signal(float)
    refused = Signal(str)
    left = Signal(int, int)

    def __init__(self, what: str, parent: QWidget | None = None, decimals: int = 2) -> None:
        super().__init__(parent, decimals)
        self._what = what
        self._typed = ""
        line = self.lineEdit()
        if line is not None:
            line.textEdited.connect(self._note)
        self.editingFinished.connect(self._commit)

    def validate(self, text: str | None, pos: int) -> tuple[QValidator.State, str, int]:
        """Let numbers be typed that are too large: they are refused at the end, not cut short."""
        bare = self._bare(text or "")
        if self._number(bare) is not None and self._fits(bare):
            state = QValidator.State.Acceptable
        elif _BEGUN.fullmatch(bare) or text == self.specialValueText():
            state = QValidator.State.Intermediate
        else:
            state = QValidator.State.Invalid
        return state, text or "", pos

    def valueFromText(self, text: str | None) -> float:
        """Return the number, written with a point or a comma in every locale."""
        number = self._number(self._bare(text or ""))
        return self.value() if number is None else number

    def textFromValue(self, value: float) -> str:
        """Return the number without zeros that say nothing."""
        return f"{round(value, self.decimals()):g}"

    def fixup(self, text: str | None) -> str:
        """Bring the old number back; `_commit` says why."""
        del text
        return f"{self.prefix()}{self.textFromValue(self.value())}{self.suffix()}"

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Lead on through the table, after what was typed is taken."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Return: 1, Qt.Key.Key_Enter: 1}
        if event is None or event.key() not in steps:
            super().keyPressEvent(event)
            return
        self.interpretText()
        self._commit()
        self.left.emit(steps[Qt.Key(event.key())], 0)

    def stepBy(self, steps: int) -> None:
        """Take a number that the wheel or Page Up and Down chose."""
        super().stepBy(steps)
        self.committed.emit(self.value())

    def focusNextPrevChild(self, onwards: bool) -> bool:
        """Let the table say where Tab leads; if it does not, Qt does."""
        before = self.hasFocus()
        self.left.emit(0, 1 if onwards else -1)
        return True if before and not self.hasFocus() else super().focusNextPrevChild(onwards)

    def _note(self, text: str) -> None:
        self._typed = text

    def _commit(self) -> None:
        typed, self._typed = self._bare(self._typed), ""
        if not typed:
            return
        number = self._number(typed)
        if number is None:
            self.refused.emit(f"“{typed}” is no number: {self._what} {self._range()}.")
        elif not self._fits(typed):
            self.refused.emit(f"{typed} is not possible: {self._what} {self._range()}.")
        else:
            self.committed.emit(number)

    def _bare(self, text: str) -> str:
        return text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip(" %±\u00a0")

    def _number(self, text: str) -> float | None:
        return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None

    def _fits(self, text: str) -> bool:
        number = self._number(text)
        return number is not None and self.minimum() <= number <= self.maximum()

    def _range(self) -> str:
        return f"lies between {self.minimum():g} and {self.maximum():g}"
