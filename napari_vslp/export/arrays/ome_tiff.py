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
from napari_vslp.export.provenance import NAMESPACE, for_xml, provenance

_TILE = 256  # px
_SMALLEST = 2048  # longer side (px) of the coarsest level of a pyramid, and of what needs none
_MOST_BYTES = 2**31  # of a TIFF that is not a BigTIFF, with much to spare
_SUFFIXES = (".ome.tif", ".ome.tiff")
Maps = Sequence[tuple[str, NDArray[Any]]]


def tissue_annotations(mask: Mask, told: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return map annotations: label → name, label → colour, and where they come from."""
    names = {str(label): for_xml(name) for label, name in mask.names.items()}
    colours = {str(label): hex_colour(colour) for label, colour in mask.colours.items()}
    parts = {"tissues": names, "colours": colours, "provenance": dict(told)}
    return [{"Namespace": f"napari-vslp/{name}", "Value": one} for name, one in parts.items()]


def energy_planes(result: Segmentation) -> Maps:
    """Return the map of each term of the energy, the margin and the duality gap, by name."""
    terms = [(name, term.map) for name, term in result.terms.items()]
    return [*terms, ("margin", result.margin), ("gap", result.gap_map)]


def hex_colour(colour: Colour) -> str:
    """Return red, green, blue as in ``#009e73``."""
    return f"#{bytes(colour).hex()}"


def ome_colour(colour: Colour, opacity: int = 255) -> int:
    """Return red, green, blue as OME writes them: RGBA in a signed number of 32 bits."""
    red, green, blue = colour
    number = red << 24 | green << 16 | blue << 8 | opacity
    return number - 2**32 if number >= 2**31 else number


def write_mask_ome(mask: Mask, path: Path, told: Mapping[str, str] | None = None) -> None:
    """Write labels with names, colours and physical size, tile by tile.

    Parameters
    ----------
    mask
        Of any size.
    path
        The file.
    told
        Where the labels come from.
    """
    colours = mask.palette().T.astype(np.uint16) * 257  # 255 becomes 65535
    how = {"photometric": "palette", "colormap": colours}
    told = {"software": mask.software} if told is None else told
    _write(path, [("tissues", mask.plane)], mask, told, {}, how)


def _write_maps(
    result: Segmentation,
    path: Path,
    maps: Maps,
    channel: Mapping[str, Any],
) -> list[Path]:
    """Write maps (h, w) of the region, each as a channel of the whole image's size."""
    planes = [(name, Plane.of(result, one)) for name, one in maps]
    how = {"photometric": "minisblack"}
    _write(path, planes, Mask.of(result), provenance(result), channel, how)
    return [path]


def _write(  # noqa: PLR0917 - called above, in this order
    path: Path,
    planes: Sequence[tuple[str, Plane]],
    mask: Mask,
    told: Mapping[str, str],
    channel: Mapping[str, Any],
    how: Mapping[str, Any],
) -> None:
    """Write planes of one size and type as channels, as a pyramid if they are large.

    Parameters
    ----------
    planes
        Name of the channel, and plane.
    mask
        Of whose tissues the planes tell.
    told
        Where it comes from.
    channel
        More of OME's attributes of channels, each a list.
    how
        Options of tifffile.
    """
    stack = [plane for _, plane in planes]
    shape, dtype = stack[0].shape, np.dtype(stack[0].dtype)
    annotations = tissue_annotations(mask, told)
    metadata: dict[str, Any] = {
        "axes": "CYX",
        "Name": path.name,
        "Creator": mask.software,
        "UUID": str(uuid.uuid5(NAMESPACE, f"{path.name} {annotations}")),
        "Channel": {"Name": [for_xml(name) for name, _ in planes], **channel},
        "MapAnnotation": annotations,
    }
    if mask.pixel_size_um is not None:
        high, wide = mask.pixel_size_um
        metadata |= {"PhysicalSizeX": wide, "PhysicalSizeXUnit": "µm"}
        metadata |= {"PhysicalSizeY": high, "PhysicalSizeYUnit": "µm"}
    steps = steps_of(shape, _SMALLEST)
    finest = {"subifds": len(steps) - 1, "metadata": metadata, "software": mask.software}
    bytes_of_all = 2 * len(stack) * shape[0] * shape[1] * dtype.itemsize
    with tifffile.TiffWriter(path, ome=True, bigtiff=bytes_of_all > _MOST_BYTES) as file:
        for step in steps:
            file.write(
                _tiles(stack, step),
                shape=(len(stack), *(-(-side // step) for side in shape)),
                dtype=dtype,
                tile=(_TILE, _TILE),
                compression="zlib",
                **how,
                **(finest if step == 1 else {"subfiletype": 1}),
            )


def _tiles(stack: Sequence[Plane], step: int) -> Iterator[NDArray[Any]]:
    for plane in stack:
        yield from plane.tiles(_TILE, step)


class MaskOmeTiff(Exporter):
    """The labels with the tissues' names and colours."""

    name = "mask.ome.tif"
    title = "Mask, OME-TIFF"
    suffixes = _SUFFIXES
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask."""
        write_mask_ome(Mask.of(result), path, provenance(result))
        return [path]


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
        return _write_maps(result, path, planes, colours)


class EnergyOmeTiff(Exporter):
    """Each term of the energy, the margin and the duality gap, a channel each (nats a px)."""

    name = "energy.ome.tif"
    title = "Energy maps, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the maps."""
        return _write_maps(result, path, energy_planes(result), {})


mask_ome_tiff, confidence_ome_tiff = MaskOmeTiff(), ConfidenceOmeTiff()
energy_ome_tiff = EnergyOmeTiff()
