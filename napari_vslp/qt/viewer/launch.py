"""What is done with the dock from outside: the demo, the sample images, napari's commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari
from napari.layers import Image
from napari.utils.notifications import show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QTimer

from napari_vslp import demo
from napari_vslp.demo import Sample
from napari_vslp.qt.segment.dock import SegmentDock

TITLE = "Segment from proportions and clicks"
NO_DOCK = "Open the plugin first: Plugins › Segment from proportions and clicks."

LayerData = tuple[Any, dict[str, Any], str]


def show_demo() -> None:
    """Open the window, fill it with the sample, press Segment, and stay until it is closed."""
    viewer = Viewer(title="napari-vslp demo")
    dock = open_dock(viewer)
    fill(viewer, dock, demo.tumour_nest())
    QTimer.singleShot(0, dock.run.segment.click)
    napari.run()


def open_dock(viewer: Viewer) -> SegmentDock:
    """Add the dock to a window."""
    dock = SegmentDock(viewer)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    return dock


def dock_of(viewer: Viewer) -> SegmentDock | None:
    """Return the dock that segments in a window, or None."""
    docks = viewer.window.dock_widgets.values()
    return next((one for one in docks if isinstance(one, SegmentDock)), None)


def use_model(viewer: Viewer, spec: str) -> SegmentDock:
    """Choose a model in the dock that segments, which is opened if it is not there yet.

    Parameters
    ----------
    viewer
        napari's viewer.
    spec
        As `Settings.encoder` takes it.
    """
    dock = opened_dock(viewer)
    dock.advanced.fold.button.setChecked(True)
    dock.advanced.form.controls["encoder"].set_value(spec)
    return dock


def opened_dock(viewer: Viewer) -> SegmentDock:
    """Return the dock that segments in a window, in sight; it is opened if need be."""
    dock = dock_of(viewer)
    if dock is None:
        _, dock = viewer.window.add_plugin_dock_widget("napari-vslp", TITLE, tabify=True)
    frame = dock.parentWidget()
    if frame is not None:
        frame.show()
        frame.raise_()  # it may lie behind the tab of another dock
    return dock


def undo() -> None:
    """Take the last edit of the chosen image back."""
    _in_the_dock(lambda dock: dock.controller.undo())


def redo() -> None:
    """Do again what was taken back."""
    _in_the_dock(lambda dock: dock.controller.redo())


def export_result() -> None:
    """Offer the kinds of output of the result shown."""
    _in_the_dock(lambda dock: dock.exporting.ask())


def import_file() -> None:
    """Offer the ways to import what others say of the image."""
    _in_the_dock(lambda dock: dock.importing.ask())


def next_doubtful_place() -> None:
    """Go to the next place where the result is doubtful."""
    _in_the_dock(lambda dock: dock.next_doubt())


def _in_the_dock(act: Callable[[SegmentDock], None]) -> None:
    viewer = napari.current_viewer()
    dock = dock_of(viewer) if viewer is not None else None
    if dock is None:
        show_warning(NO_DOCK)
    else:
        act(dock)


def fill(viewer: Viewer, dock: SegmentDock, sample: Sample) -> Image:
    """Show a sample and type its shares and clicks into the dock."""
    image = Image(sample.image, name=sample.title, rgb=True)
    viewer.add_layer(image)
    dock.region.choose_image(image)
    dock.controller.set_labels(sample.tissues, sample.clicks)
    binding = dock.controller.binding
    if binding is not None:
        dock.sessions.sessions.keeping(binding).discard()  # nobody's work yet
    return image


def sample_tumour_nest() -> list[LayerData]:
    """Return the bundled H&E sample as an image layer."""
    sample = demo.tumour_nest()
    return [(sample.image, {"name": sample.title, "rgb": True}, "image")]


def sample_ihc_colon() -> list[LayerData]:
    """Return scikit-image's immunohistochemistry of a colon as an image layer."""
    from skimage.data import immunohistochemistry

    options = {"name": "IHC: colon (scikit-image)", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
