"""Work beside the window: jobs in a thread, their sentences, and turns of the event loop.

One job runs at a time, with a cancel token, typed signals and nothing swallowed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from napari.utils.notifications import ErrorNotification, notification_manager, show_warning
from qtpy.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job, Progress

Work = Callable[[Job], Any]
_PAUSE_MS = 5  # between two turns: mouse, keys and the progress bar come first
_AGAIN_AFTER_S = 5.0
_REPORT_EVERY_S = 0.04  # more reports than that would only fill the window's queue

# Until their last word is heard: it must find somebody, also where the window has gone meanwhile.
_TALKING: set[_Task] = set()
_log = logging.getLogger("napari_vslp")


class _Messages(QObject):
    """What one job tells: (kind, value); kinds are the names of the runner's signals."""

    sent = Signal(str, object)


class _Task(QRunnable):
    """Runs the work and turns every way of ending into a word.

    A generator worker of superqt loses RuntimeErrors (torch's "out of memory" is one): not here.
    """

    def __init__(self, work: Work, messages: _Messages, token: CancelToken) -> None:
        super().__init__()
        self.work, self.messages, self.token = work, messages, token
        self._last_report = 0.0
        self.setAutoDelete(False)  # Python owns it

    def run(self) -> None:
        """Work, then say how it ended."""
        try:
            self.token.check()
            outcome = self.work(Job(self.token, self._report))
            self.token.check()
            self.messages.sent.emit("returned", outcome)
        except Cancelled:
            self.messages.sent.emit("cancelled", None)
        except VslpError as error:
            self.messages.sent.emit("refused", str(error))
        except Exception as error:  # noqa: BLE001 – the last stop: all of it is shown and logged
            _log.error("A job failed", exc_info=error)
            self.messages.sent.emit("crashed", error)
        finally:
            self.messages.sent.emit("ended", None)

    def _report(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.note is not None or now - self._last_report >= _REPORT_EVERY_S:
            self._last_report = now
            self.messages.sent.emit("progressed", progress)


class Runner(QObject):
    """Runs one job at a time; a cancelled one is let go at once and ends at its next look.

    Signals
    -------
    progressed, returned
        A `Progress`; what the work returned.
    refused
        One sentence: something the user can mend.
    crashed
        An exception: our fault.
    cancelled
        The job was told to stop.
    idle
        The present job is over, however it ended; comes last.
    """

    progressed = Signal(object)
    returned = Signal(object)
    refused = Signal(str)
    crashed = Signal(object)
    cancelled = Signal()
    idle = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(1)  # what was let go must end before the next one begins
        self._tasks: set[_Task] = set()
        self._present: _Task | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running that has not been let go."""
        return self._present is not None

    @property
    def computing(self) -> bool:
        """Whether any job, let go or not, has not ended yet."""
        return bool(self._tasks)

    def start(self, work: Work) -> None:
        """Run `work` in the thread; a job still running is let go first."""
        self.let_go()
        task = _Task(work, _Messages(), CancelToken())
        self._tasks.add(task)
        _TALKING.add(task)
        self._present = task
        task.messages.sent.connect(lambda kind, value: self._hear(task, kind, value))
        self._pool.start(task)

    def cancel(self) -> None:
        """Let the present job go and say so; its result will not be heard."""
        if self.let_go():
            self.cancelled.emit()
            self.idle.emit()

    def wait(self) -> None:
        """Wait until no job runs, let go or not."""
        self._pool.waitForDone()

    def let_go(self) -> bool:
        """Tell the present job to stop and listen to it no more; True if there was one."""
        if self._present is None:
            return False
        self._present.token.cancel()
        self._present = None
        return True

    def _hear(self, task: _Task, kind: str, value: object) -> None:
        if kind == "ended":
            self._tasks.discard(task)
            _TALKING.discard(task)
        if task is not self._present:
            return
        if kind == "ended":
            self._present = None
            self.idle.emit()
        elif kind == "cancelled":
            self.cancelled.emit()
        else:
            getattr(self, kind).emit(value)


class Notifier:
    """Shows sentences, but not the same one again at every move of a slider."""

    def __init__(self) -> None:
        self._last = ("", 0.0)

    def tell(self, sentence: str) -> None:
        """Show something that the user can mend."""
        now = time.monotonic()
        if sentence == self._last[0] and now - self._last[1] < _AGAIN_AFTER_S:
            return
        self._last = (sentence, now)
        show_warning(sentence)

    def crash(self, error: BaseException) -> str:
        """Show an error of ours, with its traceback at hand, and return the sentence."""
        sentence = (
            f"Something went wrong ({type(error).__name__}: {error}). "
            "What was there before is kept; the log holds the details."
        )
        notification = ErrorNotification(error)
        notification.message = sentence
        notification_manager.dispatch(notification)
        return sentence


class Turns(QObject):
    """Does one piece of work in each turn of the event loop, in order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Callable[[], None]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._next)

    @property
    def done(self) -> bool:
        """Whether nothing waits any more."""
        return not self._waiting

    def replace(self, work: Iterable[Callable[[], None]] = ()) -> None:
        """Forget what still waits and do this instead."""
        self._waiting = list(work)
        self._timer.start(0)

    def _next(self) -> None:
        if self._waiting:
            self._timer.start(_PAUSE_MS)
            self._waiting.pop(0)()
