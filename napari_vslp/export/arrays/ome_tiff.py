"""Labels and maps as OME-TIFF: with names, colours, physical size and where they come from."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.export.arrays.images import Mask
from napari_vslp.export.arrays.planes import Plane, steps_of
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.provenance import NAMESPACE, for_xml, provenance, software

_TILE = 256  # px
_SMALLEST = 2048  # longer side (px) of the coarsest level of a pyramid, and of what needs none
_MOST_BYTES = 2**31  # of a TIFF that is not a BigTIFF, with much to spare
_SUFFIXES = (".ome.tif", ".ome.tiff")
Planes = Sequence[tuple[str, NDArray[Any]]]


def tissue_annotations(result: Segmentation) -> list[dict[str, Any]]:
    """Return map annotations: label → name, label → colour, and where the result comes from."""
    labelled = list(enumerate(result.tissues, start=1))
    names = {str(label): for_xml(tissue.name) for label, tissue in labelled}
    colours = {str(label): hex_colour(tissue.colour) for label, tissue in labelled}
    parts = {"tissues": names, "colours": colours, "provenance": provenance(result)}
    return [{"Namespace": f"napari-vslp/{name}", "Value": told} for name, told in parts.items()]


def hex_colour(colour: Colour) -> str:
    """Return red, green, blue as in ``#009e73``."""
    return f"#{bytes(colour).hex()}"


def ome_colour(colour: Colour) -> int:
    """Return red, green, blue as OME writes them: RGBA in a signed number of 32 bits."""
    red, green, blue = colour
    number = red << 24 | green << 16 | blue << 8 | 255
    return number - 2**32 if number >= 2**31 else number


def _write(
    result: Segmentation,
    path: Path,
    planes: Planes,
    channel: Mapping[str, Any],
    **how: Any,  # noqa: ANN401 - options of tifffile
) -> list[Path]:
    """Write maps of the region, each as a channel of the whole image's size.

    Parameters
    ----------
    planes
        Name of the channel and map (h, w), all of one type.
    channel
        More of OME's attributes of channels, each a list.
    """
    names, stack = (
        [for_xml(name) for name, _ in planes],
        [Plane.of(result, one) for _, one in planes],
    )
    shape, dtype = (len(stack), *result.image_shape), np.dtype(stack[0].dtype)
    annotations = tissue_annotations(result)
    metadata: dict[str, Any] = {
        "axes": "CYX",
        "Name": path.name,
        "Creator": software(result),
        "UUID": str(uuid.uuid5(NAMESPACE, f"{path.name} {annotations}")),
        "Channel": {"Name": names, **channel},
        "MapAnnotation": annotations,
    }
    if result.pixel_size_um is not None:
        high, wide = result.pixel_size_um
        metadata |= {"PhysicalSizeX": wide, "PhysicalSizeXUnit": "µm"}
        metadata |= {"PhysicalSizeY": high, "PhysicalSizeYUnit": "µm"}
    steps = steps_of(result.image_shape, _SMALLEST)
    how |= {"dtype": dtype, "tile": (_TILE, _TILE), "compression": "zlib"}
    large = 2 * int(np.prod(shape)) * dtype.itemsize > _MOST_BYTES
    with tifffile.TiffWriter(path, ome=True, bigtiff=large) as file:
        for step in steps:
            size = tuple(-(-side // step) for side in shape[1:])
            levels = {"subifds": len(steps) - 1, "metadata": metadata, "software": software(result)}
            file.write(
                _tiles(stack, step),
                shape=(len(stack), *size),
                **how,
                **(levels if step == 1 else {"subfiletype": 1}),
            )
    return [path]


def _tiles(stack: Sequence[Plane], step: int) -> Iterator[NDArray[Any]]:
    for plane in stack:
        yield from plane.tiles(_TILE, step)


class MaskOmeTiff(Exporter):
    """The labels with the tissues' names and colours."""

    name = "mask.ome.tif"
    title = "Mask, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask."""
        colours = Mask.of(result).palette().T.astype(np.uint16) * 257  # 255 becomes 65535
        planes = [("tissues", result.labels)]
        return _write(result, path, planes, {}, photometric="palette", colormap=colours)


class ConfidenceOmeTiff(Exporter):
    """How sure the first stage is of each tissue, a channel a tissue."""

    name = "confidence.ome.tif"
    title = "Confidences, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the confidences."""
        names = [tissue.name for tissue in result.tissues]
        planes = list(zip(names, result.confidence, strict=True))
        colours = {"Color": [ome_colour(tissue.colour) for tissue in result.tissues]}
        return _write(result, path, planes, colours, photometric="minisblack")


class EnergyOmeTiff(Exporter):
    """Each term of the energy, the margin and the duality gap, a channel each (nats a px)."""

    name = "energy.ome.tif"
    title = "Energy maps, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the maps."""
        planes = [(name, term.map) for name, term in result.terms.items()]
        planes += [("margin", result.margin), ("gap", result.gap_map)]
        return _write(result, path, planes, {}, photometric="minisblack")


mask_ome_tiff, confidence_ome_tiff = MaskOmeTiff(), ConfidenceOmeTiff()
energy_ome_tiff = EnergyOmeTiff()
