"""Ties the panels of the dock: the table is read, the training started, followed and ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.contract import Event
from napari_vslp.qt.teach import messages
from napari_vslp.qt.teach.form import ModelForm, TrainingOrder, order_of
from napari_vslp.qt.teach.history import Curves, MetricHistory, StepTimer, lies_there
from napari_vslp.qt.teach.process import TrainProcess, still_saving
from napari_vslp.qt.teach.reading import TableQuery, TableSummary, read
from napari_vslp.qt.teach.run import TrainRunPanel
from napari_vslp.qt.teach.table import TablePanel
from napari_vslp.qt.work.worker import Notifier, Runner


@dataclass(frozen=True)
class TrainPanels:
    """What the user holds; the panels know nothing of each other."""

    table: TablePanel
    form: ModelForm
    curves: Curves
    run: TrainRunPanel


class TrainingMonitor(QObject):
    """Runs one training after the other in its process, and shows what its events say.

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
        self.order: TrainingOrder | None = None
        self._timer, self._history = StepTimer(), MetricHistory()
        self._said = ""  # by the training itself at its end
        process.reported.connect(self._hear)
        process.done.connect(self._done)
        process.stopped.connect(self._stopped)
        process.refused.connect(lambda error: self._fail(messages.refusal(error)))
        process.crashed.connect(self._crashed)

    def start(self, order: TrainingOrder) -> None:
        """Begin a training, or go on with the one that lies there.

        Raises
        ------
        VslpError
            If another one is still being saved.
        """
        if still_saving():
            raise VslpError(messages.STILL_SAVING)
        self.order, self._said = order, ""
        self._timer, self._history = StepTimer(), MetricHistory()
        if not order.restart:
            self._history.load(order.out)
        self._run.use.hide()
        self._run.say(messages.STARTING)
        self._curves.begin(self._history, aside="shares" in order.learner.columns)
        self._set_busy(True)
        self.process.start(order.arguments)

    def stop(self) -> None:
        """Ask the training to save and end."""
        self.process.stop()
        if self.process.stopping:
            self._run.set_busy(True, stopping=True)
            self._run.say(messages.STOPPING)

    def leave(self) -> None:
        """Stop and save; the dock is closing, napari stays."""
        if not self.process.running:
            return
        self.process.blockSignals(True)  # whoever would hear is gone
        self.process.stop()
        show_info(messages.STOPPED_BY_CLOSING)

    def end(self) -> None:
        """Stop, save and wait; napari is ending."""
        self.process.blockSignals(True)
        self.process.stop_now()

    def _set_busy(self, busy: bool) -> None:
        self._run.set_busy(busy)
        self.busy_changed.emit(busy)

    def _hear(self, event: Event) -> None:
        if event.kind == "done":
            self._said = event.note or ""
        if event.kind == "done" or self.process.stopping:
            return
        self._follow_plan(event)
        seconds = None
        if event.round is not None and event.step is not None and event.kind != "saved":
            is_check = event.kind == "check"
            self._timer.follow(event.round, event.step, checked=is_check)
            if is_check and event.figures:
                self._history.add(event.round, event.step, event.figures)
                self._curves.follow()
            seconds = self._timer.seconds_left()
        elif event.kind == "saved":
            return
        sentence = event.note or messages.progress(event.stage, seconds)
        self._run.show_progress(sentence, event.fraction)

    def _follow_plan(self, event: Event) -> None:
        """Take over how long the training will be; without a plan all rounds are taken as alike."""
        plan = event.plan
        if not plan and not self._timer.rounds and event.steps is not None:
            plan = (event.steps,) * (event.rounds or 1)
        if plan and plan != self._timer.rounds:
            self._timer.rounds = self._history.rounds = plan
            self._curves.follow()

    def _done(self) -> None:
        order = self.order
        self._end()
        if order is None:
            return
        where = None if order.in_the_list else str(order.out)
        if "shares" in order.learner.columns:
            difference = self._history.last("area_error")
            self._run.say(messages.done(order.out.stem, where, difference))
        else:
            self._run.say(f"{messages.ready(order.out.stem, where)} {self._said}".strip())
        self._run.use.setVisible(order.learner.makes == "model")

    def _stopped(self) -> None:
        self._end()
        self._run.say(messages.STOPPED if self._lies_there() else messages.STOPPED_EARLY)

    def _crashed(self, said: str, by_system: bool) -> None:
        self._fail(messages.crashed(self._lies_there(), said, by_system))

    def _fail(self, sentence: str) -> None:
        self._end()
        self._run.say(sentence)
        self._notifier.tell(sentence)

    def _end(self) -> None:
        self._set_busy(False)
        self._run.offer(self._lies_there())

    def _lies_there(self) -> bool:
        return self.order is not None and lies_there(self.order.out)


