"""Work for the window's own thread, cut into turns so that the window never stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QObject, QTimer

_PAUSE_MS = 5  # between two turns: mouse, keys and the progress bar come first


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
