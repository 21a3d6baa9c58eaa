"""Ties the panels to the session of the chosen image: they show it and ask it for edits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from napari.layers import Image, Shapes
from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_vslp.core.edits import Edit, ReplaceTissues, SetClicks
from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Click, Tissue, clicks_by_id
from napari_vslp.qt.review.controller import ReviewController
from napari_vslp.qt.review.page import AuditPage
from napari_vslp.qt.segment.advanced import AdvancedPanel
from napari_vslp.qt.segment.region_panel import RegionPanel
from napari_vslp.qt.segment.run_panel import RunPanel
from napari_vslp.qt.segment.show_panel import PEEK, ShowPanel
from napari_vslp.qt.segment.showing import Showing
from napari_vslp.qt.segment.solving import NO_IMAGE, STALE, Solving
from napari_vslp.qt.segment.tissue_table import PRESETS, TissueTable
from napari_vslp.qt.viewer.images import REDO, TOOLS_AWAY, UNDO, ImageBinding, Images
from napari_vslp.qt.viewer.source import reference

READY = "Type the shares, click once or twice in each tissue, then press Segment."
OUTSIDE = "That click lies outside the image: it was taken away again."
DRAW = "Drag a rectangle on the image; the last one drawn is the region."


@dataclass(frozen=True)
class Panels:
    """What the user holds; the panels know nothing of each other."""

    region: RegionPanel
    table: TissueTable
    advanced: AdvancedPanel
    show: ShowPanel
    run: RunPanel
    audit: AuditPage


class Controller(QObject):
    """Carries what the panels ask for to the session, and shows the session in the panels.

    Parameters
    ----------
    viewer
        napari's viewer.
    panels
        The dock's panels.

    Signals
    -------
    turned
        Another image is chosen, or none.

    Attributes
    ----------
    session
        Of the chosen image; while there is none, one that the next image begins from.
    binding
        What binds it to the viewer's layers; None while there is no image.
    """

    turned = Signal()

    def __init__(self, viewer: Viewer, panels: Panels, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._panels = viewer, panels
        self._closed = False
        self.session = Session(Inputs(tissues=next(iter(PRESETS.values()))))
        self.binding: ImageBinding | None = None
        self.images = Images.of(viewer)
        self.solving = Solving(panels.run, panels.advanced, lambda: self.binding, self)
        self.reviewing = ReviewController(
            viewer, panels.audit, panels.table, self.solving, lambda: self.binding, self.apply, self
        )
        self.showing = Showing(viewer, panels.show, lambda: self.binding, self)
        self._listen(self.session, None)
        self._connect_panels()
        self.images.listed.connect(self._list_layers)
        self.images.removed.connect(self._image_removed)
        self._viewer.layers.selection.events.active.connect(self._follow_selection)
        self.images.docks.append(self)
        self._bind_keys()
        self._list_layers()
        self._show_session()

    def _connect_panels(self) -> None:
        table, region, run = self._panels.table, self._panels.region, self._panels.run
        for panel in (table, region, self._panels.advanced):
            panel.edit_asked.connect(self.apply)
        table.step_ended.connect(self._end_step)
        table.refused.connect(self.solving.refuse)
        table.pick_asked.connect(self._pick)
        table.paint_asked.connect(self._paint)
        region.image_chosen.connect(self._choose)
        region.region_chosen.connect(self._choose_region)
        region.draw_asked.connect(self._draw_region)
        run.undo_asked.connect(self.undo)
        run.redo_asked.connect(self.redo)

    def apply(self, edit: Edit, merge: str = "") -> None:
        """Edit the inputs of the chosen image; what cannot be is said, and nothing changes."""
        try:
            changed = self.session.apply(edit, merge)
        except VslpError as error:
            changed = False
            self.solving.refuse(str(error))
        if not changed:
            self._show_inputs()  # the control that asked shows something else

    def _end_step(self) -> None:
        self.session.end_merge()

    def undo(self, _viewer: object = None) -> None:
        """Go back one step."""
        if self.binding is not None:
            self.binding.undo()
        else:
            self.session.undo()

    def redo(self, _viewer: object = None) -> None:
        """Do again what was taken back."""
        if self.binding is not None:
            self.binding.redo()
        else:
            self.session.redo()

    def set_labels(self, tissues: Sequence[Tissue], clicks: Sequence[Click]) -> None:
        """Fill the table and set the clicks of the chosen image.

        Raises
        ------
        VslpError
            If no image is chosen.
        """
        if self.binding is None:
            raise VslpError(NO_IMAGE)
        self.session.apply(ReplaceTissues(tuple(tissues)))
        table = self.session.inputs.tissues
        self.session.apply(SetClicks(clicks_by_id(tuple(clicks), table)))

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing, or is gone already."""
        if self._closed:
            return
        self._closed = True
        self.solving.shutdown()
        self.reviewing.shutdown()
        self.showing.shutdown()
        self._unlisten(self.session, self.binding)
        self.images.listed.disconnect(self._list_layers, missing_ok=True)
        self.images.removed.disconnect(self._image_removed, missing_ok=True)
        self._viewer.layers.selection.events.active.disconnect(self._follow_selection)
        docks = self.images.docks
        docks.remove(self)
        if docks:
            docks[-1]._bind_keys()  # another dock's: the keys go on
        else:
            for key in (UNDO, REDO, PEEK, TOOLS_AWAY):
                self._viewer.bind_key(key, None)

    def _bind_keys(self) -> None:
        acts = (
            (UNDO, self.undo),
            (REDO, self.redo),
            (PEEK, self._peek_while_held),
            (TOOLS_AWAY, self.put_tools_away),
        )
        for key, act in acts:
            self._viewer.bind_key(key, act, overwrite=True)

    def _peek_while_held(self, _viewer: object) -> Iterator[None]:
        self.showing.peek(True)
        yield
        self.showing.peek(False)

    # ---- which session

    def _list_layers(self) -> None:
        self._panels.region.list_layers(self.images.images(), self.images.shapes())
        self._show_region()

    def _image_removed(self, binding: ImageBinding) -> None:
        if binding is self.binding:
            # Its table is what the next image begins from.
            self._turn_to(Session(_first_inputs(self.session.inputs)), None)

    def _choose(self, image: Image | None) -> None:
        if self.binding is not None:
            self.binding.stop_tools()
        if image is None:
            self._turn_to(Session(_first_inputs(self.session.inputs)), None)
            return
        # A series of one kind of tissue: the next image starts from the last one's table.
        last = self.session.inputs
        first = last if self.binding is None else _first_inputs(last)  # typed before it was opened
        start = replace(first, image=reference(image))
        binding = self.images.binding(image, start)
        self._turn_to(binding.session, binding)
        if len(self.images.images()) > 1:
            self.images.show_only(binding)

    def _follow_selection(self, event: Event) -> None:
        """Turn to the image that the selected layer is, or tells something of."""
        image = self.images.image_of(event.value)
        if image is not None and (self.binding is None or image is not self.binding.image):
            self._panels.region.choose_image(image)

    def _turn_to(self, session: Session, binding: ImageBinding | None) -> None:
        self._unlisten(self.session, self.binding)
        self.session, self.binding = session, binding
        self._listen(session, binding)
        self._show_session()
        self.turned.emit()

    def _listen(self, session: Session, binding: ImageBinding | None) -> None:
        session.edited.connect(self._edited)
        session.resulted.connect(self._show_result)
        if binding is not None:
            binding.clicked_outside.connect(self._clicked_outside)
            binding.tool_stopped.connect(self._tool_stopped)
            binding.refused.connect(self.solving.refuse)
            binding.escaped.connect(self.put_tools_away)

    def _unlisten(self, session: Session, binding: ImageBinding | None) -> None:
        session.edited.disconnect(self._edited, missing_ok=True)
        session.resulted.disconnect(self._show_result, missing_ok=True)
        if binding is not None:
            binding.clicked_outside.disconnect(self._clicked_outside, missing_ok=True)
            binding.tool_stopped.disconnect(self._tool_stopped, missing_ok=True)
            binding.refused.disconnect(self.solving.refuse, missing_ok=True)
            binding.escaped.disconnect(self.put_tools_away, missing_ok=True)

    # ---- what is shown

    def _show_session(self) -> None:
        """Let the panels show what belongs to the chosen image."""
        self.solving.live.stop()
        self._uncheck_tools()
        self._show_inputs()
        self._show_result()
        self.reviewing.show_session()
        if self.session.result is None and not self.solving.runner.busy:
            self._panels.run.say(READY if self.binding is not None else NO_IMAGE)

    def _show_inputs(self) -> None:
        inputs, panels = self.session.inputs, self._panels
        panels.table.show_tissues(inputs.tissues)
        panels.advanced.show_options(inputs.options)
        panels.region.show_pixel_size(inputs.pixel_size_um)
        panels.run.show_history(self.session.undo_title, self.session.redo_title)
        self._show_region()

    def _show_region(self) -> None:
        self._panels.region.show_region(self.binding.region.layer if self.binding else None)

    def _show_result(self) -> None:
        result, panels = self.session.result, self._panels
        panels.table.show_result(result)
        self._say_result()
        if result is not None:
            panels.advanced.show_smoothness(result.settings.boundary_weight)
            if (
                self.session.stale
                and not self.solving.follows_live
                and not self.solving.runner.busy
            ):
                panels.run.say(STALE)
        elif self.binding is not None and not self.solving.runner.busy:
            panels.run.say(READY)
        self.reviewing.show_result()
        self.showing.refresh()

    def _say_result(self) -> None:
        result = self.session.result
        told = self.solving.told_of(result) if result is not None else (None, "")
        self._panels.run.show_result(result, *told)

    def _edited(self, before: Inputs, after: Inputs) -> None:
        self._show_inputs()
        result = self.session.result
        if result is not None:
            self._panels.table.show_result(result)
            if not self.session.stale and not self.solving.runner.busy:
                self._say_result()
        self.solving.follow(before, after)
        self.reviewing.follow(before, after)
        if before.tissues != after.tissues:
            self.showing.refresh()

    # ---- tools

    def put_tools_away(self, _viewer: object = None) -> None:
        """Let mouse and brush mean no tissue and ask nothing: Esc, or another page."""
        if self.binding is not None:
            self.binding.stop_tools()
            self.binding.region.stop()
        self._uncheck_tools()
        self.reviewing.stop_asking()

    def _pick(self, tissue: str) -> None:
        if self.binding is None or not tissue:
            self._stop("pick")
        else:
            try:
                self.binding.clicks.pick(tissue)
            except VslpError as error:
                self._refuse_tool(str(error))

    def _paint(self, tissue: str) -> None:
        if self.binding is None or not tissue:
            self._stop("paint")
        else:
            try:
                self.binding.paint.pick(tissue)
            except VslpError as error:
                self._refuse_tool(str(error))

    def _stop(self, tool: str) -> None:
        if self.binding is None:
            self._refuse_tool(NO_IMAGE)
        elif tool == "pick":
            self.binding.clicks.stop()
        else:
            self.binding.paint.stop()

    def _draw_region(self) -> None:
        try:
            if self.binding is None:
                raise VslpError(NO_IMAGE)
            self.binding.region.draw()
        except VslpError as error:
            self._refuse_tool(str(error))
        else:
            self._show_region()
            self._panels.run.say(DRAW)

    def _choose_region(self, layer: Shapes | None) -> None:
        if self.binding is not None:
            try:
                self.binding.region.choose(layer)
            except VslpError as error:
                self.solving.refuse(str(error))
        self._show_region()

    def _refuse_tool(self, sentence: str) -> None:
        self._uncheck_tools()
        self.solving.refuse(sentence)

    def _uncheck_tools(self) -> None:
        self._tool_stopped("pick")
        self._tool_stopped("paint")

    def _tool_stopped(self, tool: str) -> None:
        self._panels.table.uncheck(tool)
        if tool == "paint":
            self._panels.audit.correct.uncheck_brushes()

    def _clicked_outside(self) -> None:
        self.solving.refuse(OUTSIDE)


def _first_inputs(last: Inputs) -> Inputs:
    """Return what the next image begins from: the last one's table and options.

    Its numbers were typed for another image, so that they give way to those typed for this one.
    """
    tissues = tuple(replace(t, typed=False) for t in last.tissues)
    return Inputs(tissues=tissues, options=last.options)
