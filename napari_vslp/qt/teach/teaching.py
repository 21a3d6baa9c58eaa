"""Ties the panels of the dock: the table is read, the model named, the training started."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import QObject, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.qt.parts.curves import Curves
from napari_vslp.qt.teach import words
from napari_vslp.qt.teach.form import ModelForm
from napari_vslp.qt.teach.learning import Learning
from napari_vslp.qt.teach.order import order
from napari_vslp.qt.teach.process import TrainProcess
from napari_vslp.qt.teach.reading import Ask, Reading, read
from napari_vslp.qt.teach.records import lies_there
from napari_vslp.qt.teach.run import TrainRunPanel
from napari_vslp.qt.teach.table import TablePanel
from napari_vslp.qt.work.notify import Notifier
from napari_vslp.qt.work.worker import Runner


@dataclass(frozen=True)
class TrainPanels:
    """What the user holds; the panels know nothing of each other."""

    table: TablePanel
    form: ModelForm
    curves: Curves
    run: TrainRunPanel


class Teaching(QObject):
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
        self.learning = Learning(panels.run, panels.curves, process, self._notifier)
        self._connect()
        panels.run.say(words.READY)

    def _connect(self) -> None:
        self._panels.table.asked.connect(self._read)
        self._panels.form.place_changed.connect(self._look_for_stopped)
        run = self._panels.run
        run.start_asked.connect(self._start)
        run.stop_asked.connect(self.learning.stop)
        run.use_asked.connect(self._use)
        self.runner.returned.connect(self._show_table)
        self.runner.refused.connect(self._keep_table)
        self.runner.crashed.connect(lambda error: self._keep_table(self._notifier.crash(error)))
        self.learning.busy_changed.connect(self._lock)

    def refuse(self, sentence: str) -> None:
        """Say what has to be mended, in the status line and as a notification."""
        self._panels.run.say(sentence)
        self._notifier.tell(sentence)

    def leave(self) -> None:
        """Stop and save; the dock is closing, napari stays."""
        self.runner.let_go()
        self.learning.leave()

    def end(self) -> None:
        """Stop, save and wait; napari is ending."""
        self.runner.let_go()
        self.learning.end()

    def _read(self, ask: Ask) -> None:
        self._panels.run.say(words.READING)
        self.runner.start(partial(read, ask))

    def _show_table(self, reading: Reading) -> None:
        before = self._panels.table.reading
        self._panels.table.show_reading(reading)
        if before is None or before.ask.path != reading.ask.path:
            self._panels.form.suggest(reading.ask.path.stem)
            self._panels.curves.hide()  # they are of another table
        self._panels.run.say(words.READY)
        self._look_for_stopped()
        if reading.problem is not None:
            self.refuse(reading.problem)

    def _keep_table(self, sentence: str) -> None:
        self._panels.table.restore()
        self.refuse(words.in_window_words(sentence))

    def _look_for_stopped(self) -> None:
        """Offer to go on if a training of the name typed lies there."""
        try:
            lies = lies_there(self._panels.form.out())
        except VslpError:
            lies = False  # said when Start is pressed, not while the name is being typed
        self._panels.run.offer(lies)
        if lies:
            self._panels.run.say(words.SAVED_BEFORE)

    def _start(self, restart: bool) -> None:
        if self.learning.process.running:
            return
        try:
            if self.runner.busy:
                raise VslpError(words.STILL_READING)
            reading, form = self._panels.table.reading, self._panels.form
            self.learning.start(order(reading, form, restart=restart))
        except VslpError as error:
            self.refuse(str(error))

    def _use(self) -> None:
        if self.learning.order is not None:
            self.use_asked.emit(self.learning.order.spec)

    def _lock(self, busy: bool) -> None:
        """Leave the choices as they are while a training follows them."""
        self._panels.table.setEnabled(not busy)
        self._panels.form.setEnabled(not busy)
