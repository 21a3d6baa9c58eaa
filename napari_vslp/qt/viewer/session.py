"""What belongs to one image: its tissues, clicks, corrections, region and result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari.layers import Image, Shapes
from napari.layers.base import Layer

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.review.outline import Outline
from napari_vslp.qt.review.state import AuditState
from napari_vslp.qt.viewer.clicks import Clicks
from napari_vslp.qt.viewer.corrections import Corrections
from napari_vslp.qt.viewer.layers import ResultLayers
from napari_vslp.qt.work.jobs import Key

if TYPE_CHECKING:
    from napari_vslp.prepared import Prepared


@dataclass
class Session:
    """One image with everything that was said about it and found in it.

    Attributes
    ----------
    region_layer
        The Shapes layer whose rectangle is segmented; None for the whole image.
    prepared, key
        What the encoder saw, and what that depends on.
    """

    image: Image
    clicks: Clicks
    corrections: Corrections
    layers: ResultLayers
    outline: Outline
    tissues: list[Tissue] = field(default_factory=list)
    pixel_size_um: tuple[float, float] | None = None
    region_layer: Shapes | None = None
    result: Segmentation | None = None
    prepared: Prepared | None = None
    key: Key | None = None
    audit: AuditState = field(default_factory=AuditState)

    @property
    def alive(self) -> bool:
        """Whether the image is still in the viewer."""
        return self.layers.image_alive

    def disconnect(self) -> None:
        """Stop listening to layers; they all stay in the viewer."""
        self.clicks.disconnect()
        self.corrections.disconnect()

    def forget(self, layer: Layer) -> None:
        """Know that the user deleted a layer."""
        if layer is self.clicks.layer:
            self.clicks.forget_layer()
        elif layer is self.corrections.layer:
            self.corrections.forget_layer()
        elif layer is self.region_layer:
            self.region_layer = None

    def set_pixel_width(self, microns: float) -> None:
        """Take the width of a pixel (µm) as typed, 0 for unknown; its shape stays."""
        height, width = self.pixel_size_um or (1.0, 1.0)
        self.pixel_size_um = (microns * height / width, microns) if microns > 0 else None

    def change_looks(self, before: Tissue, after: Tissue, tissues: list[Tissue]) -> None:
        """Let clicks, corrections and result follow a tissue to its new name and colour."""
        self.tissues = tissues
        self.clicks.rename(before.name, after)
        self.corrections.recolour(tissues)
        if self.result is not None and before.name in self.result.reached:
            if after.name != before.name and after.name in self.result.reached:
                return  # two of one name: the next solve refuses them with a sentence
            said = replace(self.result.inputs, tissues=tuple(tissues))
            self.result = self.result.dressed(said)
            self.layers.follow(before.name, after.name, self.result)
