"""How the real window answers: live latency, the heartbeat of its event loop, and Cancel.

Run it on an idle machine with a screen (``xvfb-run`` will do)::

    python benchmarks/window.py

The image is 512 × 512 px with four tissues. *Heartbeat* is how late a 10 ms timer of the Qt loop
was at worst: from pressing Segment until the solver's last word, until its labels were in the
viewer, and from there until all other layers were made or updated. *Live* is from the slider's
signal to the new labels being in the layer, and until they were painted as well. *Cancel* is from
pressing it until the thread had ended.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from napari.utils.notifications import notification_manager
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_vslp.core.tissues import Click
from napari_vslp.demo import Sample, tumour_nest
from napari_vslp.qt.segment.dock import SegmentDock
from napari_vslp.qt.viewer.launch import fill, open_dock

SIDE = 512
MOVES = 20
BEAT_MS = 10


class Heartbeat:
    """A timer that notes how late it was at worst."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def worst(self) -> float:
        """Return the worst lateness so far (ms)."""
        self._beat()
        return self.worst_ms

    def restart(self) -> float:
        """Return the worst lateness so far (ms) and begin anew."""
        self._beat()
        worst, self.worst_ms = self.worst_ms, 0.0
        return worst

    def _beat(self) -> None:
        now = time.perf_counter()
        self.worst_ms = max(self.worst_ms, 1000 * (now - self._last) - BEAT_MS)
        self._last = now


class Bench:
    """The real window with the sample in it."""

    def __init__(self) -> None:
        self.viewer = Viewer()
        self.dock: SegmentDock = open_dock(self.viewer)
        fill(self.viewer, self.dock, _cropped(tumour_nest()))
        self.solving = self.dock.controller.solving
        self.wait(lambda: False, 1.0)

    @property
    def settled(self) -> bool:
        """Whether every layer shows the newest result."""
        binding = self.dock.controller.binding
        return not self.solving.runner.busy and binding is not None and binding.layers.settled

    def forget(self) -> None:
        """Let the encoder look again at the next job."""
        session = self.dock.controller.session
        assert session is not None
        session.embedding_key = None

    def wait(self, is_true: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let the event loop turn until something is true."""
        end = time.perf_counter() + seconds
        while not is_true() and time.perf_counter() < end:
            QApplication.processEvents()
            time.sleep(0.0005)

    def job(self) -> tuple[float, float, float, float]:
        """Press Segment; return its seconds and the worst beats (ms).

        Until the solver's last word, until its labels were in the viewer, and in showing the rest.
        """
        heartbeat = Heartbeat()
        began = time.perf_counter()
        ended = [0.0, 0.0]
        solved = [0.0]

        def still_solving(_: object) -> None:
            solved[0] = heartbeat.worst()

        def job_ended() -> None:
            ended[:] = [time.perf_counter() - began, heartbeat.restart()]

        self.solving.runner.progressed.connect(still_solving)
        self.solving.runner.returned.connect(job_ended)
        self.dock.run.segment.click()
        self.wait(lambda: self.settled)
        self.wait(lambda: False, 0.3)
        self.solving.runner.returned.disconnect(job_ended)
        self.solving.runner.progressed.disconnect(still_solving)
        return ended[0], solved[0], ended[1], heartbeat.restart()

    def live(self) -> tuple[list[float], list[float], float]:
        """Move a slider; return the ms until each result was in the layer and was painted."""
        self.dock.run.live.setChecked(True)
        self.wait(lambda: False, 2.0)
        slider = self.dock.table.rows[0].slider
        shown: list[float] = []
        self.solving.shown.connect(lambda _: shown.append(time.perf_counter()))
        heartbeat = Heartbeat()
        updated, painted = [], []
        for move in range(MOVES):
            shown.clear()
            began = time.perf_counter()
            # Never back at the first value: that is no edit, and its result would be at hand.
            slider.setValue(slider.value() + (13 if move % 2 else -10))
            self.wait(lambda: bool(shown))
            QApplication.processEvents()
            updated.append(1000 * (shown[0] - began))
            painted.append(1000 * (time.perf_counter() - began))
        worst = heartbeat.restart()
        self.dock.run.live.setChecked(False)
        self.wait(lambda: self.settled)
        return updated, painted, worst

    def cancel(self, after_s: float) -> float:
        """Start a job from the beginning, cancel it after a while; return the ms it took to end."""
        self.forget()
        self.dock.run.segment.click()
        self.wait(lambda: False, after_s)
        began = time.perf_counter()
        self.dock.run.cancel.click()
        self.wait(lambda: not self.solving.runner.computing)
        return 1000 * (time.perf_counter() - began)


def _cropped(sample: Sample) -> Sample:
    inside = tuple(c for c in sample.clicks if c.row < SIDE and c.column < SIDE)
    clicks = inside + tuple(Click(c.tissue, c.row // 2, c.column // 2) for c in inside[:1])
    return replace(sample, image=sample.image[:SIDE, :SIDE].copy(), clicks=clicks)


def main() -> None:
    """Measure and print a table."""
    os.environ["VSLP_CACHE"] = "off"  # the network is to run each time
    with notification_manager:
        bench = Bench()
        rows = []
        for name in ("first job ever", "second job"):
            bench.forget()
            seconds, solving, in_job, showing = bench.job()
            rows.append((f"{name}: seconds", f"{seconds:.2f}"))
            rows.append((f"{name}: worst beat while it runs (ms)", f"{solving:.0f}"))
            rows.append((f"{name}: … until its labels are added (ms)", f"{in_job:.0f}"))
            rows.append((f"{name}: … in showing the rest (ms)", f"{showing:.0f}"))
        updated, painted, worst = bench.live()
        rows.append(("live: slider to layer, median (ms)", f"{statistics.median(updated):.0f}"))
        rows.append(("live: slider to layer, worst (ms)", f"{max(updated):.0f}"))
        rows.append(("live: slider to painted, median (ms)", f"{statistics.median(painted):.0f}"))
        rows.append(("live: worst beat (ms)", f"{worst:.0f}"))
        cancels = [bench.cancel(after) for after in (0.05, 0.2, 0.4, 0.7, 1.0, 1.5)]
        rows.append(("cancel to thread ended, worst of 6 (ms)", f"{max(cancels):.0f}"))
        bench.viewer.close()
    for what, figure in rows:
        print(f"{what:<44}{figure:>8}")


if __name__ == "__main__":
    main()
