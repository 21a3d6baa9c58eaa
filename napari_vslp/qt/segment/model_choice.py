"""The choice of the model that tells tissues apart: built in, the user's own, or from elsewhere."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.model_names import BUNDLED_NAME, library_names
from napari_vslp.qt.parts.steady import SteadyCombo

# No model's name holds a colon.
_FILE, _INTERNET = ":file", ":internet"
_BUILT_IN = (("Built in: gland / other", BUNDLED_NAME),)
_ELSEWHERE = (("From a file…", _FILE), ("From the internet, by name", _INTERNET))


class _Menu(SteadyCombo):
    """A menu that says when it is about to be looked at."""

    opening = Signal()

    def showPopup(self) -> None:
        """Open, after whoever listens has brought the choices up to date."""
        self.opening.emit()
        super().showPopup()


class ModelChoice(QObject):
    """A menu of the models by name, and a line for the file or the name of another one.

    Attributes
    ----------
    menu
        The models; listed anew whenever it opens, because training adds some.
    where
        The line, shown only for a model from elsewhere.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.menu = _Menu()
        self.menu.setAccessibleName("Model")
        self.menu.setToolTip("What tells tissues apart; the built-in one suits H&E")
        self.where = QWidget(parent)
        self.line = QLineEdit(self.where)
        self.line.setAccessibleName("File or name")
        self.browse = QPushButton("Choose…", self.where)
        self.browse.setAccessibleName("Choose a file")
        layout = QHBoxLayout(self.where)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        self.refresh()
        self._follow()
        self.menu.opening.connect(self.refresh)
        self.menu.currentIndexChanged.connect(self._follow)
        self.menu.activated.connect(self._ask_for_file)
        self.browse.clicked.connect(self._browse)

    def spec(self) -> str:
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

    def choose(self, spec: str) -> None:
        """Choose a model by its name, or a file by its path."""
        self.refresh()
        index = self.menu.findData(spec)
        self.menu.setCurrentIndex(index if index >= 0 else self.menu.findData(_FILE))
        if index < 0:
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
        self.menu.blockSignals(True)
        self.menu.clear()
        for label, data in choices:
            self.menu.addItem(label, data)
        self.menu.setCurrentIndex(max(0, self.menu.findData(chosen)))
        self.menu.blockSignals(False)

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
