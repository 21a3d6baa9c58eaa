"""The dock in a viewer, by what a hand does and an eye sees. Only this file knows its widgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_vslp import Click, Segmentation, Tissue
from napari_vslp.core.settings import Settings
from napari_vslp.qt.segment.dock import AUDIT, SegmentDock


class Dock:
    """A viewer with the dock in it."""

    def __init__(self, viewer: Viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self._dock = SegmentDock(viewer)
        viewer.window.add_dock_widget(self._dock, name="Segment", area="right")
        self._controller = self._dock.controller
        self._runner = self._controller.solving.runner

    def open_image(self, pixels: np.ndarray, name: str) -> Image:
        layer = self.viewer.add_image(pixels, name=name, rgb=True)
        self.choose_image(layer)
        return layer

    def choose_image(self, layer: Image) -> None:
        self._dock.region.choose_image(layer)

    def fill(self, tissues: Sequence[Tissue], clicks: Sequence[Click] = ()) -> None:
        self._controller.set_labels(tissues, clicks)

    def draw_region(self, top: int, left: int, bottom: int, right: int) -> None:
        self._dock.region.draw_button.click()
        corners = [(top, left), (top, right - 1), (bottom - 1, right - 1), (bottom - 1, left)]
        self._controller.binding.region.layer.add_rectangles(np.array([corners]))

    def type_pixel_size(self, microns: float) -> None:
        self._dock.region.pixel_size.setValue(microns)

    def choose(self, **options: Any) -> None:
        """Set options by their names in `Settings`, with the controls of the fold “Advanced”."""
        for name, value in options.items():
            self._dock.advanced.form.controls[name].set_value(value)

    def options(self) -> Settings:
        """Return the options that the controls show."""
        return self._dock.advanced.value()

    def press_segment(self) -> None:
        self._dock.run.segment.click()

    def wait(self, seconds: float = 120) -> None:
        """Wait until no job runs and all layers show the newest result."""
        self.until(lambda: not self._runner.busy, seconds)
        self.until(lambda: self._controller.binding.layers.settled, seconds)

    def until(self, is_true: Callable[[], bool], seconds: float = 20) -> None:
        self.qtbot.waitUntil(is_true, timeout=int(1000 * seconds))

    def segment(self) -> Segmentation:
        self.press_segment()
        self.wait()
        return self.result

    @property
    def busy(self) -> bool:
        return self._runner.busy

    @property
    def result(self) -> Segmentation | None:
        return self._controller.session.result

    @property
    def status(self) -> str:
        return self._dock.run.status.text()

    @property
    def clicks(self) -> tuple[Click, ...]:
        names = {t.id: t.name for t in self._controller.session.inputs.tissues}
        read = self._controller.binding.clicks.read()
        return tuple(Click(names[c.tissue], c.row, c.column) for c in read)

    def labels_layer(self) -> Labels:
        return self._controller.binding.layers.layer("labels")

    def names_under_the_mouse(self) -> list[str]:
        """Return the tissues' names as the labels layer tells them."""
        return list(self.labels_layer().features["tissue"])[1:]

    def rename(self, before: str, after: str) -> None:
        """Type another name into a row, and Enter."""
        row = self._row(before)
        row.name.setText(after)
        row.name.editingFinished.emit()

    def reached_text(self, tissue: str) -> str:
        return self._row(tissue).reached.text()

    def _row(self, tissue: str) -> Any:
        return next(row for row in self._dock.table.rows if row.name.text() == tissue)

    def open_audit(self) -> None:
        self._dock.tabs.setCurrentIndex(AUDIT)

    def answers_of_audit(self) -> list[str]:
        """Return the tissues that the page “Audit” offers as an answer."""
        return [button.text() for button in self._dock.audit.correct.buttons]

    def answer_next_doubt(self, index: int) -> None:
        """Go to the next doubtful place and say that it is this tissue of those offered."""
        self._dock.audit.next.click()
        self._dock.audit.correct.buttons[index].click()

    def close(self) -> None:
        self._controller.shutdown()
        deadline = time.monotonic() + 60
        curves = self._controller.reviewing.cost.runner
        while (self._runner.computing or curves.computing) and time.monotonic() < deadline:
            self.qtbot.wait(10)
