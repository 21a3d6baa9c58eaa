"""Runs the jobs of the chosen image and shows what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QObject, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Progress
from napari_vslp.core.tissues import clicks_by_id
from napari_vslp.qt.segment.live import LiveLoop
from napari_vslp.qt.segment.panels import Panels
from napari_vslp.qt.viewer.session import Session
from napari_vslp.qt.viewer.source import read_source
from napari_vslp.qt.work.jobs import Outcome, Request, solve
from napari_vslp.qt.work.notify import Notifier
from napari_vslp.qt.work.worker import Runner

NO_IMAGE = "There is no image yet: open one, or try File › Open Sample."
IMAGE_GONE = "The image was removed while it was segmented: its result is not shown."
CANCELLED = "Cancelled; the previous result is kept."
STALE = "Changed since the last result: press Segment."


class Solving(QObject):
    """Turns what the panels say into jobs and their outcomes into layers and words.

    Parameters
    ----------
    panels
        Read when a job starts; told how it goes.
    present
        Returns the session of the chosen image, or None.

    Signals
    -------
    shown
        A `Session` has a new result, which its layers show.
    stepped
        A `Progress` of a full search in the present image.

    Attributes
    ----------
    eager
        Whether changes are followed at once even if Live is off: the audit is in sight.
    """

    shown = Signal(object)
    stepped = Signal(object)

    def __init__(
        self, panels: Panels, present: Callable[[], Session | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._panels, self._present = panels, present
        self._running: Session | None = None
        self._is_live = self._is_pressed = False
        self._closed = False
        self.eager = False
        self._notifier = Notifier()
        self.runner = Runner(self)
        self.live = LiveLoop(self.runner, self._follow_up, self)
        self._connect()

    def _connect(self) -> None:
        run, runner = self._panels.run, self.runner
        run.segment_asked.connect(self.segment)
        run.cancel_asked.connect(self.cancel)
        run.live_toggled.connect(self._live_toggled)
        runner.progressed.connect(self._progressed)
        runner.returned.connect(self._returned)
        runner.refused.connect(self.refuse)
        runner.crashed.connect(lambda error: run.say(self._notifier.crash(error)))
        runner.cancelled.connect(lambda: run.say(CANCELLED))
        runner.idle.connect(lambda: run.set_busy(runner.busy))

    def segment(self) -> None:
        """Solve in full, as pressed."""
        self.live.stop()
        self._is_pressed = True
        self._start(live=False)

    def cancel(self) -> None:
        """Stop the running job; the previous result stays."""
        self.live.stop()
        self.runner.cancel()

    def follow(self) -> None:
        """Follow a change of shares, clicks or settings: at once if Live is on."""
        session = self._present()
        if session is None or session.result is None:
            return
        if self.eager or self._panels.run.live.isChecked():
            self.live.touch()
        elif not self.runner.busy:
            self._panels.run.say(STALE)

    def refuse(self, sentence: str) -> None:
        """Say what the user can mend, in the dock and as a notification."""
        self._panels.run.say(sentence)
        self._notifier.tell(sentence)

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing, and may be gone already."""
        self._closed = True
        self.runner.let_go()

    def _follow_up(self, live: bool) -> bool:
        self._is_pressed = False
        return self._start(live)

    def _start(self, live: bool) -> bool:
        if self._closed:
            return False
        session = self._present()
        try:
            if session is None:
                raise VslpError(NO_IMAGE)
            request = self._request(session, live)
        except VslpError as error:
            self.refuse(str(error))
            return False
        self._running, self._is_live = session, live
        self.runner.start(partial(solve, request))
        if not live:  # buttons that flicker at every slider move tell nothing
            self._panels.run.set_busy(True)
        return True

    def _request(self, session: Session, live: bool) -> Request:
        return Request(
            source=read_source(session.image, self._panels.region.region()),
            tissues=tuple(self._panels.table.tissues()),
            clicks=clicks_by_id(session.clicks.read(), self._panels.table.tissues()),
            painted=session.corrections.read(),
            pixel_size_um=session.pixel_size_um,
            settings=self._panels.advanced.settings(),
            prepared=session.prepared,
            key=session.key,
            start=session.result,
            live=live,
        )

    def _progressed(self, progress: Progress) -> None:
        if not self._is_live:
            self._panels.run.show_progress(progress, in_words=self._is_pressed)
            if self._running is self._present():
                self.stepped.emit(progress)

    def _returned(self, outcome: Outcome) -> None:
        session = self._running
        if session is None or not session.alive:
            self.refuse(IMAGE_GONE)
            return
        result = outcome.result
        session.result, session.prepared, session.key = result, outcome.prepared, outcome.key
        if self._is_live:
            session.layers.show_live(result)
        else:
            if outcome.overview is not None:
                session.audit.take(outcome.overview, outcome.steps)
            session.layers.show(result, outcome.overview.doubt if outcome.overview else None)
        self.shown.emit(session)

    def _live_toggled(self, on: bool) -> None:
        if on:
            self.follow()
        elif not self.eager:
            self.live.stop()
