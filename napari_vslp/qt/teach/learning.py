"""Follows one training after the other: its progress, its curves and how it ends."""

from __future__ import annotations

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.qt.parts.curves import Curves
from napari_vslp.qt.teach import words
from napari_vslp.qt.teach.order import Order
from napari_vslp.qt.teach.pace import Pace, turn_of
from napari_vslp.qt.teach.process import Report, TrainProcess, still_saving
from napari_vslp.qt.teach.records import Records, lies_there
from napari_vslp.qt.teach.run import TrainRunPanel
from napari_vslp.qt.work.notify import Notifier


class Learning(QObject):
    """Runs the process and shows what it says.

    Parameters
    ----------
    run, curves
        Where it is shown.
    process
        What learns.
    notifier
        Shows sentences once more where they are not overlooked.

    Signals
    -------
    busy_changed
        Whether a training runs.
    """

    busy_changed = Signal(bool)

    def __init__(
        self, run: TrainRunPanel, curves: Curves, process: TrainProcess, notifier: Notifier
    ) -> None:
        super().__init__()
        self._run, self._curves, self._notifier = run, curves, notifier
        self.process = process
        self.order: Order | None = None
        self._pace, self._records, self._turn = Pace(()), Records(), 0
        process.reported.connect(self._hear)
        process.done.connect(self._done)
        process.stopped.connect(self._stopped)
        process.refused.connect(self._refused)
        process.crashed.connect(self._crashed)

    def start(self, order: Order) -> None:
        """Begin a training, or go on with the one that lies there.

        Raises
        ------
        VslpError
            If another one is still being saved.
        """
        if still_saving():
            raise VslpError(words.STILL_SAVING)
        self.order, self._records = order, order.records()
        self._pace, self._turn = Pace(order.rounds), 0
        self._run.use.hide()
        self._run.say(words.STARTING)
        self._curves.begin(self._records)
        self._set_busy(True)
        self.process.start(order.arguments)

    def stop(self) -> None:
        """Ask the training to save and end."""
        self.process.stop()
        if self.process.stopping:
            self._run.set_busy(True, stopping=True)
            self._run.say(words.STOPPING)

    def leave(self) -> None:
        """Stop and save; the dock is closing, napari stays."""
        if not self.process.running:
            return
        self.process.blockSignals(True)  # whoever would hear is gone
        self.process.stop()
        show_info(words.STOPPED_BY_CLOSING)

    def end(self) -> None:
        """Stop, save and wait; napari is ending."""
        self.process.blockSignals(True)
        self.process.stop_now()

    def _set_busy(self, busy: bool) -> None:
        self._run.set_busy(busy)
        self.busy_changed.emit(busy)

    def _hear(self, report: Report) -> None:
        if report.model is not None or self.process.stopping:
            return
        self._turn = self._turn if (turn := turn_of(report.stage)) is None else turn
        if report.step is not None:
            self._pace.follow(self._turn, report.step, checked=bool(report.figures))
            if report.figures:
                self._records.add(self._turn, report.step, report.figures)
                self._curves.follow()
        seconds = None if report.step is None else self._pace.seconds_left()
        self._run.show_progress(
            report.note or words.progress(report.stage, seconds), report.fraction
        )

    def _done(self) -> None:
        order = self.order
        self._end()
        if order is not None:
            difference = self._records.last("area_error")
            where = None if order.in_the_list else str(order.out)
            self._run.say(words.done(order.out.stem, where, difference))
            self._run.use.show()

    def _stopped(self) -> None:
        self._end()
        self._run.say(words.STOPPED if self._lies_there() else words.STOPPED_EARLY)

    def _refused(self, sentence: str) -> None:
        self._fail(words.in_window_words(sentence))

    def _crashed(self, said: str, by_system: bool) -> None:
        self._fail(words.crashed(self._lies_there(), said, by_system))

    def _fail(self, sentence: str) -> None:
        self._end()
        self._run.say(sentence)
        self._notifier.tell(sentence)

    def _end(self) -> None:
        self._set_busy(False)
        self._run.offer(self._lies_there())

    def _lies_there(self) -> bool:
        return self.order is not None and lies_there(self.order.out)
