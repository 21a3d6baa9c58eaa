"""Open napari with the dock filled from the bundled sample and the result shown."""

from __future__ import annotations

import napari
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_vslp.demo import Sample, tumour_nest
from napari_vslp.qt.segment.dock import SegmentDock

TITLE = "Segment from proportions and clicks"


def show_demo() -> None:
    """Open the window, fill it with the sample, press Segment, and stay until it is closed."""
    viewer = Viewer(title="napari-vslp demo")
    dock = open_dock(viewer)
    fill(viewer, dock, tumour_nest())
    QTimer.singleShot(0, dock.run.segment.click)
    napari.run()


def open_dock(viewer: Viewer) -> SegmentDock:
    """Add the dock to a window."""
    dock = SegmentDock(viewer)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    return dock


def use_model(viewer: Viewer, spec: str) -> SegmentDock:
    """Choose a model in the dock that segments, which is opened if it is not there yet.

    Parameters
    ----------
    viewer
        napari's viewer.
    spec
        As `Settings.encoder` takes it.
    """
    docks = (widget for widget in viewer.window.dock_widgets.values())
    dock = next((one for one in docks if isinstance(one, SegmentDock)), None)
    if dock is None:
        _, dock = viewer.window.add_plugin_dock_widget("napari-vslp", TITLE, tabify=True)
    frame = dock.parentWidget()
    if frame is not None:
        frame.show()
        frame.raise_()  # it may lie behind the tab of another dock
    dock.advanced.fold.button.setChecked(True)
    dock.advanced.form.controls["encoder"].set_value(spec)
    return dock


def fill(viewer: Viewer, dock: SegmentDock, sample: Sample) -> Image:
    """Show a sample and type its shares and clicks into the dock."""
    image = Image(sample.image, name=sample.title, rgb=True)
    viewer.add_layer(image)
    dock.region.choose_image(image)
    dock.controller.set_labels(sample.tissues, sample.clicks)
    return image
