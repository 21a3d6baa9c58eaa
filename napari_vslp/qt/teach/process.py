"""The training in a process of its own: the window stays free, and memory is given back."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.contract import from_line

_REFUSED, _STOPPED = 2, 130
_PROGRAM = "napari-vslp: "
_ASK_EVERY_MS = 5_000
_ASKS = 6  # after half a minute without an answer it is ended; the last save stays
_LAST_WAIT_MS = 10_000
_NICENESS = 5

_log = logging.getLogger("napari_vslp")

# A process outlives its dock until it has saved; Qt would kill it together with its object.
_running: set[TrainProcess] = set()


def still_saving() -> bool:
    """Return whether a training that was stopped, here or in a closed dock, has not ended yet."""
    return any(process.stopping for process in _running)


class TrainProcess(QObject):
    """Runs ``napari-vslp train`` and hears what it says.

    Parameters
    ----------
    command
        Program and first arguments; the tests give one that only pretends.

    Signals
    -------
    reported
        An `Event` (`napari_vslp.learning.contract`).
    done, stopped
        It ended well, or because it was asked to.
    refused
        A `VslpError`: something the user can mend.
    crashed
        (last line of what it said, whether the system ended it).
    """

    reported = Signal(object)
    done = Signal()
    stopped = Signal()
    refused = Signal(object)
    crashed = Signal(str, bool)

    def __init__(self, command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.command = tuple(command or (sys.executable, "-m", "napari_vslp.cli"))
        self.stopping = False
        self._asked = 0
        self._error: VslpError | None = None
        self._ask_again = QTimer(self)
        self._ask_again.setInterval(_ASK_EVERY_MS)
        self._ask_again.timeout.connect(self._ask)
        self.process = QProcess(self)
        self.process.readyReadStandardOutput.connect(self._hear)
        self.process.started.connect(self._give_way)
        self.process.finished.connect(self._end)
        self.process.errorOccurred.connect(self._fail)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self in _running

    def start(self, arguments: Sequence[str]) -> None:
        """Start ``train`` with these arguments."""
        self.stopping, self._error = False, None
        _running.add(self)
        surroundings = QProcessEnvironment.systemEnvironment()
        surroundings.insert("PYTHONUTF8", "1")  # names of tissues are not all ASCII
        self.process.setProcessEnvironment(surroundings)
        program, *first = self.command
        self.process.start(program, [*first, "train", *arguments, "--json-lines"])

    def stop(self) -> None:
        """Ask the training to save and end; after half a minute it is ended."""
        if not self.running or self.stopping:
            return
        self.stopping, self._asked = True, 0
        self._ask()
        self._ask_again.start()

    def stop_now(self) -> None:
        """Stop and wait, because the program is about to end."""
        if not self.running:
            return
        self.stop()
        if not self.process.waitForFinished(_LAST_WAIT_MS):
            self.process.kill()
            self.process.waitForFinished(_LAST_WAIT_MS)

    def _ask(self) -> None:
        """Ask; again where the first signal came while Python was still starting."""
        self._asked += 1
        if self._asked > _ASKS or sys.platform == "win32":
            # Windows has no signal for this; every save is whole, so that the last one stays.
            self.process.kill()
        elif self.process.processId() > 0:
            os.kill(self.process.processId(), signal.SIGINT)

    def _give_way(self) -> None:
        """Let the window go first where both want the processor."""
        if sys.platform != "win32":
            try:
                os.setpriority(os.PRIO_PROCESS, self.process.processId(), _NICENESS)
            except OSError as error:
                _log.debug("The training keeps its priority: %s", error)

    def _hear(self) -> None:
        while self.process.canReadLine():
            line = bytes(self.process.readLine().data()).decode("utf-8", "replace")
            report = from_line(line)
            if isinstance(report, VslpError):
                self._error = report
            elif report is not None:
                self.reported.emit(report)
            else:
                _log.debug("The training wrote a line that is no report: %s", line)

    def _over(self) -> None:
        self._ask_again.stop()
        _running.discard(self)

    def _end(self, code: int, status: QProcess.ExitStatus) -> None:
        self._over()
        self._hear()
        said = bytes(self.process.readAllStandardError().data()).decode("utf-8", "replace").strip()
        by_itself = status == QProcess.ExitStatus.NormalExit
        if by_itself and code == 0:
            self.done.emit()
        elif by_itself and code == _REFUSED and (self._error or _PROGRAM in said):
            # What was typed wrongly is refused before lines are written.
            self.refused.emit(self._error or VslpError(said.rpartition(_PROGRAM)[2]))
        elif self.stopping or (by_itself and code == _STOPPED):
            self.stopped.emit()
        else:
            _log.error("The training ended with %s:\n%s", code, said)
            self.crashed.emit(said.splitlines()[-1] if said else "", not by_itself)

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._over()
            _log.error("The training did not start: %s", self.process.errorString())
            self.crashed.emit("it could not be started", False)
