"""Masks and energy maps as image files: as large as the whole image, with its pixel size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.provenance import software

_UM_PER_CM = 10_000.0
_UM_PER_INCH = 25_400.0
_AT_ONCE = 2**24  # px of a mask that is written as one array
_TILE = 512  # px
_MOST_BYTES = 2**31  # of a TIFF that is not a BigTIFF, with much to spare
PixelSize = tuple[float, float] | None


@dataclass(frozen=True)
class Mask:
    """Labels with what they mean.

    Attributes
    ----------
    plane
        Labels on the whole image, uint8: 0 nothing, i + 1 the tissue i.
    names
        Label → tissue.
    colours
        Label → red, green, blue (0–255).
    pixel_size_um
        Height and width of a pixel (µm); None if unknown.
    software
        Name and version of what made it.
    """

    plane: Plane
    names: dict[int, str]
    colours: dict[int, Colour]
    pixel_size_um: PixelSize = None
    software: str = "napari-vslp"

    @classmethod
    def of(cls, result: Segmentation) -> Mask:
        """Return the mask of a result."""
        return cls(
            Plane.of(result, result.labels),
            {i + 1: tissue.name for i, tissue in enumerate(result.tissues)},
            {i + 1: tissue.colour for i, tissue in enumerate(result.tissues)},
            result.pixel_size_um,
            software(result),
        )

    def palette(self) -> NDArray[np.uint8]:
        """Return the colour of each of 256 labels, (256, 3) uint8; black where none is given."""
        colours = np.zeros((256, 3), np.uint8)
        for label, colour in self.colours.items():
            colours[label] = colour
        return colours


def write_mask_tiff(mask: Mask, path: Path) -> None:
    """Write an indexed TIFF of 8 bits whose description names the tissues.

    A large one is written tile by tile, so that it need not fit in memory.
    """
    options = _tiff_options(mask.pixel_size_um, mask.software) | {
        "photometric": "palette",
        # TIFF writes colours with 16 bits: 257 takes 255 to 65535.
        "colormap": mask.palette().T.astype(np.uint16) * 257,
        "description": json.dumps({"tissues": mask.names}),
    }
    height, width = mask.plane.shape
    if height * width <= _AT_ONCE:
        tifffile.imwrite(path, mask.plane.read((0, 0, height, width)), **options)
        return
    tifffile.imwrite(
        path,
        mask.plane.tiles(_TILE),
        shape=(height, width),
        dtype=np.uint8,
        tile=(_TILE, _TILE),
        bigtiff=height * width > _MOST_BYTES,
        **options,
    )


def write_mask_png(mask: Mask, path: Path) -> None:
    """Write an indexed PNG in which 0 is transparent."""
    height, width = mask.plane.shape
    labels = mask.plane.read((0, 0, height, width))
    picture = Image.frombytes("P", (width, height), labels.tobytes())
    picture.putpalette(mask.palette().tobytes())
    options: dict[str, Any] = {}
    if mask.pixel_size_um is not None:
        high, wide = mask.pixel_size_um
        options["dpi"] = (_UM_PER_INCH / wide, _UM_PER_INCH / high)
    picture.save(path, format="PNG", transparency=0, **options)


def energy_maps(result: Segmentation) -> dict[str, FloatMap]:
    """Return the map of each term of the energy by the term's name, (h, w) float32 (nats a px)."""
    return {name: term.map for name, term in result.terms.items()}


class MaskTiff(Exporter):
    """The labels as an indexed TIFF."""

    name = "mask.tif"
    title = "Mask, indexed TIFF"
    suffixes = (".tif", ".tiff")
    layer_types = ("labels",)
    default = True

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask."""
        write_mask_tiff(Mask.of(result), path)
        return [path]


class MaskPng(Exporter):
    """The labels as an indexed PNG."""

    name = "mask.png"
    title = "Mask, indexed PNG"
    suffixes = (".png",)
    layer_types = ("labels",)
    default = True

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask."""
        write_mask_png(Mask.of(result), path)
        return [path]


class EnergyMaps(Exporter):
    """Each term of the energy as a TIFF of float32, named after the term."""

    name = "energy-maps"
    title = "Energy maps, TIFF"
    suffixes = ()
    default = True

    def files(self) -> Sequence[str]:
        """Return the name of each map that a result may have."""
        return "fidelity.tif", "regularisation.tif", "learned.tif"

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write one file a map to a folder."""
        return _write_maps(result, energy_maps(result), path, "nats per pixel")


class EvidenceMaps(Exporter):
    """What sources of confidence show beside their word, each map as a TIFF of float32."""

    name = "evidence-maps"
    title = "Maps of what was read, TIFF"
    suffixes = ()
    default = True

    def files(self) -> Sequence[str]:
        """Return no names: which maps there are is known only once the sources have spoken."""
        return ()

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write one file a map to a folder; none if no source shows any."""
        maps = {name: one.map for name, one in result.evidence.items()}
        return _write_maps(result, maps, path, "evidence")


def _write_maps(
    result: Segmentation, maps: Mapping[str, FloatMap], folder: Path, unit: str
) -> list[Path]:
    written: list[Path] = []
    for name, values in maps.items():
        path = folder / f"{name}.tif"
        # Names may come from other packages: none leads out of the folder or hides another file.
        if path.name != f"{name}.tif" or path.parent != folder or path.exists():
            raise VslpError(
                f"A map called “{name}” cannot be written as a file: rename it in the package that "
                "offers it."
            )
        written.append(path)
        tifffile.imwrite(
            written[-1],
            Plane.of(result, values).read((0, 0, *result.image_shape)),
            photometric="minisblack",
            description=unit,
            **_tiff_options(result.pixel_size_um, software(result)),
        )
    return written


def _tiff_options(pixel_size_um: PixelSize, made_by: str) -> dict[str, Any]:
    options: dict[str, Any] = {"compression": "zlib", "metadata": None, "software": made_by}
    if pixel_size_um is not None:
        height, width = pixel_size_um
        options["resolution"] = (_UM_PER_CM / width, _UM_PER_CM / height)
        options["resolutionunit"] = "CENTIMETER"
    return options


mask_tiff, mask_png = MaskTiff(), MaskPng()
energy_maps_tiff, evidence_maps_tiff = EnergyMaps(), EvidenceMaps()
