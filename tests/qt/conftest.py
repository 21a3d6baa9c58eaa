"""A pipeline that answers at once, and hands that wait, click and drag."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer

from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation, TermMap
from napari_vslp.qt.segment.dock import SegmentDock


@dataclass
class Seen:
    """Stands in for `napari_vslp.prepared.Prepared`."""

    region: tuple[int, int, int, int]
    image_shape: tuple[int, int]


class FakePipeline:
    """Stands in for `napari_vslp.pipeline`: stripes in the proportions asked for.

    Attributes
    ----------
    gate
        While it is cleared, `prepare` waits, looking at its cancel token.
    error
        Raised by `run` if given.
    calls
        One ("prepare" | "run" | "live", arguments) for every call.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.start_only = False
        self.notes: tuple[str, ...] = ()
        # Into which steps of the reading a look is worth its time.
        self.looks: tuple[int, ...] = ()
        self.calls: list[tuple[str, dict]] = []

    def asked(self):
        """Return the inputs of the last run."""
        return next(given["inputs"] for kind, given in reversed(self.calls) if kind != "prepare")

    def count(self, kind: str) -> int:
        return sum(1 for name, _ in self.calls if name == kind)

    def last(self) -> dict:
        return self.calls[-1][1]

    def prepare(
        self, image, *, region=None, settings=None, job=None, unfinished=None, on_step=None
    ):
        self.calls.append(("prepare", {"image": image, "region": region, "settings": settings}))
        for step in range(2000):
            job.report(Progress("Reading the tissue", step / 2000))
            job.check()
            if self.gate.wait(0.005):
                break
            if on_step is not None and step in self.looks:
                on_step(self.seen(image, region))
        return self.seen(image, region)

    @staticmethod
    def seen(image, region):
        height, width = np.shape(image)[:2]
        return Seen(region or (0, 0, height, width), (height, width))

    def run(self, inputs, prepared, *, start=None, live=False, job=None):
        self.calls.append(("live" if live else "run", {"inputs": inputs, "start": start}))
        inputs.check()
        job.check()
        if self.error is not None:
            raise self.error
        top, left, bottom, right = prepared.region
        labels = stripes(inputs.tissues, bottom - top, right - left)
        return made_up(prepared, inputs, labels, self)


def stripes(tissues, height, width):
    shares = np.array([t.value or 0.0 for t in tissues])
    edges = np.round(np.cumsum(shares / shares.sum()) * height).astype(int)
    rows = np.searchsorted(edges, np.arange(height), side="right").clip(0, len(tissues) - 1)
    return np.repeat((rows + 1).astype(np.uint8)[:, None], width, axis=1)


def made_up(prepared, inputs, labels, fake):
    tissues = inputs.tissues
    count = len(tissues)
    maps = np.random.default_rng(0).random((4 + count, *labels.shape), dtype=np.float32)
    reached = [float((labels == i + 1).mean()) for i in range(count)]
    return Segmentation(
        inputs=inputs,
        tissues=tissues,
        labels=labels,
        confidence=maps[4:],
        spread=maps[3],
        terms={
            "fidelity": TermMap.of(maps[0], "doubt: numbers"),
            "regularisation": TermMap.of(maps[1], "doubt: boundary"),
        },
        margin=maps[2],
        gap_map=maps[3],
        prices=np.linspace(-0.6, 0.6, count),
        objective=2.0,
        bound=2.0,
        gap=1e-4,
        shares=np.array(reached),
        iterations=150,
        seconds=1.3,
        region=prepared.region,
        image_shape=prepared.image_shape,
        settings=replace(inputs.options, smoothness=inputs.options.boundary_weight),
        start_only=fake.start_only,
        notes=fake.notes,
    )


@pytest.fixture
def fake(monkeypatch) -> Iterator[FakePipeline]:
    """Return the stand-in; every job is let go through at the end."""
    pipeline = FakePipeline()
    monkeypatch.setattr("napari_vslp.pipeline.prepare", pipeline.prepare)
    monkeypatch.setattr("napari_vslp.pipeline.run", pipeline.run)
    yield pipeline
    pipeline.gate.set()


@pytest.fixture
def picture() -> np.ndarray:
    """Return a small colour image."""
    return np.random.default_rng(2).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture
def empty_window(make_napari_viewer, qtbot) -> Iterator[Window]:
    """Return a hidden viewer with the dock and no image."""
    window = Window(make_napari_viewer(), qtbot)
    yield window
    window.close()


@pytest.fixture
def make_shown_window(make_napari_viewer, qtbot) -> Iterator[Callable[[], Window]]:
    """Return what opens a window that is really on the screen."""
    windows: list[Window] = []

    def make() -> Window:
        windows.append(Window(make_napari_viewer(show=True), qtbot))
        return windows[-1]

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def window(empty_window, picture) -> Window:
    """Return a hidden viewer with an image and the dock."""
    empty_window.image = empty_window.viewer.add_image(picture, name="slide", rgb=True)
    return empty_window


class Window:
    """A viewer with the dock, and what a hand does with them."""

    def __init__(self, viewer: Viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.dock = SegmentDock(viewer)
        viewer.window.add_dock_widget(self.dock, name="Segment", area="right")
        self.controller = self.dock.controller
        self.runner = self.controller.solving.runner
        self.image: Image

    @property
    def session(self):
        return self.controller.session

    @property
    def binding(self):
        return self.controller.binding

    @property
    def inputs(self):
        return self.session.inputs

    @property
    def status(self) -> str:
        return self.dock.run.status.text()

    @property
    def shares(self) -> list[float | None]:
        return [t.value for t in self.inputs.tissues]

    def until(self, is_true: Callable[[], bool], seconds: float = 90) -> None:
        self.qtbot.waitUntil(is_true, timeout=int(1000 * seconds))

    def segment(self) -> Segmentation:
        """Press Segment and wait until all layers show the result."""
        self.dock.run.segment.click()
        self.settle()
        return self.session.result

    def settle(self) -> None:
        self.until(lambda: not self.runner.busy and self._shown())

    def _shown(self) -> bool:
        return self.binding is None or self.binding.layers.settled

    def close(self) -> None:
        self.controller.shutdown()
        deadline = time.monotonic() + 20
        curves = self.controller.reviewing.cost.runner
        while (self.runner.computing or curves.computing) and time.monotonic() < deadline:
            self.qtbot.wait(10)
