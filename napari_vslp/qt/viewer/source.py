"""What an image layer holds and where it lies: its pixels, its region, its pixel size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import LayerList
from napari.layers import Image
from napari.layers.base import Layer
from napari.utils.transforms import Affine
from pint import DimensionalityError

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, ImageReference

# A pyramid's finest level is read as a whole up to here; beyond, the user draws a region.
MAX_PIXELS = 16_000_000


@dataclass(frozen=True)
class Source:
    """The pixels of an image layer, not yet read if the layer is lazy.

    Attributes
    ----------
    data
        (H, W, 3 or 4) or (H, W): array, or lazy array of a pyramid's finest level.
    shape
        Height and width (px).
    """

    data: Any
    shape: tuple[int, int]


def image_shape(layer: Image) -> tuple[int, int]:
    """Return height and width (px) of a 2-D image layer.

    Raises
    ------
    VslpError
        If the layer is a stack or a volume.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    spatial = data.shape[:-1] if layer.rgb else data.shape
    if len(spatial) != 2:
        raise VslpError(
            f"“{layer.name}” is a stack of {len(spatial)} dimensions: choose a single 2-D image, "
            "or merge its channels to colour (right-click the layer → Merge to RGB)."
        )
    return int(spatial[0]), int(spatial[1])


def image_extent(layer: Image) -> int:
    """Return the longer side of an image layer (px)."""
    return max(image_shape(layer))


def read_source(layer: Image, region: Box | None) -> Source:
    """Describe the pixels to segment; nothing is read yet.

    Raises
    ------
    VslpError
        If the layer is no single 2-D image, or a huge pyramid with no region chosen.
    """
    shape = image_shape(layer)
    if layer.multiscale and region is None and shape[0] * shape[1] > MAX_PIXELS:
        raise VslpError(
            f"“{layer.name}” is a slide of {shape[0]} × {shape[1]} px: draw a rectangle with "
            "“Draw region” and choose it as the region."
        )
    return Source(layer.data[0] if layer.multiscale else layer.data, shape)


def reference(layer: Image) -> ImageReference:
    """Return what is known of an image before it is read; of a stack, not even its size."""
    try:
        shape = image_shape(layer)
    except VslpError:
        shape = (0, 0)
    path = str(layer.source.path or "")
    return ImageReference(layer.name, path, shape=shape, pixel_size_um=pixel_size_um(layer))


def add_quietly(layers: LayerList, layer: Layer, place: int | None = None) -> None:
    """Insert a layer, on top unless a place is given; the selected one and its tool stay.

    napari would select each new layer, which also takes as long as making it.
    """
    activates = layers._activate_on_insert  # there is no public way
    layers._activate_on_insert = False
    layers.insert(len(layers) if place is None else place, layer)
    layers._activate_on_insert = activates


def placement(image: Image, offset: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Return the transforms that put a layer's pixel (0, 0) on the image's pixel `offset`."""
    linear = Affine(
        scale=image.scale, translate=image.translate, rotate=image.rotate, shear=image.shear
    )
    return {
        "scale": image.scale,
        "rotate": image.rotate,
        "shear": image.shear,
        "translate": linear(np.asarray(offset, float)),
        "affine": image.affine.affine_matrix,
        "units": image.units,
    }


def place(layer: Layer, where: dict[str, Any]) -> None:
    """Move a layer to a placement, touching only what differs."""
    for key, value in where.items():
        now = layer.affine.affine_matrix if key == "affine" else getattr(layer, key)
        if key == "units":
            same = now == value
        else:
            same = np.shape(now) == np.shape(value) and np.allclose(now, value)
        if not same:
            setattr(layer, key, value)


def pixel_size_um(layer: Image) -> tuple[float, float] | None:
    """Return height and width of a pixel (µm) as the layer tells it, or None.

    From its scale if the units are lengths; else from `metadata["pixel_size_um"]`; else from a
    scale that is not 1, since files written before napari had units meant µm by it.
    """
    scale = (float(layer.scale[-2]), float(layer.scale[-1]))
    try:
        return (
            float((layer.units[-2] * scale[0]).to("um").magnitude),
            float((layer.units[-1] * scale[1]).to("um").magnitude),
        )
    except DimensionalityError:
        pass
    told = layer.metadata.get("pixel_size_um")
    if told is not None:
        sides = np.broadcast_to(np.asarray(told, float), 2)
        return float(sides[0]), float(sides[1])
    return scale if scale != (1.0, 1.0) else None
