"""Runs the jobs of the chosen image, and follows its edits while Live is on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.options import Option, options_of
from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.encoders.reading.unfinished import Unfinished
from napari_vslp.qt.parts import messages
from napari_vslp.qt.segment.advanced import AdvancedPanel
from napari_vslp.qt.segment.run_panel import RunPanel
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.source import image_shape, read_source
from napari_vslp.qt.work.jobs import Outcome, Request, solve
from napari_vslp.qt.work.worker import Notifier, Runner

NO_IMAGE = "There is no image yet: open one, or try File › Open Sample."
IMAGE_GONE = "The image was removed while it was segmented: its result is not shown."
CANCELLED = "Cancelled; the previous result is kept."
CANCELLED_READING = "Cancelled; what was read is kept, and Segment goes on from there."
STALE = "Changed since the last result: press Segment."
REST_MS = 300


class Solving(QObject):
    """Turns the inputs of the chosen image into jobs and gives their results to its session.

    Parameters
    ----------
    run
        Starts and stops jobs; told how they go.
    advanced
        Asked whether its controls stand for options at all.
    present
        Returns the binding of the chosen image, or None.

    Signals
    -------
    shown
        An `ImageBinding` whose session has a new result.
    stepped
        A `Progress` of a full search in the present image.

    Attributes
    ----------
    eager
        Whether edits are followed at once even if Live is off: the audit is in sight.
    took
        Labels of the last full result, and how long it took from the press of the button (s).
    extra
        A sentence about that result; empty if there is none.
    """

    shown = Signal(object)
    stepped = Signal(object)
    _looked = Signal(object, object)

    def __init__(
        self,
        run: RunPanel,
        advanced: AdvancedPanel,
        present: Callable[[], ImageBinding | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._advanced, self._present = run, advanced, present
        self._running: tuple[ImageBinding, Inputs] | None = None
        self._request: Request | None = None
        self._shown_before: list[Segmentation | None] = []  # what the first look took the place of
        self._unfinished = Unfinished()
        self._is_live = self._is_pressed = False
        self._closed = False
        self.eager = False
        self.took: tuple[object, float] | None = None
        self.extra = ""
        self._began = 0.0
        self._full: Segmentation | None = None
        self._notifier = Notifier()
        self.runner = Runner(self)
        self.live = LiveLoop(self.runner, self._follow_up, self)
        self._connect()

    def _connect(self) -> None:
        run, runner = self._run, self.runner
        run.segment_asked.connect(self.segment)
        run.cancel_asked.connect(self.cancel)
        run.live_toggled.connect(self._live_toggled)
        self._looked.connect(self._look)
        runner.progressed.connect(self._progressed)
        runner.returned.connect(self._returned)
        for failed in (runner.refused, runner.crashed):
            failed.connect(lambda _error: self._put_back())
        runner.refused.connect(self.refuse)
        runner.crashed.connect(lambda error: run.say(self._notifier.crash(error)))
        runner.cancelled.connect(self._cancelled)
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

    def follow(self, before: Inputs, after: Inputs) -> None:
        """Follow an edit of the present image: at once if Live is on."""
        binding = self._present()
        if binding is None or binding.session.result is None:
            return
        if not binding.session.stale:
            self.live.stop()
            if not self._is_pressed and self.runner.let_go():  # it would follow what was undone
                self._run.set_busy(False)
        elif before.solved_by != after.solved_by:
            if self.follows_live and calls_for_live(before, after):
                self.live.touch()
            elif not self.runner.busy:
                self._run.say(STALE)

    def refuse(self, sentence: str) -> None:
        """Say what the user can mend, in the dock and as a notification."""
        self._run.say(sentence)
        self._notifier.tell(sentence)

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing, and may be gone already."""
        self._closed = True
        self.runner.let_go()

    def told_of(self, result: Segmentation) -> tuple[float | None, str]:
        """Return how long a result took (s), if it was the last one, and a sentence about it."""
        if self.took is None or self.took[0] is not result.labels:
            return None, ""
        return self.took[1], self.extra

    @property
    def follows_live(self) -> bool:
        """Whether edits are followed at once."""
        return self.eager or self._run.live.isChecked()

    def _follow_up(self, live: bool) -> bool:
        self._is_pressed = False
        return self._start(live)

    def _start(self, live: bool) -> bool:
        if self._closed:
            return False
        binding = self._present()
        try:
            if binding is None:
                raise VslpError(NO_IMAGE)
            request = self._make_request(binding, live)
        except VslpError as error:
            self.refuse(str(error))
            return False
        self._began = time.monotonic()
        self._running, self._is_live = (binding, request.inputs), live
        self._request, self._shown_before = request, []
        # Emitted in the working thread, heard in this one.
        self.runner.start(partial(solve, request, show=partial(self._looked.emit, request)))
        if not live:  # buttons that flicker at every slider move tell nothing
            self._run.set_busy(True)
        return True

    def _make_request(self, binding: ImageBinding, live: bool) -> Request:
        session, shape = binding.session, image_shape(binding.image)
        self._advanced.value()
        binding.take_over()
        binding.region.check()
        if self._is_pressed and not live:
            session.end_merge()
        if session.inputs.image.shape != shape:  # other pixels were put into the layer
            session.name_image(shape=shape)
        return Request(
            source=read_source(binding.image, session.inputs.region),
            inputs=session.inputs,
            embedding=session.embedding,
            key=session.embedding_key,
            start=session.latest,
            live=live,
            unfinished=self._unfinished,
        )

    def _look(self, request: Request, result: Segmentation) -> None:
        """Show what there is while the image is still being read."""
        if self._running is None or request is not self._request or not self.runner.busy:
            return
        binding, inputs = self._running
        session = binding.session
        if not binding.alive or (session.result is not None and not session.stale):
            return
        if not self._shown_before:
            self._shown_before.append(session.passing)
        session.take(result, inputs, passing=True)
        self.shown.emit(binding)

    def _progressed(self, progress: Progress) -> None:
        if not self._is_live:
            self._run.show_progress(progress, in_words=self._is_pressed)
            if self._running is not None and self._running[0] is self._present():
                self.stepped.emit(progress)

    def _returned(self, outcome: Outcome) -> None:
        if self._running is None or not self._running[0].alive:
            self.refuse(IMAGE_GONE)
            return
        binding, inputs = self._running
        session, result = binding.session, outcome.result
        session.embedding, session.embedding_key = outcome.embedding, outcome.key
        if outcome.overview is not None:
            binding.review.keep(result, outcome.overview, outcome.steps)
        if not self._is_live:
            self.took = result.labels, time.monotonic() - self._began
            self.extra = messages.click_alone(self._full, result)
            self._full = result
        session.name_image(sha256=result.inputs.image.sha256)
        session.take(result, inputs, passing=self._is_live)
        self.shown.emit(binding)

    def _cancelled(self) -> None:
        self._put_back()
        self._run.say(CANCELLED_READING if self._unfinished.waits else CANCELLED)

    def _put_back(self) -> None:
        """Take looks at an unfinished reading away: no job makes a result of them any more."""
        if self._shown_before and self._running is not None and self._running[0].alive:
            self._running[0].session.put_back(self._shown_before.pop())

    def _live_toggled(self, on: bool) -> None:
        binding = self._present()
        if not on and not self.eager:
            self.live.stop()
        elif on and binding is not None and binding.session.result is not None:
            self.live.touch()


