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
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.images import Mask, on_whole_image
from napari_vslp.export.provenance import NAMESPACE, for_xml, provenance, software

_TILE = (256, 256)
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
        Name of the channel and map (h, w), all of one type; one at a time is made larger.
    channel
        More of OME's attributes of channels, each a list.
    """
    names, maps = [for_xml(name) for name, _ in planes], [one for _, one in planes]
    shape, dtype = (len(maps), *result.image_shape), maps[0].dtype
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
    tifffile.imwrite(
        path,
        _enlarged(result, maps),
        shape=shape,
        dtype=dtype,
        ome=True,
        bigtiff=int(np.prod(shape)) * dtype.itemsize > _MOST_BYTES,
        compression="zlib",
        software=software(result),
        metadata=metadata,
        **how,
    )
    return [path]


def _enlarged(result: Segmentation, maps: Sequence[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Give the maps on the whole image, tile by tile."""
    for one in maps:
        whole = on_whole_image(one, result.region, result.image_shape)
        for row in range(0, whole.shape[0], _TILE[0]):
            for column in range(0, whole.shape[1], _TILE[1]):
                yield whole[row : row + _TILE[0], column : column + _TILE[1]]


class MaskOmeTiff(Exporter):
    """The labels with the tissues' names and colours."""

    name = "mask.ome.tif"
    title = "Mask, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask."""
        colours = Mask.of(result).palette().T.astype(np.uint16) * 257  # 255 becomes 65535
        planes = [("tissues", result.labels)]
        return _write(result, path, planes, {}, photometric="palette", colormap=colours, tile=_TILE)


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
        return _write(result, path, planes, colours, photometric="minisblack", tile=_TILE)


class EnergyOmeTiff(Exporter):
    """Each term of the energy, the margin and the duality gap, a channel each (nats a px)."""

    name = "energy.ome.tif"
    title = "Energy maps, OME-TIFF"
    suffixes = _SUFFIXES

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the maps."""
        planes = [(name, term.map) for name, term in result.terms.items()]
        planes += [("margin", result.margin), ("gap", result.gap_map)]
        return _write(result, path, planes, {}, photometric="minisblack", tile=_TILE)


mask_ome_tiff, confidence_ome_tiff = MaskOmeTiff(), ConfidenceOmeTiff()
energy_ome_tiff = EnergyOmeTiff()
