"""Ties the page “Audit” to the chosen image: its doubtful regions, its clicks, its camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari.utils.events import Event
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer, signals_blocked

from napari_vslp.core.edits import Edit, PlaceClick
from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.tissues import Click
from napari_vslp.qt.review import messages
from napari_vslp.qt.review.cost import CostController
from napari_vslp.qt.review.page import AuditPage
from napari_vslp.qt.review.state import Pixel
from napari_vslp.qt.review.view import CameraAnimation
from napari_vslp.qt.segment.solving import Solving
from napari_vslp.qt.segment.tissue_table import TissueTable
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.maps import DOUBT

# By its title an answer is known in the history, so that the page's own Undo takes no other edit.
ANSWER = "say what a place is"
_REST_MS = 150
_CLICK_PX = 4  # a mouse that moved no further between press and release has clicked


class ReviewController(QObject):
    """Leads through the doubtful regions, explains places and carries corrections out.

    Parameters
    ----------
    viewer
        Whose camera moves.
    page
        What the hand touches.
    table
        Whose tools the page shares.
    solving
        Solves anew after each correction.
    present
        Returns the binding of the chosen image, or None.
    apply
        Carries an edit to its session.
    """

    def __init__(  # noqa: PLR0917 - one call site, in this order
        self,
        viewer: Viewer,
        page: AuditPage,
        table: TissueTable,
        solving: Solving,
        present: Callable[[], ImageBinding | None],
        apply: Callable[[Edit], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._page, self._table = viewer, page, table
        self._solving, self._present, self._apply = solving, present, apply
        self._listed: object = None
        self._open = False
        self._rest = QSignalDebouncer(parent=self)
        self._rest.setTimeout(_REST_MS)
        self.camera = CameraAnimation(viewer, self)
        self.cost = CostController(page.cost, solving.refuse, present, apply, self)
        self._connect()

    def _connect(self) -> None:
        page = self._page
        page.list.chosen.connect(self.go)
        page.next.clicked.connect(self._next)
        page.previous.clicked.connect(self._previous)
        page.looked.clicked.connect(self._tick)
        page.ask.toggled.connect(self._ask_toggled)
        page.doubt.toggled.connect(self._show_doubt)
        page.correct.tissue_asked.connect(self.answer)
        page.correct.undo_asked.connect(self._take_back)
        page.correct.brush_toggled.connect(self._brush)
        for signal in (self._table.pick_asked, self._table.paint_asked):
            signal.connect(self._tool_taken)
        self._solving.stepped.connect(page.search.follow)
        self._viewer.mouse_drag_callbacks.append(self._on_mouse)
        self._rest.triggered.connect(self._redraw)
        self._viewer.scene.camera.events.zoom.connect(self._zoomed)

    def set_open(self, on: bool) -> None:
        """Know whether the page is in sight: corrections are then followed at once."""
        self._open = self._solving.eager = on
        if not on:
            self._page.ask.setChecked(False)
        binding = self._present()
        if binding is not None:
            self._draw(binding)

    def stop_asking(self) -> None:
        """Let clicks on the image ask nothing again."""
        self._page.ask.setChecked(False)

    def shutdown(self) -> None:
        """Stop everything; the dock or the window is closing."""
        # By then this widget may be gone, and its timers with it.
        self.cost.shutdown()
        self._viewer.scene.camera.events.zoom.disconnect(self._zoomed)
        if self._on_mouse in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_mouse)

    def show_session(self) -> None:
        """Show what belongs to the chosen image."""
        self.camera.stop()
        self._page.ask.setChecked(False)
        self.cost.forget()
        self._listed = None
        self.show_result()

    def show_result(self) -> None:
        """Show the result of the chosen image: the list only if it is a full one's."""
        binding = self._present()
        if binding is None:
            self._page.show_nothing(messages.NO_IMAGE)
        elif binding.session.result is None:
            self._page.show_nothing(messages.NO_RESULT)
            binding.outline.clear()
        else:
            if binding.review.overview is not self._listed:
                self.cost.result_changed(binding.session.result)
            self._show(binding)

    def follow(self, before: Inputs, after: Inputs) -> None:
        """Follow an edit: tissues to their names and colours, places to what is said of them."""
        binding = self._present()
        if binding is None or binding.session.result is None:
            return
        if _looks(before) != _looks(after):
            self._listed = None
            self._show(binding)
        self._show_ticks(binding)
        if before.clicks != after.clicks:
            self._explain(binding)
            self._draw(binding)

    def _show(self, binding: ImageBinding) -> None:
        result, state = binding.session.result, binding.review
        if result is None:
            return
        self._page.show_result(result)
        if state.overview is not None and state.overview is not self._listed:
            self._listed = state.overview
            self._page.list.show_regions(state.regions, result.tissues)
            self._page.energy.show_energy(state.overview.by_tissue, result.tissues)
            self._page.search.show_steps(state.steps)
        self._show_doubt_box(binding)
        self._show_ticks(binding)
        self._explain(binding)
        self._draw(binding)

    def _show_ticks(self, binding: ImageBinding) -> None:
        state = binding.review
        ticks = state.ticks()
        self._page.list.mark(ticks)
        self._page.list.select(state.index)
        self._page.show_count(sum(ticks), len(ticks))
        self._page.correct.undo.setEnabled(binding.session.undo_title == ANSWER)

    def go(self, index: int) -> None:
        """Go to a region, outline it and explain its most doubtful place."""
        binding = self._present()
        if binding is None or not 0 <= index < len(binding.review.regions):
            return
        state = binding.review
        state.index, state.arrived, state.locked = index, True, False
        region = state.regions[index]
        state.spot = region.point
        self._show_ticks(binding)
        self._explain(binding)
        zoom = self.camera.move_to(binding.image, region.box)
        self._draw(binding, zoom)

    def _next(self) -> None:
        binding = self._present()
        if binding is not None:
            self.go(binding.review.following())

    def _previous(self) -> None:
        binding = self._present()
        if binding is not None:
            self.go(binding.review.preceding())

    def _tick(self) -> None:
        binding = self._present()
        if binding is None or binding.review.region is None:
            return
        state = binding.review
        done = state.ticks()[state.index]
        state.tick(not done)
        self._show_ticks(binding)
        if not done:
            self._next()

    def _explain(self, binding: ImageBinding) -> None:
        """Show why the place in question is what it is."""
        from napari_vslp.review.why import sentence, why

        result, spot = binding.session.result, binding.review.spot
        locked = binding.review.locked
        self._page.correct.set_spot(spot is not None and result is not None and not locked)
        if result is None or spot is None:
            if self._page.ask.isChecked():
                self._page.why.ask()
            else:
                self._page.why.clear()
            return
        try:
            reason = why(result, *spot)
        except VslpError as error:
            binding.review.spot = None
            self._page.correct.set_spot(False)
            self._page.why.clear(str(error))
            return
        self._page.why.show_why(reason, sentence(reason), result.tissues)

    def _draw(self, binding: ImageBinding, zoom: float | None = None) -> None:
        """Outline the region, and ring the place, while the page is in sight."""
        state = binding.review
        if not self._open or binding.session.result is None:
            binding.outline.clear()
            return
        region = state.outlined
        zoom = zoom or (None if self.camera.under_way else self._viewer.scene.camera.zoom)
        binding.outline.show(region.outline if region is not None else (), state.spot, zoom)

    def _zoomed(self, _event: Event) -> None:
        self._rest.throttle()

    def _redraw(self) -> None:
        """Draw the lines as thick as they were, once the view rests at another zoom."""
        binding = self._present()
        if self._open and binding is not None:
            self._draw(binding)

    def _ask_toggled(self, on: bool) -> None:
        binding = self._present()
        if binding is None:
            return
        if on:
            binding.clicks.stop()
            binding.paint.stop()
            if binding.review.spot is None:
                self._page.why.ask()

    def _tool_taken(self, tissue: str) -> None:
        if tissue:
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
        binding = self._present()
        if not far and binding is not None and binding.session.result is not None:
            at = binding.image.world_to_data(event.position)[-2:]
            self.ask_at(binding, (round(float(at[0])), round(float(at[1]))))

    def ask_at(self, binding: ImageBinding, spot: Pixel) -> None:
        """Explain a place of the image."""
        binding.review.spot, binding.review.locked = spot, False
        self._explain(binding)
        self._draw(binding)

    def answer(self, index: int) -> None:
        """Mark the place in question as a tissue of the result."""
        binding = self._present()
        if binding is None or binding.session.result is None or binding.review.spot is None:
            return
        if binding.review.locked:
            return
        state, here = binding.review, binding.review.spot
        tissue = binding.session.result.tissues[index]
        if binding.session.inputs.tissue(tissue.id) is None:
            self._solving.refuse(messages.CLICK_FAILED.format(tissue.name))
            return
        binding.clicks.stop()
        state.answer(here)
        if state.region is not None and state.region.holds(here):
            state.leave_for_next()
        self._apply(PlaceClick(Click(tissue.id, *here), ANSWER))

    def _take_back(self) -> None:
        """Undo the last answer; its region counts as not looked at again."""
        binding = self._present()
        if binding is not None and binding.session.undo_title == ANSWER:
            binding.undo()

    def _brush(self, index: int) -> None:
        """Take the brush of the table's row of this tissue, or put it away."""
        binding = self._present()
        if binding is None or binding.session.result is None:
            return
        tissue = binding.session.result.tissues[index].id if index >= 0 else ""
        for row in self._table.rows:
            # Only one is pressed: the table itself lets the others go without putting it away.
            if row.id == tissue if tissue else row.paint.isChecked():
                row.paint.setChecked(bool(tissue))

    def _show_doubt(self, on: bool) -> None:
        binding = self._present()
        if binding is not None:
            binding.layers.set_visible(DOUBT, on)

    def _show_doubt_box(self, binding: ImageBinding) -> None:
        box, layer = self._page.doubt, binding.layers.layer(DOUBT)
        if layer is not None:
            with signals_blocked(box):
                box.setChecked(bool(layer.visible))


def _looks(inputs: Inputs) -> list[tuple[str, object]]:
    return [(t.name, t.colour) for t in inputs.tissues]