class LiveLoop(QObject):
    """Turns edits into solves, one at a time and never more than one waiting.

    The latest wish wins, and a full solve follows when the hand rests.

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

    @property
    def settled(self) -> bool:
        """Whether every edit was followed and refined."""
        return not (self._rest.isActive() or self._due or self._kind)

    def touch(self) -> None:
        """Follow an edit as soon as can be."""
        self._due = True
        self._rest.stop()
        if self._kind == "refine":
            self._runner.let_go()  # it would only show what is out of date
        if not self._runner.busy:
            self._follow()

    def stop(self) -> None:
        """Follow nothing any more until the next edit."""
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


def calls_for_live(before: Inputs, after: Inputs) -> bool:
    """Return whether Live follows an edit: not if only options changed that it leaves alone."""
    changed = list(_changed_options(before.options, after.options))
    return not changed or any(option.live for option in changed)


def _changed_options(before: Settings, after: Settings) -> Iterator[Option]:
    pairs: list[tuple[Any, Any]] = [(before, after)]
    for name in {*before.extras, *after.extras}:
        kind = type(after.extras.get(name) or before.extras[name])
        pairs.append((before.of(name, kind), after.of(name, kind)))
    for old, new in pairs:
        for one, option in options_of(type(new)):
            if getattr(old, one.name) != getattr(new, one.name):
                yield option
