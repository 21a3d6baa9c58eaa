"""Autosaves every image's session shortly after each edit, and knows what is unsaved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.progress import Job
from napari_vslp.core.saved.autosave import Autosave, autosave_folder
from napari_vslp.core.session import History
from napari_vslp.qt.sessions.identity import Hashes, identified, must_read, source_of
from napari_vslp.qt.viewer.images import ImageBinding, Images
from napari_vslp.qt.viewer.source import Source
from napari_vslp.qt.work.worker import Runner

# A drag is many edits: the disk is asked once the hand rests, but at the latest so often.
REST_MS = 250
LATEST_MS = 1000


class Keeping(QObject):
    """Keeps the session of one image on the disk.

    Signals
    -------
    changed
        Whether there is anything unsaved.

    Attributes
    ----------
    dirty
        Whether there were edits since the session was saved to a file of the user's.
    path
        That file; None if there is none.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, binding: ImageBinding, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.binding = binding
        self.dirty = False
        self.path: Path | None = None
        self._count = 0
        # Edited in this very turn of the event loop: where the image goes in it too, it took its
        # clicks with it, and nobody said anything.
        self._fresh = False
        self._autosave = Autosave(binding.session.inputs.image)
        self._hashes: Hashes = {}
        self._runner = Runner(self)
        self._runner.refused.connect(self.failed)
        self._rest, self._latest = QTimer(self), QTimer(self)
        for timer, wait in ((self._rest, REST_MS), (self._latest, LATEST_MS)):
            timer.setSingleShot(True)
            timer.setInterval(wait)
            timer.timeout.connect(self._write)
        binding.session.edited.connect(self._edited)

    @property
    def edits(self) -> int:
        """How many edits there were; by it a save knows whether it holds the last one."""
        return self._count

    @property
    def worth_keeping(self) -> bool:
        """Whether anything unsaved was said by hand."""
        return self.dirty and not self._fresh

    @property
    def settled(self) -> bool:
        """Whether the last edit is on the disk."""
        return not (self._rest.isActive() or self._latest.isActive() or self._runner.computing)

    def saved(self, path: Path | None, edits: int) -> None:
        """Know that the session as it stood after so many edits is in a file of the user's."""
        self.path = path or self.path
        if edits == self._count:
            self.dirty = False
            self._stop()
            self._autosave.discard()
        self.changed.emit()

    def touch(self) -> None:
        """Know that the session holds what no file of the user's does."""
        self._edited()

    def keep_now(self) -> bool:
        """Autosave in this thread; return whether the session is on the disk."""
        self._stop()
        try:
            self._job()(Job())
        except VslpError as error:
            self.failed.emit(str(error))
            return False
        return True

    def leave(self) -> None:
        """Write what is unsaved and let it lie, to be offered; the image or window is closing."""
        if self.worth_keeping:
            self.keep_now()
        self._stop()
        self._autosave.leave()
        self.dirty = False

    def discard(self) -> None:
        """Forget what is unsaved."""
        self._stop()
        self._autosave.discard()
        self.dirty = False
        self.changed.emit()

    def _edited(self, *_: Inputs) -> None:
        self._count += 1
        self._rest.start()
        if not self._latest.isActive():
            self._latest.start()
        if not self.dirty:
            self.dirty = self._fresh = True
            QTimer.singleShot(0, self._ripen)
            self.changed.emit()

    def _ripen(self) -> None:
        self._fresh = False

    def _write(self) -> None:
        self._rest.stop()
        self._latest.stop()
        if self.dirty:
            self._runner.start(self._job())

    def _job(self) -> Callable[[Job], None]:
        history, source = self.binding.session.history(), source_of(self.binding)
        return partial(_autosave, self._autosave, history, source, self._hashes)

    def _stop(self) -> None:
        self._rest.stop()
        self._latest.stop()
        self._runner.let_go()
        self._runner.wait()


class Sessions(QObject):
    """The sessions of one viewer's images; it outlives the docks.

    Signals
    -------
    changed
        What is unsaved has changed.
    left
        Something unsaved was let go, and lies with the autosaves.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._keepings: dict[int, Keeping] = {}
        self._told = ""
        self.images = Images.of(viewer)
        for binding in self.images.bindings():
            self._bound(binding)
        self.images.bound.connect(self._bound)
        self.images.removed.connect(self._removed)

    @staticmethod
    def of(viewer: ViewerModel) -> Sessions:
        """Return the sessions of a viewer, the same ones for every dock."""
        if viewer not in _SESSIONS:
            _SESSIONS[viewer] = Sessions(viewer)
        return _SESSIONS[viewer]

    def keeps(self, binding: ImageBinding | None) -> bool:
        """Return whether the image of a binding is still there."""
        return id(binding) in self._keepings

    def keeping(self, binding: ImageBinding) -> Keeping:
        """Return what keeps the session of a binding; `LookupError` if its image is gone."""
        return self._keepings[id(binding)]

    def unsaved(self) -> list[Keeping]:
        """Return the sessions with edits that no file of the user's holds."""
        for keeping in self._keepings.values():
            keeping.binding.take_over()  # the last stroke too
        return [keeping for keeping in self._keepings.values() if keeping.dirty]

    def leave_all(self) -> None:
        """Let all that is unsaved lie with the autosaves; the window is closing."""
        for keeping in self._keepings.values():
            keeping.leave()

    def _bound(self, binding: ImageBinding) -> None:
        keeping = self._keepings[id(binding)] = Keeping(binding, self)
        keeping.changed.connect(self.changed)
        keeping.failed.connect(self._tell)

    def _removed(self, binding: ImageBinding) -> None:
        keeping = self._keepings.pop(id(binding))
        was_dirty = keeping.worth_keeping
        keeping.leave()
        keeping.deleteLater()
        if was_dirty:
            self.left.emit()
        self.changed.emit()

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:  # not again at every edit
            self._told = sentence
            show_warning(sentence)


def _autosave(
    autosave: Autosave, history: History, source: Source | None, hashes: Hashes, job: Job
) -> None:
    job.check()
    try:
        if source is not None and must_read(history, hashes):
            autosave.write(history)  # reading the pixels may take long, or fail
        autosave.write(history, identified(history, source, hashes))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise VslpError(
            f"Your work is not kept for a crash, since “{autosave_folder()}” takes no files "
            f"({reason}): save the session to another disk."
        ) from error


_SESSIONS: WeakKeyDictionary[ViewerModel, Sessions] = WeakKeyDictionary()
