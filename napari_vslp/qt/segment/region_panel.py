"""Which image, which part of it, and how large its pixels are."""

from __future__ import annotations

from napari.layers import Image, Shapes
from napari.layers.base import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_vslp.core.edits import SetPixelSize
from napari_vslp.qt.parts.steady import SteadyCombo, SteadySpin

WHOLE = "Whole image"


class RegionPanel(QWidget):
    """Choices of image and region, and the pixel size.

    Signals
    -------
    image_chosen
        An `Image` layer, or None when there is none left.
    region_chosen
        A `Shapes` layer whose rectangle is the region, or None for the whole image.
    edit_asked
        An edit, and the key under which edits in a row are one step of the history.
    draw_asked
        The user wants to draw a rectangle.
    """

    image_chosen = Signal(object)
    region_chosen = Signal(object)
    edit_asked = Signal(object, str)
    draw_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[Image] = []
        self._shapes: list[Shapes] = []
        self._size: tuple[float, float] | None = None
        self._make_controls()
        self._lay_out()
        self.image_box.activated.connect(lambda _: self.image_chosen.emit(self.image()))
        self.region_box.activated.connect(lambda _: self.region_chosen.emit(self.region_layer()))
        self.draw_button.clicked.connect(self.draw_asked)
        self.pixel_size.valueChanged.connect(self._ask_size)

    def _make_controls(self) -> None:
        self.image_box = SteadyCombo(self)
        self.image_box.setAccessibleName("Image")
        self.image_box.setToolTip("The image to segment")
        self.region_box = SteadyCombo(self)
        self.region_box.setAccessibleName("Region")
        self.region_box.setToolTip("The part of the image to segment; shares are shares of it")
        self.draw_button = QPushButton("Draw region", self)
        self.draw_button.setAccessibleName("Draw region")
        self.draw_button.setToolTip("Draw a rectangle on the image and use it as the region")
        self.pixel_size = SteadySpin(self)
        self.pixel_size.setAccessibleName("Pixel size in µm")
        self.pixel_size.setToolTip("Width of a pixel in µm, for areas in mm²; 0 if not known")
        self.pixel_size.setDecimals(4)
        self.pixel_size.setRange(0, 1000)
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setSpecialValueText("not known")

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        rows = (
            ("Image", self.image_box),
            ("Region", self.region_box),
            ("Pixel size", self.pixel_size),
        )
        for row, (text, widget) in enumerate(rows):
            grid.addWidget(QLabel(text, self), row, 0)
            grid.addWidget(widget, row, 1)
        grid.addWidget(self.image_box, 0, 1, 1, 2)
        grid.addWidget(self.draw_button, 1, 2)
        grid.setColumnStretch(1, 1)

    def image(self) -> Image | None:
        """Return the chosen image layer."""
        index = self.image_box.currentIndex()
        return self._images[index] if 0 <= index < len(self._images) else None

    def region_layer(self) -> Shapes | None:
        """Return the chosen Shapes layer; None for the whole image."""
        index = self.region_box.currentIndex() - 1
        return self._shapes[index] if 0 <= index < len(self._shapes) else None

    def list_layers(self, images: list[Image], shapes: list[Shapes]) -> None:
        """Offer these layers, keeping what is chosen as long as it is there."""
        image, region = self.image(), self.region_layer()
        self._images, self._shapes = images, shapes
        _fill(self.image_box, [layer.name for layer in images], _index(images, image))
        _fill(self.region_box, [WHOLE, *(f"Rectangle: {layer.name}" for layer in shapes)], 0)
        self.show_region(region)
        if self.image() is not image:
            self.image_chosen.emit(self.image())

    def choose_image(self, image: Image) -> None:
        """Choose an image layer that is offered."""
        self.image_box.setCurrentIndex(_index(self._images, image))
        self.image_chosen.emit(image)

    def show_region(self, layer: Shapes | None) -> None:
        """Show which layer's rectangle is the region; None for the whole image."""
        self.region_box.setCurrentIndex(_index(self._shapes, layer, -1) + 1)

    def show_pixel_size(self, size: tuple[float, float] | None) -> None:
        """Show µm per pixel; the width, if a pixel is not square."""
        self._size = size
        with signals_blocked(self.pixel_size):
            self.pixel_size.setValue(size[1] if size is not None else 0.0)

    def _ask_size(self, width: float) -> None:
        height_to_width = self._size[0] / self._size[1] if self._size is not None else 1.0
        size = (width * height_to_width, width) if width > 0 else None
        self.edit_asked.emit(SetPixelSize(size), "pixel size")


def _fill(box: SteadyCombo, names: list[str], index: int) -> None:
    with signals_blocked(box):
        box.clear()
        box.addItems(names)
        box.setCurrentIndex(index if names else -1)


def _index(layers: list, layer: Layer | None, missing: int = 0) -> int:
    return next((i for i, one in enumerate(layers) if one is layer), missing)
