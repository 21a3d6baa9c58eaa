"""The menu “Export…”: each kind of output on the registry of exporters, from the result shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import options_of
from napari_vslp.core.progress import Job
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.qt.parts.registry_menu import RegistryMenu
from napari_vslp.qt.segment.export_form import ExportForm
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.source import Source, read_source
from napari_vslp.qt.work.worker import Runner

if TYPE_CHECKING:
    from napari_vslp.export.contract import Exporter

NO_RESULT = "There is no result to export yet: press Segment."
PASSING = "What is shown is a quick look and not the result yet: press Segment, then export."


class Exporting(QObject):
    """Asks where to, and writes in a thread of its own.

    Parameters
    ----------
    window
        The dialogs' parent.
    say
        Shows a sentence.
    refuse
        Shows a sentence about what the user can mend.
    present
        Returns the binding of the chosen image, or None.
    """

    def __init__(
        self,
        window: QWidget,
        say: Callable[[str], None],
        refuse: Callable[[str], None],
        present: Callable[[], ImageBinding | None],
    ) -> None:
        super().__init__(window)
        self._window, self._say, self._refuse, self._present = window, say, refuse, present
        self.form: ExportForm | None = None
        self._chosen: dict[str, Any] = {}  # exporter → options, as they were chosen last
        self.menu = RegistryMenu(window, EXPORTERS, self.choose)
        self.runner = Runner(self)
        self.runner.returned.connect(lambda paths: say(_written(paths)))
        self.runner.refused.connect(refuse)
        self.runner.crashed.connect(lambda error: refuse(f"Nothing was written: {error}."))

    def ask(self) -> None:
        """Open the menu where the mouse is."""
        self.menu.popup(QCursor.pos())

    def choose(self, name: str) -> None:
        """Ask for the options of an exporter, if it has any, and then where to."""
        try:
            kind = getattr(EXPORTERS.get(name), "Options", None)
            if kind is None or not any(described.dock for _, described in options_of(kind)):
                self.export(name)
                return
        except VslpError as error:
            self._refuse(str(error))
            return
        options = self._chosen.get(name) or kind()
        form = ExportForm(EXPORTERS.title(name), options, partial(self._go_on, name), self._window)
        self.form = form
        form.open()

    def export(self, name: str, options: Any = None) -> None:  # noqa: ANN401 - of its own class
        """Ask for the file or folder of an exporter, and write it.

        Parameters
        ----------
        name
            Of the exporter.
        options
            Of its own class; None for the default ones.
        """
        binding = self._present()
        result = binding.session.result if binding is not None else None
        if binding is None or result is None:
            self._refuse(NO_RESULT)
            return
        if binding.session.passing is not None:
            self._refuse(PASSING)
            return
        try:
            exporter, source = EXPORTERS.get(name), read_source(binding.image, result.region)
        except VslpError as error:
            self._refuse(str(error))
            return
        path = self._ask_path(exporter, name)
        if path is not None:
            options = _with_places(exporter, binding, options)
            self.runner.start(partial(_write, exporter, result, source, path, options))

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self.runner.let_go()

    def _go_on(self, name: str, options: Any) -> None:  # noqa: ANN401
        self._chosen[name] = options
        self.export(name, options)

    def _ask_path(self, exporter: Exporter, name: str) -> Path | None:
        title = f"Export: {EXPORTERS.title(name)}"
        if not exporter.suffixes:
            found = QFileDialog.getExistingDirectory(self._window, title)
        else:
            kinds = " ".join(f"*{suffix}" for suffix in exporter.suffixes)
            first = str(exporter.files()[0])
            found = QFileDialog.getSaveFileName(self._window, title, first, f"({kinds})")[0]
        return Path(found) if found else None


def _with_places(exporter: Exporter, binding: ImageBinding, options: Any) -> Any:  # noqa: ANN401
    """Return its options, with the places that were looked at where it tells of them.

    Without any it says “not recorded”: a session that was reopened does not know them.
    """
    options = exporter.Options() if options is None else options
    if hasattr(options, "looked_at"):
        return replace(options, looked_at=tuple(binding.review.looked_at) or None)
    return options


def _write(  # noqa: PLR0917 - bound above, in this order
    exporter: Exporter,
    result: Segmentation,
    source: Source,
    path: Path,
    options: Any,  # noqa: ANN401 - of the exporter's own class
    job: Job,
) -> list[Path]:
    from napari_vslp.export.results import write_file, write_result
    from napari_vslp.raster.contract import open_raster

    image = open_raster(source.data).read(result.region)
    job.check()
    if not exporter.suffixes:
        return write_result(result, image, path, (exporter.name,), {exporter.name: options})
    return write_file(exporter.name, result, image, path, options)


def _written(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths)
    return f"Written to {paths[0].parent}: {names}." if paths else "There was nothing to write."
