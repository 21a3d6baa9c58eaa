"""The options of the exporters that have any; light, for the command line lists them all."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vslp.core.options import option

_FAR = 1_000_000_000  # px; no slide is larger
CROPPING = "qupath"
_VIEWERS = {CROPPING: "QuPath (crops slides to their bounds)", "whole": "HALO, ASAP (whole slide)"}


@dataclass(frozen=True)
class GeoJsonOptions:
    """How outlines are written for QuPath and its like; each field tells itself."""

    viewer: str = option(
        CROPPING,
        "For",
        "Some viewers count pixels from the slide's bounds, others from the corner of the scan; "
        "they differ only on slides that have bounds (MRXS, Leica SCN)",
        flag="--viewer",
        choices=_VIEWERS,
    )
    offset_x: int = option(
        0,
        "Offset to the right (px)",
        "Is taken off every column: openslide.bounds-x of a slide that has bounds",
        needs=("viewer", (CROPPING,)),
        flag="--offset-x",
        low=-_FAR,
        high=_FAR,
    )
    offset_y: int = option(
        0,
        "Offset downwards (px)",
        "Is taken off every row: openslide.bounds-y of a slide that has bounds",
        needs=("viewer", (CROPPING,)),
        flag="--offset-y",
        low=-_FAR,
        high=_FAR,
    )
    simplify_um: float = option(
        0.0,
        "Simplify outlines (µm)",
        "Corners of about this size are cut off, neighbours alike; 0 keeps every pixel",
        subject="The simplification",
        flag="--simplify",
        metavar="UM",
        low=0,
        high=1000,
    )
    by_region: bool = option(
        False,
        "Each region by itself",
        "One annotation for each connected region instead of one for each tissue",
        flag="--by-region",
    )
    locked: bool = option(
        True,
        "Locked",
        "The viewer does not let annotations be moved by accident",
        help="let the viewer move the annotations",
        flag="--no-lock",
    )


@dataclass(frozen=True)
class CocoOptions:
    """How regions are written as COCO."""

    form: str = option(
        "runs",
        "Regions as",
        "Runs of pixels are exact and may have holes; polygons are cut where a hole was",
        flag="--form",
        choices={"runs": "runs of pixels (RLE)", "polygons": "polygons"},
    )


_NGFF = {"0.4": "0.4 (Zarr 2), for most viewers", "0.5": "0.5 (Zarr 3)"}


@dataclass(frozen=True)
class MapsZarrOptions:
    """How maps are written as OME-Zarr."""

    version: str = option(
        "0.4",
        "Version of OME-Zarr",
        "Most viewers read 0.4; 0.5 is the newer one",
        flag="--version",
        choices=_NGFF,
    )


@dataclass(frozen=True)
class MaskZarrOptions(MapsZarrOptions):
    """How labels are written as OME-Zarr."""

    with_image: bool = option(
        True,
        "With the image",
        "The pixels that were segmented are written too, and the labels belong to them",
        help="leave the image out",
        flag="--no-image",
    )


# The built-in exporters' options by the exporters' names; importing the exporters takes numpy.
BUILT_IN: dict[str, type] = {
    "tissues.geojson": GeoJsonOptions,
    "coco.json": CocoOptions,
    "mask.ome.zarr": MaskZarrOptions,
    "maps.ome.zarr": MapsZarrOptions,
}
