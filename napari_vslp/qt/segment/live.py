"""Following a moving slider: the latest wish wins, and a full solve follows when it rests."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

from napari_vslp.qt.work.worker import Runner

REST_MS = 300


class LiveLoop(QObject):
    """Turns changes into solves, one at a time and never more than one waiting.

    Parameters
    ----------
    runner
        Runs the solves.
    solve
        Starts one: `solve(True)` a quick one, `solve(False)` the full one; returns whether it
        could be started.
    """

    def __init__(
        self, runner: Runner, solve: Callable[[bool], bool], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner, self._solve = runner, solve
        self._due = False
        self._kind = ""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        runner.idle.connect(self._ended)

    def touch(self) -> None:
        """Follow a change as soon as can be."""
        self._due = True
        self._rest.stop()
        if self._kind == "refine":
            self._runner.let_go()  # it would only show what is out of date
        if not self._runner.busy:
            self._follow()

    def stop(self) -> None:
        """Follow nothing any more until the next change."""
        self._due = False
        self._kind = ""
        self._rest.stop()

    def _follow(self) -> None:
        self._due = False
        self._kind = "live" if self._solve(True) else ""

    def _refine(self) -> None:
        if not self._runner.busy:
            self._kind = "refine" if self._solve(False) else ""

    def _ended(self) -> None:
        ended, self._kind = self._kind, ""
        if self._due:
            self._follow()
        elif ended == "live":
            self._rest.start()
