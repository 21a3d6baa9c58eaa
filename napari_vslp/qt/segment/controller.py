"""Ties the panels to the chosen image: its tissues, its clicks, its corrections, its result."""

from __future__ import annotations

from collections.abc import Sequence

from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.qt.review.auditing import Auditing
from napari_vslp.qt.segment.panels import Panels
from napari_vslp.qt.segment.solving import NO_IMAGE, Solving
from napari_vslp.qt.viewer.session import Session
from napari_vslp.qt.viewer.sessions import Sessions

READY = "Type the shares, click once or twice in each tissue, then press Segment."
OUTSIDE = "That click lies outside the image: it was taken away again."
DRAW = "Drag a rectangle on the image; the last one drawn is the region."


class Controller(QObject):
    """Carries every edit to the session it belongs to and shows sessions in the panels.

    Parameters
    ----------
    viewer
        napari's viewer.
    panels
        The dock's panels.
    """

    def __init__(self, viewer: Viewer, panels: Panels, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panels = panels
        self.sessions = Sessions(viewer, panels.region, panels.table.tissues, self)
        self.solving = Solving(panels, lambda: self.session, self)
        self.auditing = Auditing(viewer, panels, self.solving, lambda: self.session, self)
        self._connect_panels()
        self._connect_sessions()
        self.sessions.list_layers()
        self._show_session()

    @property
    def session(self) -> Session | None:
        """What belongs to the chosen image."""
        return self.sessions.present

    def _connect_panels(self) -> None:
        table, region = self._panels.table, self._panels.region
        table.shares_changed.connect(self._shares_changed)
        table.tissues_replaced.connect(self._shares_changed)
        table.looks_changed.connect(self._looks_changed)
        table.tissue_removed.connect(self._tissue_removed)
        table.pick_asked.connect(self._pick)
        table.paint_asked.connect(self._paint)
        region.draw_asked.connect(self._draw_region)
        region.pixel_size_edited.connect(self._pixel_size_edited)
        self._panels.advanced.fusion_changed.connect(self.solving.follow)

    def _connect_sessions(self) -> None:
        self.sessions.chosen.connect(self._show_session)
        self.sessions.changed.connect(self.solving.follow)
        self.sessions.clicked_outside.connect(lambda: self.solving.refuse(OUTSIDE))
        self.sessions.tool_stopped.connect(self._tool_stopped)
        self.solving.shown.connect(self._show_result)

    def set_labels(self, tissues: Sequence[Tissue], clicks: Sequence[Click]) -> None:
        """Fill the table and set the clicks of the chosen image.

        Raises
        ------
        VslpError
            If no image is chosen.
        """
        session = self.session
        if session is None:
            raise VslpError(NO_IMAGE)
        session.tissues = list(tissues)
        session.clicks.write(clicks, tissues)
        self._show_session()

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing."""
        self.solving.shutdown()
        self.auditing.shutdown()
        self.sessions.disconnect_all()

    def _show_session(self) -> None:
        """Let the panels show what belongs to the chosen image."""
        session, panels = self.session, self._panels
        self.solving.live.stop()
        self._uncheck_tools()
        if session is not None:
            panels.table.set_tissues(session.tissues)
            panels.region.choose_region(session.region_layer)
        panels.region.show_pixel_size(session.pixel_size_um if session is not None else None)
        self._show_result(session)
        self.auditing.show_session()
        if (session is None or session.result is None) and not self.solving.runner.busy:
            panels.run.say(READY if session is not None else NO_IMAGE)

    def _show_result(self, session: Session | None) -> None:
        if session is self.session:
            result = session.result if session is not None else None
            self._panels.table.show_result(result)
            self._panels.run.show_result(result)
            if result is not None:
                self._panels.advanced.show_smoothness(result.settings.boundary_weight)

    def _shares_changed(self) -> None:
        if self.session is not None:
            self.session.tissues = self._panels.table.tissues()
        self.solving.follow()

    def _looks_changed(self, before: Tissue, after: Tissue) -> None:
        if self.session is not None:
            self.session.change_looks(before, after, self._panels.table.tissues())
            self.auditing.show_looks()

    def _tissue_removed(self, index: int, gone: Tissue) -> None:
        if self.session is not None:
            self.session.clicks.drop(gone.name)
            self.session.corrections.drop(index)
        self._shares_changed()

    def _pick(self, index: int) -> None:
        session = self._session_or_sentence()
        if session is None:
            return
        if index < 0:
            session.clicks.stop()
        else:
            session.clicks.pick(self._panels.table.tissues()[index])

    def _paint(self, index: int) -> None:
        session = self._session_or_sentence()
        if session is None:
            return
        if index < 0:
            session.corrections.stop()
        else:
            session.corrections.pick(index, self._panels.table.tissues())

    def _draw_region(self) -> None:
        session = self._session_or_sentence()
        if session is not None:
            self._panels.region.choose_region(self.sessions.draw_region(session))
            self._panels.run.say(DRAW)

    def _pixel_size_edited(self, microns: float) -> None:
        if self.session is not None:
            self.session.set_pixel_width(microns)

    def _uncheck_tools(self) -> None:
        self._tool_stopped("pick")
        self._tool_stopped("paint")

    def _tool_stopped(self, tool: str) -> None:
        self._panels.table.uncheck(tool)
        if tool == "paint":
            self._panels.audit.correct.uncheck_brushes()

    def _session_or_sentence(self) -> Session | None:
        if self.session is None:
            self._uncheck_tools()
            self.solving.refuse(NO_IMAGE)
        return self.session
