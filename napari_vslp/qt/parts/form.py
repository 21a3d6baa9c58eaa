"""A form made from a dataclass of options: one row an option, and nothing is typed twice.

Label, tip, range and choices come from the `Option` of each field (`napari_vslp.core.options`);
magicgui makes the control that suits the field's type. An option whose `control` is named gets
the one that the panel brings for that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, replace
from pathlib import Path
from typing import Any, Protocol, get_args, get_type_hints

from magicgui.widgets import create_widget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_vslp.core.options import Option, check_options, options_of
from napari_vslp.qt.parts.steady import keep_steady

_HIGHEST = 1e9  # of a number without an upper limit
_DECIMALS = 2  # at the least, of a number that need not be whole
_NARROWEST = 8  # letters of a menu


class Control(Protocol):
    """What holds the value of one option.

    Attributes
    ----------
    widget
        What is shown in the row.
    changed
        A Qt or psygnal signal: the hand has changed the value.
    """

    @property
    def widget(self) -> QWidget:
        """What is shown in the row."""
        ...

    @property
    def changed(self) -> Any:  # noqa: ANN401 - Qt's and psygnal's signals share no type
        """A signal; its arguments do not matter."""
        ...

    def value(self) -> Any:  # noqa: ANN401
        """Return the value as the field of the options takes it."""
        ...

    def set_value(self, value: Any) -> None:  # noqa: ANN401
        """Show a value."""
        ...


# Makes the control of an option of its own; told what the option is.
MakeControl = Callable[[Option], Control]


class OptionsForm(QWidget):
    """Rows for the options of a dataclass, in the order of its fields.

    Parameters
    ----------
    options
        An instance of the dataclass: its values are shown, and those of the fields that have no
        row are kept.
    controls
        Name of a control (`Option.control`) → what makes it.
    label_width
        Of the column of labels (px) at the least, so that it lines up with that of another panel.

    Signals
    -------
    changed
        Name of the field that the hand has changed.
    """

    changed = Signal(str)

    def __init__(
        self,
        options: Any,  # noqa: ANN401 - any dataclass of options
        controls: Mapping[str, MakeControl] | None = None,
        label_width: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._options, self._silent, self._label_width = options, False, label_width
        self._needs: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self.controls: dict[str, Control] = {}
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setVerticalSpacing(4)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        kinds = get_type_hints(type(options))
        for one, described in options_of(type(options)):
            if described.dock:
                make = (controls or {}).get(described.control)
                control = make(described) if make else _plain(one, described, kinds[one.name])
                self._add(one.name, described, control)
        self.set_value(options)

    def value(self) -> Any:  # noqa: ANN401 - an instance of the dataclass
        """Return the options as they stand.

        Raises
        ------
        VslpError
            If one of them cannot be meant.
        """
        shown = {name: control.value() for name, control in self.controls.items()}
        options = replace(self._options, **shown)
        check_options(options)
        return options

    def set_value(self, options: Any) -> None:  # noqa: ANN401 - an instance of the dataclass
        """Show other options; `changed` is not emitted."""
        self._options, self._silent = options, True
        try:
            for name, control in self.controls.items():
                control.set_value(getattr(options, name))
        finally:
            self._silent = False
        self._follow_needs()

    def _add(self, name: str, described: Option, control: Control) -> None:
        self.controls[name] = control
        if described.needs is not None:
            self._needs[name] = described.needs
        widget = control.widget
        widget.setToolTip(described.tip)
        if not widget.accessibleName():
            widget.setAccessibleName(described.label)
        if isinstance(control, _Switch):
            self.rows.addRow(widget)
        else:
            label = QLabel(described.label)
            label.setMinimumWidth(self._label_width)
            self.rows.addRow(label, widget)
        control.changed.connect(lambda *_: self._tell(name))

    def _tell(self, name: str) -> None:
        if not self._silent:
            self._follow_needs()
            self.changed.emit(name)

    def _follow_needs(self) -> None:
        """Switch off what does nothing with the other choices as they are."""
        for name, (other, values) in self._needs.items():
            if other in self.controls:
                self.controls[name].widget.setEnabled(self.controls[other].value() in values)


class _Plain:
    """A control that magicgui makes.

    Parameters
    ----------
    **how
        Of `magicgui.widgets.create_widget`.
    """

    def __init__(self, **how: Any) -> None:  # noqa: ANN401
        made: Any = create_widget(**how)
        self._made = made
        self.widget: QWidget = made.native
        self.changed: Any = made.changed
        for inner in (self.widget, *self.widget.findChildren(QWidget)):
            if isinstance(inner, QAbstractSpinBox):
                inner.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
                inner.setKeyboardTracking(False)
            if isinstance(inner, QComboBox):
                policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
                inner.setSizeAdjustPolicy(policy)
                inner.setMinimumContentsLength(_NARROWEST)
            if isinstance(inner, QAbstractSpinBox | QComboBox):
                keep_steady(inner)

    def value(self) -> Any:  # noqa: ANN401
        """Return the value."""
        return self._made.value

    def set_value(self, value: Any) -> None:  # noqa: ANN401
        """Show a value."""
        self._made.value = value


class _Switch(_Plain):
    """A tick with its label beside it."""

    def __init__(self, described: Option) -> None:
        super().__init__(annotation=bool, options={"text": described.label})


class _Words(_Plain):
    """A line of text; where the option may be left out, an empty one means None."""

    def __init__(self, optional: bool) -> None:
        super().__init__(annotation=str)
        self._optional = optional

    def value(self) -> str | None:
        """Return what is typed."""
        typed = str(super().value()).strip()
        return None if self._optional and not typed else typed

    def set_value(self, value: str | None) -> None:
        """Show a text."""
        super().set_value(value or "")


class _Number(_Plain):
    """A number within the option's range."""

    def __init__(self, described: Option, whole: bool, default: float) -> None:
        low = -_HIGHEST if described.low is None else described.low
        high = _HIGHEST if described.high is None else min(described.high, _HIGHEST)
        if whole:
            span = {"min": int(low) + described.open_below, "max": int(high), "step": 1}
            super().__init__(annotation=int, options=span)
            return
        decimals = max(_DECIMALS, 1 - math.floor(math.log10(default)) if default else 0)
        finest = 10.0**-decimals
        first = low + finest if described.open_below else low
        step = 0.5 if default >= 1 else finest
        span_ = {"value": max(first, default), "min": first, "max": high, "step": step}
        super().__init__(annotation=float, options=span_)
        for box in (self.widget, *self.widget.findChildren(QDoubleSpinBox)):
            if isinstance(box, QDoubleSpinBox):
                box.setDecimals(decimals)
                box.setRange(first, high)  # magicgui rounded them to fewer decimals


