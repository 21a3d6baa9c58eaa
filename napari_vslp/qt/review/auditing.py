"""Ties the page “Audit” to the chosen image: its doubtful regions, its clicks, its camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_vslp.core.errors import VslpError
from napari_vslp.qt.review import words
from napari_vslp.qt.review.correcting import Correcting
from napari_vslp.qt.review.costing import Costing
from napari_vslp.qt.review.flight import Flight
from napari_vslp.qt.review.state import AuditState, Pixel
from napari_vslp.qt.segment.panels import Panels
from napari_vslp.qt.segment.solving import Solving
from napari_vslp.qt.viewer.maps import DOUBT
from napari_vslp.qt.viewer.session import Session

_REST_MS = 150
_CLICK_PX = 4  # a mouse that moved no further between press and release has clicked


class Auditing(QObject):
    """Leads through the doubtful regions, explains places and carries corrections out.

    Parameters
    ----------
    viewer
        Whose camera flies.
    panels
        The page, and the table of tissues that corrections and shares go to.
    solving
        Solves anew after each correction.
    present
        Returns the session of the chosen image, or None.
    """

    def __init__(
        self,
        viewer: Viewer,
        panels: Panels,
        solving: Solving,
        present: Callable[[], Session | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._panels, self._page = viewer, panels, panels.audit
        self._solving, self._present = solving, present
        self._listed: object = None
        self._open = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self.flight = Flight(viewer, self)
        self.costing = Costing(panels, present, self)
        self.correcting = Correcting(panels, solving, present, self)
        self._connect()

    def _connect(self) -> None:
        page = self._page
        page.list.chosen.connect(self.go)
        page.next.clicked.connect(self._next)
        page.previous.clicked.connect(self._previous)
        page.looked.clicked.connect(self._tick)
        page.ask.toggled.connect(self._ask_toggled)
        page.doubt.toggled.connect(self._show_doubt)
        self.correcting.done.connect(self._corrected)
        for signal in (self._panels.table.pick_asked, self._panels.table.paint_asked):
            signal.connect(self._tool_taken)
        self._solving.shown.connect(self._result_shown)
        self._solving.stepped.connect(page.search.follow)
        self._viewer.mouse_drag_callbacks.append(self._on_mouse)
        self._rest.timeout.connect(self._redraw)
        self._viewer.scene.camera.events.zoom.connect(self._zoomed)

    def set_open(self, on: bool) -> None:
        """Know whether the page is in sight: corrections are then followed at once."""
        self._open = self._solving.eager = on
        if not on:
            self._page.ask.setChecked(False)
        session = self._present()
        if session is not None:
            self._draw(session)

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing."""
        # By then this widget may be gone, and its timers with it.
        self.costing.shutdown()
        self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)

    def show_session(self) -> None:
        """Show what belongs to the chosen image."""
        self.flight.stop()
        self._page.ask.setChecked(False)
        self.costing.forget()
        self._listed = None
        session = self._present()
        if session is None:
            self._page.show_nothing(words.NO_IMAGE)
        elif session.result is None:
            self._page.show_nothing(words.NO_RESULT)
        else:
            self._show(session)

    def show_looks(self) -> None:
        """Follow the tissues to their new names and colours."""
        session = self._present()
        if session is not None and session.result is not None:
            self._listed = None
            self._show(session)

    def _result_shown(self, session: Session) -> None:
        if session is self._present():
            if session.audit.overview is not self._listed:
                self.costing.result_changed(session)
            self._show(session)

    def _show(self, session: Session) -> None:
        """Show a result: the list only if it is that of a full one, for a hand may still move."""
        result, state = session.result, session.audit
        if result is None:
            return
        self._page.show_result(result)
        if state.overview is not None and state.overview is not self._listed:
            self._listed = state.overview
            self._page.list.show_regions(state.regions, result.tissues)
            self._page.energy.show_energy(state.overview.by_tissue, result.tissues)
            self._page.search.show_steps(state.steps)
        self._show_doubt_box(session)
        self._show_ticks(state)
        self._explain(session)
        self._draw(session)

    def _show_ticks(self, state: AuditState) -> None:
        ticks = state.ticks()
        self._page.list.mark(ticks)
        self._page.list.select(state.index)
        self._page.show_count(sum(ticks), len(ticks))
        self._page.correct.undo.setEnabled(bool(state.answers))

    def go(self, index: int) -> None:
        """Fly to a region, outline it and explain its most doubtful place."""
        session = self._present()
        if session is None or not 0 <= index < len(session.audit.regions):
            return
        state = session.audit
        state.index, state.arrived = index, True
        region = state.regions[index]
        state.spot = region.point
        self._show_ticks(state)
        self._explain(session)
        zoom = self.flight.fly_to(session.image, region.box)
        self._draw(session, zoom)

    def _next(self) -> None:
        session = self._present()
        if session is not None:
            self.go(session.audit.following())

    def _previous(self) -> None:
        session = self._present()
        if session is not None:
            self.go(session.audit.preceding())

    def _tick(self) -> None:
        session = self._present()
        if session is None or session.audit.region is None:
            return
        state = session.audit
        done = state.ticks()[state.index]
        state.tick(not done)
        self._show_ticks(state)
        if not done:
            self._next()

    def _explain(self, session: Session) -> None:
        """Show why the place in question is what it is."""
        from napari_vslp.review.why import sentence, why

        result, spot = session.result, session.audit.spot
        self._page.correct.set_spot(spot is not None and result is not None)
        if result is None or spot is None:
            if self._page.ask.isChecked():
                self._page.why.ask()
            else:
                self._page.why.clear()
            return
        try:
            reason = why(result, *spot)
        except VslpError as error:
            session.audit.spot = None
            self._page.correct.set_spot(False)
            self._page.why.clear(str(error))
            return
        self._page.why.show_why(reason, sentence(reason), result.tissues)

    def _draw(self, session: Session, zoom: float | None = None) -> None:
        """Outline the region, and ring the place, while the page is in sight."""
        state = session.audit
        if not self._open or session.result is None:
            session.outline.clear()
            return
        region = state.region
        zoom = zoom or (None if self.flight.under_way else self._viewer.scene.camera.zoom)
        session.outline.show(region.outline if region is not None else (), state.spot, zoom)

    def _zoomed(self, _event: Event) -> None:
        self._rest.start()

    def _redraw(self) -> None:
        """Draw the lines as thick as they were, once the view rests at another zoom."""
        session = self._present()
        if self._open and session is not None:
            self._draw(session)

    def _ask_toggled(self, on: bool) -> None:
        session = self._present()
        if session is None:
            return
        if on:
            session.clicks.stop()
            session.corrections.stop()
            if session.audit.spot is None:
                self._page.why.ask()

    def _tool_taken(self, index: int) -> None:
        if index >= 0:
            self._page.ask.setChecked(False)

    def _on_mouse(self, _viewer: object, event: Event) -> Iterator[None]:
        """Take a click on the image, not a drag that moves the view."""
        if not self._page.ask.isChecked() or event.button != 1:
            return
        start, far = event.pos, False
        yield
        while event.type == "mouse_move":
            far = far or max(abs(a - b) for a, b in zip(event.pos, start, strict=True)) > _CLICK_PX
            yield
        session = self._present()
        if not far and session is not None and session.result is not None:
            at = session.image.world_to_data(event.position)[-2:]
            self.ask_at(session, (round(float(at[0])), round(float(at[1]))))

    def ask_at(self, session: Session, spot: Pixel) -> None:
        """Explain a place of the image."""
        session.audit.spot = spot
        self._explain(session)
        self._draw(session)

    def _corrected(self, session: Session) -> None:
        self._show_ticks(session.audit)
        self._draw(session)

    def _show_doubt(self, on: bool) -> None:
        session = self._present()
        if session is not None:
            session.layers.set_visible(DOUBT, on)

    def _show_doubt_box(self, session: Session) -> None:
        box, layer = self._page.doubt, session.layers.layer(DOUBT)
        if layer is not None:
            was = box.blockSignals(True)
            box.setChecked(bool(layer.visible))
            box.blockSignals(was)
