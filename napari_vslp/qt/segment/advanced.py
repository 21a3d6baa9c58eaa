"""The options that most users never need, folded away; their rows are made from `Option`s."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_vslp.core.edits import SetOptions
from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import Option
from napari_vslp.core.registries import EXTRAS
from napari_vslp.core.settings import DEFAULT_SMOOTHNESS, TOTAL_VARIATION, Settings, Smoothness
from napari_vslp.encoders.model_names import BUNDLED_NAME, library_names
from napari_vslp.qt.parts.collapsible import Collapsible
from napari_vslp.qt.parts.form import OptionsForm
from napari_vslp.qt.parts.steady import SteadyCombo, SteadySpin

# No model's name holds a colon, and no path of learned shapes is empty.
_FILE, _INTERNET, _NO_FILE = ":file", ":internet", ""
_HUB = "hf-hub:"
_BUILT_IN = (("Built in: gland / other", BUNDLED_NAME),)
_ELSEWHERE = (("From a file…", _FILE), ("From the internet, by name", _INTERNET))
_DEVICES = {"auto": "Automatic", "cpu": "Processor", "cuda": "Graphics card"}


class AdvancedPanel(QWidget):
    """A fold with the options of a segmentation and those of plugged-in sources and terms.

    Signals
    -------
    edit_asked
        An edit, and the key under which edits in a row are one step of the history.
    """

    edit_asked = Signal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        controls: dict[str, Any] = {
            "smoothness": SmoothnessControl,
            "shapes": ShapesChoice,
            "model": ModelChoice,
            "device": DeviceChoice,
        }
        self.form = OptionsForm(Settings(), controls)
        self.extras = {name: OptionsForm(kind()) for name, kind in _plugged_in().items()}
        self.body = QWidget(self)
        rows = QVBoxLayout(self.body)
        rows.setContentsMargins(4, 4, 0, 4)
        for form in (self.form, *self.extras.values()):
            rows.addWidget(form)
            form.changed.connect(self._ask)
        self.fold = Collapsible("Advanced settings", self.body, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)

    def value(self) -> Settings:
        """Return the options as the controls stand.

        Raises
        ------
        VslpError
            If one of them cannot be meant, such as a model file that is not chosen yet.
        """
        options = self.form.value()
        extras = dict(options.extras)
        for name, form in self.extras.items():
            if name in extras or form.value() != type(form.value())():
                extras[name] = form.value()
        return replace(options, extras=extras) if extras != dict(options.extras) else options

    def show_options(self, options: Settings) -> None:
        """Show the options as they stand."""
        if self._shows(options):
            return
        self.form.set_value(options)
        for name, form in self.extras.items():
            form.set_value(options.of(name, type(form.value())))

    def _shows(self, options: Settings) -> bool:
        try:
            return self.value() == options
        except VslpError:
            return False

    def show_smoothness(self, used: float) -> None:
        """Show the smoothness that was chosen, so that it stays when Auto is let go."""
        control = self.form.controls["smoothness"]
        if isinstance(control, SmoothnessControl):
            control.show_chosen(used)

    def _ask(self, name: str) -> None:
        try:
            options = self.value()
        except VslpError:
            return  # such as a model file still to be chosen: Segment says so
        self.edit_asked.emit(SetOptions(options), f"option {name}")


class SmoothnessControl(QObject):
    """A number, and the button that lets the image choose it.

    Signals
    -------
    changed
        Another number, or the button was pressed.
    """

    changed = Signal()

    def __init__(self, described: Option) -> None:
        self.widget = QWidget()
        super().__init__(self.widget)
        self.number = SteadySpin(self.widget)
        self.number.setAccessibleName("Boundary smoothness")
        self.number.setToolTip(described.tip)
        self.number.setRange(described.low or 0.0, described.high or 1000.0)
        self.number.setSingleStep(0.5)
        self.number.setValue(DEFAULT_SMOOTHNESS)
        self.auto = QPushButton("Auto", self.widget)
        self.auto.setAccessibleName("Choose the smoothness from the image")
        self.auto.setToolTip(
            "Let the image choose: parts of it are hidden, and the smoothness is kept\n"
            "that still tells what was there. Takes about a second more."
        )
        self.auto.setCheckable(True)
        layout = QHBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.number, 1)
        layout.addWidget(self.auto)
        self.auto.toggled.connect(self.number.setDisabled)
        self.auto.toggled.connect(self.changed)
        self.number.valueChanged.connect(self.changed)

    def value(self) -> Smoothness:
        """Return the number, or ``"auto"``."""
        return "auto" if self.auto.isChecked() else self.number.value()

    def set_value(self, value: Smoothness) -> None:
        """Show a number or ``"auto"``."""
        self.auto.setChecked(isinstance(value, str))
        if not isinstance(value, str):
            self.number.setValue(value)

    def show_chosen(self, used: float) -> None:
        """Show what the image chose, if it did."""
        if self.auto.isChecked():
            with signals_blocked(self.number):
                self.number.setValue(used)


class DeviceChoice(SteadyCombo):
    """A menu of what may compute; a device named elsewhere, such as ``cuda:1``, is kept."""

    def __init__(self, _described: Option | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for device, title in _DEVICES.items():
            self.addItem(title, device)
        self.changed = self.currentIndexChanged

    @property
    def widget(self) -> QWidget:
        """The menu itself."""
        return self

    def value(self) -> str:
        """Return the device as `Settings.device` takes it."""
        return str(self.currentData())

    def set_value(self, device: str) -> None:
        """Choose a device."""
        if self.findData(device) < 0:
            with signals_blocked(self):
                self.addItem(device, device)
        self.setCurrentIndex(self.findData(device))


class ShapesChoice(SteadyCombo):
    """A menu with the built-in regulariser, the learned one that was chosen, and “from a file…”.

    Signals
    -------
    changed
        Another regulariser is chosen.
    """

    changed = Signal()

    def __init__(self, _described: Option | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addItem("Short boundaries", TOTAL_VARIATION)
        self.addItem("Learned, from a file…", _NO_FILE)
        self._chosen = TOTAL_VARIATION
        self.activated.connect(self._follow)

    @property
    def widget(self) -> QWidget:
        """The menu itself."""
        return self

    def value(self) -> str:
        """Return the regulariser as `Settings.regulariser` takes it."""
        return self._chosen

    def set_value(self, spec: str) -> None:
        """Choose the built-in regulariser, or a file by its path."""
        with signals_blocked(self):
            # One file at a time: the last one chosen.
            if self.count() > 2 and spec not in (TOTAL_VARIATION, self.itemData(1)):
                self.removeItem(1)
            if self.findData(spec) < 0:
                self.insertItem(1, Path(spec).name, spec)
            self.setCurrentIndex(self.findData(spec))
        if spec != self._chosen:
            self._chosen = spec
            self.changed.emit()

    def _follow(self, *_: object) -> None:
        asked = str(self.currentData())
        if asked == _NO_FILE:
            asked = QFileDialog.getOpenFileName(
                self.window(),
                "Choose learned shapes",
                "",
                "Learned shapes (*.safetensors);;All files (*)",
            )[0]
        self.set_value(asked or self._chosen)


class _Menu(SteadyCombo):
    """A menu that says when it is about to be looked at."""

    opening = Signal()

    def showPopup(self) -> None:
        """Open, after whoever listens has brought the choices up to date."""
        self.opening.emit()
        super().showPopup()


class ModelChoice(QObject):
    """A menu of the models by name, and a line for the file or the name of another one.

    Signals
    -------
    changed
        Another model is chosen, or a file or name is being typed.

    Attributes
    ----------
    widget
        Both, one below the other.
    menu
        The models; listed anew whenever it opens, because training adds some.
    where
        The line, shown only for a model from elsewhere.
    """

    changed = Signal()

    def __init__(self, _described: Option | None = None, parent: QWidget | None = None) -> None:
        self.widget = QWidget(parent)
        super().__init__(self.widget)
        self.menu = _Menu(self.widget)
        self.menu.setAccessibleName("Model")
        self.menu.setToolTip("What tells tissues apart; the built-in one suits H&E")
        self.where = QWidget(self.widget)
        self.line = QLineEdit(self.where)
        self.line.setAccessibleName("File or name")
        self.browse = QPushButton("Choose…", self.where)
        self.browse.setAccessibleName("Choose a file")
        layout = QHBoxLayout(self.where)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        column = QVBoxLayout(self.widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.menu)
        column.addWidget(self.where)
        self.refresh()
        self._follow()
        self.menu.opening.connect(self.refresh)
        self.menu.currentIndexChanged.connect(self._follow)
        self.menu.activated.connect(self._ask_for_file)
        self.browse.clicked.connect(self._browse)
        self.menu.currentIndexChanged.connect(self.changed)
        self.line.textChanged.connect(self.changed)

    def value(self) -> str:
        """Return the model as `Settings.encoder` takes it.

        Raises
        ------
        VslpError
            If the file or the name of a model from elsewhere is still missing.
        """
        chosen = str(self.menu.currentData())
        if chosen not in (_FILE, _INTERNET):
            return chosen
        typed = self.line.text().strip()
        if typed:
            return typed
        if chosen == _FILE:
            raise VslpError("No model file is chosen yet: press Choose…, or pick another model.")
        raise VslpError("The model has no name yet: type it, such as hf-hub:…, or pick another.")

    def set_value(self, spec: str) -> None:
        """Choose a model by its name, or a file by its path."""
        self.refresh()
        index = self.menu.findData(spec)
        elsewhere = _INTERNET if spec.startswith(_HUB) else _FILE
        self.menu.setCurrentIndex(index if index >= 0 else self.menu.findData(elsewhere))
        if index < 0 and self.line.text() != spec:
            self.line.setText(spec)

    def refresh(self) -> None:
        """List the models that there are now; the chosen one stays, even if its file is gone."""
        chosen = self.menu.currentData()
        own = _own_names()
        if chosen is not None and chosen not in {BUNDLED_NAME, _FILE, _INTERNET, *own}:
            own = sorted([*own, chosen], key=str.casefold)
        choices = [*_BUILT_IN, *((name, name) for name in own), *_ELSEWHERE]
        if choices == self._listed():
            return
        with signals_blocked(self.menu):
            self.menu.clear()
            for label, data in choices:
                self.menu.addItem(label, data)
            self.menu.setCurrentIndex(max(0, self.menu.findData(chosen)))

    def _listed(self) -> list[tuple[str, str]]:
        return [(self.menu.itemText(i), self.menu.itemData(i)) for i in range(self.menu.count())]

    def _follow(self, *_: object) -> None:
        chosen = self.menu.currentData()
        self.where.setVisible(chosen in (_FILE, _INTERNET))
        self.browse.setVisible(chosen == _FILE)
        # What was typed for the one means nothing to the other.
        self.line.clear()
        self.line.setPlaceholderText("model.safetensors" if chosen == _FILE else "hf-hub:…")

    def _ask_for_file(self, *_: object) -> None:
        if self.menu.currentData() == _FILE and not self.line.text():
            self._browse()

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.where.window(), "Choose a model", "", "Models (*.safetensors);;All files (*)"
        )
        if path:
            self.line.setText(path)


def _own_names() -> list[str]:
    try:
        return library_names()
    except VslpError:
        # A folder that cannot be read must not keep the window from opening; choosing a model of
        # it by file, or the command line, says what is wrong with it.
        return []


def _plugged_in() -> dict[str, type[Any]]:
    """Return the options of sources and terms from elsewhere, by the names of these."""
    try:
        return {name: member.Options for name, member in EXTRAS.added().items()}
    except VslpError:
        # A package that cannot be loaded must not keep the window from opening; Segment says so.
        return {}
