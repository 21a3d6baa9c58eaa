"""The second dock: it makes a model of the user's own from a table of images and shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import napari.viewer
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_vslp.qt.parts.theme import heading, style
from napari_vslp.qt.teach.controller import TeachController, TrainPanels
from napari_vslp.qt.teach.form import ModelForm
from napari_vslp.qt.teach.history import Curves
from napari_vslp.qt.teach.process import TrainProcess
from napari_vslp.qt.teach.run import TrainRunPanel
from napari_vslp.qt.teach.table import TablePanel
from napari_vslp.qt.viewer.launch import use_model

WIDTH = 352
_LAID_OUT_MS = 200


class TrainDock(QWidget):
    """Teach the program to tell the tissues of a table of images and shares.

    Parameters
    ----------
    viewer
        napari's viewer, which napari itself passes in.
    command
        Program and first arguments of the training; the tests give one that only pretends.
    """

    def __init__(self, viewer: napari.viewer.Viewer, command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.setObjectName("napari-vslp-train")
        self.setMinimumWidth(WIDTH)
        self.setAcceptDrops(True)
        self._viewer = viewer
        self.table, self.form, self.run = TablePanel(), ModelForm(), TrainRunPanel()
        self.curves = Curves(str(viewer.theme))
        self._lay_out()
        panels = TrainPanels(self.table, self.form, self.curves, self.run)
        self.controller = TeachController(panels, TrainProcess(command))
        self.controller.use_asked.connect(lambda spec: use_model(viewer, spec))
        self.controller.training.busy_changed.connect(self._show_curves)
        self._follow_theme(viewer)
        self._stop_at_the_end()

    def sizeHint(self) -> QSize:
        """Return a width that holds every control, and the height of what is in it."""
        hint = super().sizeHint()
        hint.setWidth(WIDTH)
        return hint

    def event(self, event: QEvent | None) -> bool:
        """Stop and save when napari takes the dock out of its window."""
        # napari lets go of a closed dock's widget without closing or deleting it.
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.controller.leave()
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Welcome one file."""
        if event is not None and _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Read the table dropped."""
        path = None if event is None else _dropped(event)
        if event is not None and path is not None and self.table.isEnabled():
            event.acceptProposedAction()
            self.table.choose(path)

    def _lay_out(self) -> None:
        inner = QWidget()
        panels = QVBoxLayout(inner)
        panels.setContentsMargins(0, 0, 4, 0)
        panels.setSpacing(6)
        for widget in (heading("Images and their shares"), self.table, heading("New model")):
            panels.addWidget(widget)
        panels.addWidget(self.form)
        panels.addWidget(self.curves)
        panels.addStretch(1)
        self._scroll = QScrollArea(self)
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 6, 6)
        outer.addWidget(self._scroll, 1)
        outer.addWidget(self.run)  # outside the scroll area: Start is always in sight

    def _show_curves(self, busy: bool) -> None:
        """Scroll the curves into sight when a training begins, once they have their size."""
        if busy:
            QTimer.singleShot(_LAID_OUT_MS, self._scroll_to_curves)

    def _scroll_to_curves(self) -> None:
        bar = self._scroll.verticalScrollBar()
        if bar is not None:
            bar.setValue(bar.maximum())

    def _stop_at_the_end(self) -> None:
        # By then this widget is gone: what it holds must not be reached through it.
        self.destroyed.connect(partial(_leave, self.controller))
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.controller.end)

    def _follow_theme(self, viewer: napari.viewer.Viewer) -> None:
        self.setStyleSheet(style(viewer.theme))
        viewer.events.theme.connect(self._restyle)

    def _restyle(self, event: object) -> None:
        theme = str(getattr(event, "value", "dark"))
        self.setStyleSheet(style(theme))
        self.curves.set_theme(theme)


def _leave(controller: TeachController, *_: object) -> None:
    controller.leave()


def _dropped(event: QDropEvent) -> Path | None:
    """Return the one file that is dropped."""
    data = event.mimeData()
    urls = [] if data is None else data.urls()
    local = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    return local[0] if len(local) == 1 and local[0].is_file() else None
