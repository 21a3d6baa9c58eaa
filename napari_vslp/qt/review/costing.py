"""Works the cost curve out in a thread of its own and takes clicked shares over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import to_steps
from napari_vslp.qt.review import words
from napari_vslp.qt.review.cost_panel import START
from napari_vslp.qt.segment.panels import Panels
from napari_vslp.qt.viewer.session import Session
from napari_vslp.qt.work.notify import Notifier
from napari_vslp.qt.work.worker import Runner

if TYPE_CHECKING:
    from napari_vslp.review.cost_curve import CostCurve

CANCELLED = "Cancelled."
WORKING = "Trying other shares…"


class Costing(QObject):
    """Keeps the curve true to the result it belongs to.

    Parameters
    ----------
    panels
        The page's section, and the table whose slider takes a share over.
    present
        Returns the session of the chosen image, or None.
    """

    def __init__(
        self, panels: Panels, present: Callable[[], Session | None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._panel, self._table, self._present = panels.audit.cost, panels.table, present
        self._run = panels.run
        self._session: Session | None = None
        self._taken = False
        self._notifier = Notifier()
        self.runner = Runner(self)
        self._panel.curve_asked.connect(self.start)
        self._panel.cancel_asked.connect(self.runner.cancel)
        self._panel.share_taken.connect(self._take)
        self.runner.progressed.connect(lambda p: self._panel.progress.show_fraction(p.fraction))
        self.runner.returned.connect(self._returned)
        self.runner.refused.connect(self._panel.say)
        self.runner.crashed.connect(lambda error: self._panel.say(self._notifier.crash(error)))
        self.runner.cancelled.connect(lambda: self._panel.say(CANCELLED))
        self.runner.idle.connect(lambda: self._panel.set_busy(self.runner.busy))

    def start(self, tissue: int) -> None:
        """Work out the curve of a tissue of the present result."""
        session = self._present()
        if session is None or session.result is None or tissue < 0:
            return
        self._session, self._taken = session, False
        self._panel.forget(WORKING)
        self.runner.start(partial(_work, session.result, tissue))
        self._panel.set_busy(True)

    def forget(self, sentence: str = START) -> None:
        """Show no curve, and stop working on one."""
        self.runner.let_go()
        self._panel.set_busy(False)
        self._panel.forget(sentence)

    def result_changed(self, session: Session) -> None:
        """Drop the curve of another result, but for one whose share was just taken over."""
        curve, result = self._panel.curve, session.result
        if self.runner.busy:
            self.forget(words.CHANGED)
        elif curve is not None and result is not None:
            if self._taken and curve.name in result.reached:
                self._panel.show_curve(replace(curve, present=result.reached[curve.name]))
            else:
                self.forget(words.CHANGED)
        self._taken = False

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self.runner.let_go()

    def _returned(self, curve: CostCurve) -> None:
        session = self._session
        if session is None or not session.alive:
            self._panel.forget(words.IMAGE_GONE)
        else:
            self._panel.show_curve(curve)

    def _take(self, name: str, share: float) -> None:
        """Move the slider of the tissue, as a hand would."""
        row = next((row for row in self._table.rows if row.tissue().name == name), None)
        if row is None:
            self._say(words.CLICK_FAILED.format(name))
        elif row.tissue().value is None:
            self._say(words.UNKNOWN_SHARE.format(name))
        elif row.tissue().locked:
            self._say(words.LOCKED_SHARE.format(name))
        else:
            self._taken = True
            row.slider.setValue(to_steps(share))

    def _say(self, sentence: str) -> None:
        self._run.say(sentence)
        self._notifier.tell(sentence)


def _work(result: Segmentation, tissue: int, job: Job) -> CostCurve:
    from napari_vslp.review.cost_curve import cost_curve

    return cost_curve(result, tissue, job=job)