class _NumberOrWord:
    """A number, and beside it a button for the word that may stand in its place."""

    def __init__(self, described: Option, whole: bool) -> None:
        self._word = described.words[0]
        self._number = _Number(described, whole, 0.0)
        self.button = QPushButton(self._word.capitalize())
        self.button.setCheckable(True)
        self.button.setAccessibleName(f"{described.label}: {self._word}")
        self.widget = QWidget()
        layout = QHBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._number.widget, 1)
        layout.addWidget(self.button)
        self.button.toggled.connect(self._number.widget.setDisabled)
        self.changed = self.button.toggled
        self._number.changed.connect(lambda *_: self.changed.emit(False))

    def value(self) -> Any:  # noqa: ANN401
        """Return the word while its button is down, else the number."""
        return self._word if self.button.isChecked() else self._number.value()

    def set_value(self, value: Any) -> None:  # noqa: ANN401
        """Show a number or the word."""
        self.button.setChecked(value == self._word)
        if value != self._word:
            self._number.set_value(value)


def _plain(one: Field[Any], described: Option, kind: Any) -> Control:  # noqa: ANN401
    """Return the control that suits an option's choices or type."""
    kinds = get_args(kind) or (kind,)
    if described.choices is not None:
        choices = [(title, value) for value, title in described.titles().items()]
        return _Plain(widget_type="ComboBox", options={"choices": choices})
    if isinstance(one.default, bool):
        return _Switch(described)
    whole = int in kinds and float not in kinds
    if described.words:
        return _NumberOrWord(described, whole)
    if int in kinds or float in kinds:
        default: Any = one.default
        return _Number(described, whole, default or 0.0)
    if Path in kinds:
        return _Plain(annotation=Path, options={"nullable": type(None) in kinds})
    return _Words(type(None) in kinds)
