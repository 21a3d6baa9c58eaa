"""Carries out the corrections made on the page “Audit”, and takes them back."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_vslp.qt.review import words
from napari_vslp.qt.segment.panels import Panels
from napari_vslp.qt.segment.solving import Solving
from napari_vslp.qt.viewer.session import Session


class Correcting(QObject):
    """Sets clicks and takes the brush; whoever listens to clicks and corrections solves anew.

    Parameters
    ----------
    panels
        The page whose buttons ask, and the table of tissues.
    solving
        Says what cannot be done.
    present
        Returns the session of the chosen image, or None.

    Signals
    -------
    done
        A `Session` in which an answer was given or taken back.
    """

    done = Signal(object)

    def __init__(
        self,
        panels: Panels,
        solving: Solving,
        present: Callable[[], Session | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._table, self._solving, self._present = panels.table, solving, present
        panels.audit.correct.tissue_asked.connect(self.answer)
        panels.audit.correct.undo_asked.connect(self.undo)
        panels.audit.correct.brush_toggled.connect(self._brush)

    def answer(self, index: int) -> None:
        """Mark the place in question as a tissue of the result."""
        session = self._present()
        if session is None or session.result is None or session.audit.spot is None:
            return
        state, name = session.audit, session.result.tissues[index].name
        tissue = next((t for t in self._table.tissues() if t.name == name), None)
        if tissue is None:
            self._solving.refuse(words.CLICK_FAILED.format(name))
            return
        here = state.spot
        if here is not None:
            state.answers.append(session.clicks.place(tissue, *here))
            if state.region is not None and state.region.holds(here):
                state.leave_for_next(here)
        self.done.emit(session)

    def undo(self) -> None:
        """Take the last answer back; its region counts as not looked at again."""
        session = self._present()
        if session is None or not session.audit.answers:
            return
        state = session.audit
        placed, replaced = state.answers.pop()
        state.spot = (placed.row, placed.column)
        state.looked_at = [place for place in state.looked_at if place != state.spot]
        session.clicks.take_back(placed, replaced, self._table.tissues())
        self.done.emit(session)

    def _brush(self, index: int) -> None:
        """Take the brush of the table's row of this tissue, or put it away."""
        session = self._present()
        if session is None or session.result is None:
            return
        name = session.result.tissues[index].name if index >= 0 else ""
        for row in self._table.rows:
            # Only one is pressed: the table itself lets the others go without putting it away.
            if (row.tissue().name == name) if name else row.paint.isChecked():
                row.paint.setChecked(bool(name))
