"""What the row on sessions does: save, open, and offer what a crash left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_vslp.core.files.atomic import unwritable
from napari_vslp.core.progress import Job
from napari_vslp.core.saved.autosave import Left, left_behind
from napari_vslp.core.saved.session_file import SUFFIX, write_session
from napari_vslp.core.session import History
from napari_vslp.qt.sessions.bar import NOTHING, SessionBar
from napari_vslp.qt.sessions.closing import CloseGuard
from napari_vslp.qt.sessions.identity import identified, source_of
from napari_vslp.qt.sessions.keeper import Keeping, Sessions
from napari_vslp.qt.sessions.opening import Opening
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.source import Source
from napari_vslp.qt.work.worker import Runner

KINDS = f"Session (*{SUFFIX})"
NO_IMAGE = "There is nothing to save yet: open an image first."
TAKEN = "Another window has reopened it already."


class SessionActions(QObject):
    """Carries what the row asks for to the sessions of a viewer.

    Parameters
    ----------
    viewer
        napari's viewer.
    bar
        The row.
    present
        Returns the binding of the chosen image, or None.
    choose
        Lets the dock turn to an image.
    say, refuse
        Show a sentence; one about what the user can mend.
    """

    def __init__(
        self,
        viewer: Viewer,
        bar: SessionBar,
        *,
        present: Callable[[], ImageBinding | None],
        choose: Callable[[Image], None],
        say: Callable[[str], None],
        refuse: Callable[[str], None],
    ) -> None:
        super().__init__(bar)
        self._bar, self._present, self._say, self._refuse = bar, present, say, refuse
        self.sessions = Sessions.of(viewer)
        self.opening = Opening(viewer, self.sessions, self)
        self.saver, self._looker = Runner(self), Runner(self)
        self._offered: list[Left] = []
        self._wanting = False
        self._saving: tuple[Keeping, Path, int] | None = None  # whose, where to, as of which edit
        self.guard = CloseGuard.of(viewer, self.sessions)
        bar.save_asked.connect(self.save)
        bar.open_asked.connect(self.open)
        bar.answered.connect(self._answered)
        self.opening.opened.connect(choose)
        self.opening.opened.connect(lambda layer: say(f"The session of “{layer.name}” is open."))
        self.opening.wanted.connect(self._ask_for_image)
        self.opening.refused.connect(refuse)
        self.saver.refused.connect(refuse)
        self.saver.returned.connect(self._saved)
        self._looker.returned.connect(self._offer)
        self.sessions.changed.connect(self.show_state)
        self.sessions.left.connect(self.look_for_left)
        self.look_for_left()

    @property
    def busy(self) -> bool:
        """Whether anything is being saved, opened or looked for."""
        return self.saver.busy or self.opening.busy or self._looker.busy

    def save(self) -> None:
        """Ask for a file and save the session of the chosen image."""
        binding = self._present()
        if binding is None:
            self._refuse(NO_IMAGE)
            return
        path = ask_path(self._bar, self.sessions.keeping(binding))
        if path is not None:
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Save the session of the chosen image, in the thread."""
        binding = self._present()
        if binding is None:
            self._refuse(NO_IMAGE)
            return
        binding.take_over()
        keeping = self.sessions.keeping(binding)
        self._saving = (keeping, path, keeping.edits)
        self.saver.start(partial(write, path, binding.session.history(), source_of(binding)))

    def _saved(self, path: Path) -> None:
        keeping, asked, edits = self._saving or (None, None, 0)
        if keeping is not None and path == asked:
            keeping.saved(path, edits)
            self._say(f"Saved: {path.name}.")

    def open(self) -> None:
        """Ask for a session file and open it."""
        found = QFileDialog.getOpenFileName(self._bar, "Open session", "", KINDS)[0]
        if found:
            self.opening.open(Path(found))

    def look_for_left(self) -> None:
        """Look for what a crash left, in the thread."""
        self._looker.start(lambda _job: left_behind())

    def show_state(self) -> None:
        """Say what is unsaved."""
        binding = self._present()
        if binding is None or not self.sessions.keeps(binding):
            self._bar.show_state(NOTHING)
            return
        keeping = self.sessions.keeping(binding)
        name = keeping.path.name if keeping.path is not None else NOTHING
        tip = str(keeping.path or "Not saved to a file yet")
        self._bar.show_state("Unsaved changes" if keeping.dirty else name, tip)

    def shutdown(self) -> None:
        """Stop listening; the dock is closing, or is gone already."""
        for runner in (self.saver, self._looker):
            runner.let_go()
        self.opening.shutdown()

    def _offer(self, found: list[Left]) -> None:
        self._offered = found
        self._show_question()

    def _show_question(self) -> None:
        if self._wanting:
            return
        if not self._offered:
            self._bar.ask("")
            return
        first, more = self._offered[0], len(self._offered) - 1
        when = datetime.fromtimestamp(first.written).astimezone().strftime("%d %b %Y, %H:%M")
        rest = f" ({more} more after this one.)" if more else ""
        sentence = f"“{first.name or 'An image'}” was closed unsaved on {when}.{rest}"
        self._bar.ask(sentence, "Reopen", "Discard")

    def _ask_for_image(self, sentence: str) -> None:
        self._wanting = True
        self._bar.ask(sentence, "Find image…", "Not now")

    def _answered(self, yes: bool) -> None:
        if self._wanting:
            self._wanting = False
            self._show_question()
            if yes:
                found = QFileDialog.getOpenFileName(self._bar, "Find the image")[0]
                if found:
                    self.opening.retry(Path(found))
            return
        if not self._offered:
            return
        left = self._offered.pop(0)
        self._show_question()
        if not yes:
            left.discard()
        elif not left.claimed(lambda: None):
            self._refuse(TAKEN)
        else:
            self.opening.open(left.path, lambda: self._reopened(left))

    def _reopened(self, left: Left) -> None:
        left.discard()  # the dock's own autosave holds it now


def ask_path(parent: QWidget | None, keeping: Keeping) -> Path | None:
    """Ask for the file to save a session to; None if the user thinks better of it."""
    image = keeping.binding.image
    file = image.source.path
    named = keeping.path or (Path(str(file)).with_suffix(SUFFIX) if file else image.name + SUFFIX)
    title = f"Save session of “{image.name}”"
    found = QFileDialog.getSaveFileName(parent, title, str(named), KINDS)[0]
    if not found or found.endswith(SUFFIX):
        return Path(found) if found else None
    path = Path(found + SUFFIX)  # of which the dialog did not ask whether it may be replaced
    return path if not path.exists() or _may_replace(parent, path) else None


def _may_replace(parent: QWidget | None, path: Path) -> bool:
    answer = QMessageBox.question(parent, "Save session", f"“{path.name}” exists. Replace it?")
    return answer == QMessageBox.StandardButton.Yes


def write(path: Path, history: History, source: Source | None, job: Job) -> Path:
    """Write a session to a file of the user's, whole or not at all, and return it.

    Raises
    ------
    VslpError
        If the image cannot be read, or the file cannot be written.
    """
    identity = identified(history, source)
    job.check()
    try:
        write_session(path, history, identity)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return path