class TeachController(QObject):
    """Reads the table and gives the training its order.

    Parameters
    ----------
    panels
        The dock's panels.
    process
        What learns.

    Signals
    -------
    use_asked
        The model just made, as `Settings.encoder` takes it.
    """

    use_asked = Signal(str)

    def __init__(self, panels: TrainPanels, process: TrainProcess) -> None:
        super().__init__()
        self._panels = panels
        self._notifier = Notifier()
        self.runner = Runner(self)
        self.training = TrainingMonitor(panels.run, panels.curves, process, self._notifier)
        self._connect()
        panels.run.say(messages.READY)

    def _connect(self) -> None:
        self._panels.table.asked.connect(self._read)
        self._panels.form.place_changed.connect(self._look_for_stopped)
        self._panels.form.learner_changed.connect(self._follow_learner)
        run = self._panels.run
        run.start_asked.connect(self._start)
        run.stop_asked.connect(self.training.stop)
        run.use_asked.connect(self._use)
        self.runner.returned.connect(self._show_table)
        self.runner.refused.connect(self._keep_table)
        self.runner.crashed.connect(lambda error: self._keep_table(self._notifier.crash(error)))
        self.training.busy_changed.connect(self._lock)

    def refuse(self, sentence: str) -> None:
        """Say what has to be mended, in the status line and as a notification."""
        self._panels.run.say(sentence)
        self._notifier.tell(sentence)

    def leave(self) -> None:
        """Stop and save; the dock is closing, napari stays."""
        self.runner.let_go()
        self.training.leave()

    def end(self) -> None:
        """Stop, save and wait; napari is ending."""
        self.runner.let_go()
        self.training.end()

    def _read(self, query: TableQuery) -> None:
        self._panels.run.say(messages.READING)
        self.runner.start(partial(read, query))

    def _show_table(self, reading: TableSummary) -> None:
        before = self._panels.table.reading
        self._panels.table.show_reading(reading)
        if before is None or before.query.path != reading.query.path:
            self._panels.form.suggest(reading.query.path)
            self._panels.curves.hide()  # they are of another table
        self._panels.run.say(messages.READY)
        self._look_for_stopped()
        if reading.problem is not None:
            self.refuse(reading.problem)

    def _keep_table(self, sentence: str) -> None:
        self._panels.table.restore()
        self.refuse(sentence)

    def _follow_learner(self) -> None:
        columns = self._panels.form.learner.columns
        self._panels.table.set_shares_teach("shares" in columns)

    def _look_for_stopped(self) -> None:
        """Offer to go on if a training of the name typed lies there."""
        try:
            lies = lies_there(self._panels.form.out())
        except VslpError:
            lies = False  # said when Start is pressed, not while the name is being typed
        self._panels.run.offer(lies)
        if lies:
            self._panels.run.say(messages.SAVED_BEFORE)

    def _start(self, restart: bool) -> None:
        if self.training.process.running:
            return
        try:
            if self.runner.busy:
                raise VslpError(messages.STILL_READING)
            table, form = self._panels.table.reading, self._panels.form
            self.training.start(order_of(table, form, restart=restart))
        except VslpError as error:
            self.refuse(messages.refusal(error))

    def _use(self) -> None:
        if self.training.order is not None:
            self.use_asked.emit(self.training.order.spec)

    def _lock(self, busy: bool) -> None:
        """Leave the choices as they are while a training follows them."""
        self._panels.table.setEnabled(not busy)
        self._panels.form.setEnabled(not busy)
