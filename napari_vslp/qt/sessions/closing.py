"""The question before a window with unsaved work closes."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.qt.sessions.keeper import Keeping, Sessions
from napari_vslp.qt.viewer.main_window import main_window


class CloseGuard(QObject):
    """Asks whether to save before the window of a viewer closes.

    A window that a script closes (`viewer.close`) asks nothing: nobody may be there to answer. What
    is unsaved then lies with the autosaves, to be offered.
    """

    def __init__(self, window: QMainWindow, sessions: Sessions) -> None:
        super().__init__(window)  # which owns it: a reference to it here would keep it alive
        self._sessions = sessions
        window.installEventFilter(self)

    @staticmethod
    def of(viewer: Viewer, sessions: Sessions) -> CloseGuard | None:
        """Return the guard of a viewer, the same one for every dock; None if it has no window."""
        window = main_window(viewer)
        if window is None:
            return None
        found = window.findChild(CloseGuard)
        return found if isinstance(found, CloseGuard) else CloseGuard(window, sessions)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold a window's closing back if the user says so."""
        if event is None or watched is not self.parent() or event.type() != QEvent.Type.Close:
            return False
        unsaved = self._sessions.unsaved()
        if unsaved and self._is_by_hand() and not self._may_close(unsaved):
            event.ignore()
            return True
        self._sessions.leave_all()
        return False

    def _is_by_hand(self) -> bool:
        # `Viewer.close` puts the canvas away before it closes the window.
        window: Any = self.parent()
        return bool(window.isVisible() and not window._qt_viewer.isHidden())

    def _parent(self) -> QWidget | None:
        window = self.parent()
        return window if isinstance(window, QWidget) else None

    def _may_close(self, unsaved: list[Keeping]) -> bool:
        names = ", ".join(f"“{keeping.binding.image.name}”" for keeping in unsaved)
        box = QMessageBox(self._parent())
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Unsaved changes")
        box.setText(f"What was said of {names} is not saved. Save it before the window closes?")
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        box.setDefaultButton(buttons.Save)
        answer = box.exec()
        if answer == buttons.Discard:
            for keeping in unsaved:
                keeping.discard()
            return True
        return answer == buttons.Save and all(self._save(keeping) for keeping in unsaved)

    def _save(self, keeping: Keeping) -> bool:
        from napari_vslp.qt.sessions.actions import ask_path, write
        from napari_vslp.qt.sessions.identity import source_of

        path = ask_path(self._parent(), keeping)
        if path is None:
            return False
        edits, binding = keeping.edits, keeping.binding
        try:
            write(path, binding.session.history(), source_of(binding), Job())
        except VslpError as error:
            QMessageBox.warning(self._parent(), "Not saved", str(error))
            return False
        keeping.saved(path, edits)
        return True
