"""Labels and maps as OME-Zarr: a folder of chunks, with names, colours and physical size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.arrays.images import Mask
from napari_vslp.export.arrays.ngff import Ngff, planes_of_colour
from napari_vslp.export.arrays.ome_tiff import energy_planes, hex_colour
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.options import MapsZarrOptions, MaskZarrOptions
from napari_vslp.export.provenance import provenance

_GREY = "FFFFFF"
_LABELS = "tissues"


def write_mask_zarr(
    mask: Mask,
    path: Path,
    version: str,
    image: RGB | None = None,
    told: Mapping[str, str] | None = None,
) -> None:
    """Write labels as an image-label, below the image that they are of.

    Parameters
    ----------
    mask
        Of any size; it is read in bands.
    path
        The folder, which is made.
    version
        Of OME-NGFF, ``"0.4"`` or ``"0.5"``.
    image
        (h, w, 3) uint8, the pixels of the mask's region; None to leave it out.
    told
        Where the labels come from.

    Raises
    ------
    VslpError
        If zarr is missing.
    """
    file = Ngff(path, version, mask.pixel_size_um)
    if image is not None:
        file.write(file.root, "image", planes_of_colour(image, mask.plane), channels=True)
        colours = [("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF")]
        channels = [_channel(name, colour, 0, 255) for name, colour in colours]
        file.describe(file.root, omero=file.versioned({"channels": channels}))
    file.describe(file.group("labels"), labels=[_LABELS])
    group = file.group(f"labels/{_LABELS}")
    file.write(group, _LABELS, [mask.plane], channels=False)
    label = {
        "colors": [
            {"label-value": value, "rgba": [*map(int, colour), 255]}
            for value, colour in mask.colours.items()
        ],
        "properties": [{"label-value": value, "name": name} for value, name in mask.names.items()],
        "source": {"image": "../../"},
    }
    file.describe(group, **{"image-label": file.versioned(label)})
    group.attrs["napari-vslp"] = {"software": mask.software, **(told or {})}


def _channel(name: str, colour: str, low: float, high: float) -> dict[str, Any]:
    window = {"min": low, "max": high, "start": low, "end": high}
    return {"label": name, "color": colour, "active": True, "window": window}


class MaskOmeZarr(Exporter):
    """The labels as an image-label, with the image."""

    name = "mask.ome.zarr"
    title = "Mask, OME-Zarr"
    suffixes = (".ome.zarr", ".zarr")
    layer_types = ("labels",)
    folder = True
    Options = MaskZarrOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401
        """Write the folder."""
        shown = image if options.with_image and image.size else None
        write_mask_zarr(Mask.of(result), path, options.version, shown, provenance(result))
        return [path]


class MapsOmeZarr(Exporter):
    """How sure the first stage is of each tissue, and the energy maps, a channel each."""

    name = "maps.ome.zarr"
    title = "Confidences and energy maps, OME-Zarr"
    suffixes = (".ome.zarr", ".zarr")
    folder = True
    Options = MapsZarrOptions

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the folder."""
        file = Ngff(path, options.version, result.pixel_size_um)
        told = [
            (_channel(tissue.name, hex_colour(tissue.colour)[1:].upper(), 0, 1), confidence)
            for tissue, confidence in zip(result.tissues, result.confidence, strict=True)
        ]
        for name, one in energy_planes(result):
            told.append((_channel(name, _GREY, 0, _most(one)), one))
        planes = [Plane.of(result, one) for _, one in told]
        file.write(file.root, "maps", planes, channels=True)
        channels = [channel for channel, _ in told]
        file.describe(file.root, omero=file.versioned({"channels": channels}))
        file.root.attrs["napari-vslp"] = provenance(result)
        return [path]


def _most(values: Any) -> float:  # noqa: ANN401 - any array
    """Return the largest value, as the bright end of what is shown; 1 if all are 0."""
    return float(np.max(values, initial=0.0)) or 1.0


mask_ome_zarr, maps_ome_zarr = MaskOmeZarr(), MapsOmeZarr()
