"""The menu “Import…”: each way to import on its registry, taken as one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.progress import Job
from napari_vslp.core.registries import IMPORTERS
from napari_vslp.qt.parts.registry_menu import RegistryMenu
from napari_vslp.qt.segment.solving import NO_IMAGE
from napari_vslp.qt.work.worker import Runner

if TYPE_CHECKING:
    from napari_vslp.importing.contract import Imported, Importer
    from napari_vslp.qt.segment.controller import Controller

CHANGED = "The image or its table changed meanwhile: import the file once more."


class Importing(QObject):
    """Asks which file, and reads it in a thread of its own.

    Parameters
    ----------
    window
        The dialogs' parent.
    say
        Shows a sentence.
    controller
        Whose session takes what is read.
    """

    def __init__(self, window: QWidget, say: Callable[[str], None], controller: Controller) -> None:
        super().__init__(window)
        self._window, self._say, self._controller = window, say, controller
        self._asked_of: Inputs | None = None
        refuse = controller.solving.refuse
        self.menu = RegistryMenu(window, IMPORTERS, self.choose)
        self.runner = Runner(self)
        self.runner.returned.connect(self._take)
        self.runner.refused.connect(refuse)
        self.runner.crashed.connect(lambda error: refuse(f"Nothing was imported: {error}."))

    def ask(self) -> None:
        """Open the menu where the mouse is."""
        self.menu.popup(QCursor.pos())

    def choose(self, name: str) -> None:
        """Ask for the file of an importer, and read it."""
        binding = self._controller.binding
        if binding is None:
            self._controller.solving.refuse(NO_IMAGE)
            return
        try:
            importer = IMPORTERS.get(name)
        except VslpError as error:
            self._controller.solving.refuse(str(error))
            return
        kinds = " ".join(f"*{suffix}" for suffix in importer.suffixes)
        title = f"Import: {IMPORTERS.title(name)}"
        found = QFileDialog.getOpenFileName(self._window, title, "", f"({kinds})")[0]
        if found:
            binding.take_over()
            self._asked_of = self._controller.session.inputs
            self.runner.start(partial(_read, importer, Path(found), self._asked_of))

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self.runner.let_go()

    def _take(self, imported: Imported) -> None:
        if self._controller.session.inputs is not self._asked_of:
            self._controller.solving.refuse(CHANGED)
            return
        self._controller.apply(imported)
        self._say(imported.told)


def _read(importer: Importer, path: Path, inputs: Inputs, job: Job) -> Imported:
    imported = importer.read(path, inputs)
    job.check()
    return imported
