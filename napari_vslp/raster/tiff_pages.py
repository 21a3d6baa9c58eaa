"""Which of the images in a TIFF file is the slide, and what the file's tags tell of it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tifffile

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import pixel_size
from napari_vslp.raster.pixel_size import PixelSize

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# How scanners call what is no image of the tissue at full resolution.
_ASIDE = re.compile(r"\W*(label|macro|thumb(nail)?|overview|preview|map)\b", re.IGNORECASE)
_AXES = {
    "Z": "slices in depth (z)",
    "T": "time points",
    "C": "channels",
    "S": "samples",
    "P": "positions",
    "R": "scenes",
    "M": "tiles",
}
_PAGES = "pages"


class Chosen(NamedTuple):
    """One image of a file.

    Attributes
    ----------
    pages
        Its page at each resolution, finest first.
    series
        Which of the file's images it is, from 0.
    notes
        What the user should know of the choice.
    """

    pages: tuple[tifffile.TiffPage | tifffile.TiffFrame, ...]
    series: int
    notes: tuple[str, ...]


def choose(file: tifffile.TiffFile, path: Path) -> Chosen:
    """Return the largest image that is no reduction, thumbnail, label or macro of another.

    Raises
    ------
    VslpError
        If several are equally large, the image is a stack of slices, time points or channels, or a
        part of it lies in a file that is not there.
    """
    every = [one for one in file.series if one.keyframe is not None]
    if not every:
        raise ValueError("no page can be read")
    own = [one for one in every if not _is_aside(one)] or every
    largest = max(map(_area, own))
    equal = [one for one in own if _area(one) == largest]
    if len(equal) > 1:
        names = ", ".join(f"“{one.name}”" if one.name else _size(one) for one in equal[:4])
        raise VslpError(
            f"“{path}” holds {len(equal)} images of the same size ({names}): save the one that is "
            "meant as a file of its own."
        )
    series = equal[0]
    _check_flat(series, path)
    _check_whole_stack(file, series, path)
    _check_companions(series, path)
    notes = [] if len(every) == 1 else [_left_out(series, len(every))]
    if _companion_of(file) is not None:
        notes.append(
            f"The file is one of a set whose description, “{_companion_of(file)}”, was not read."
        )
    pages = [level.pages[0] for level in series.levels if level.pages]
    there = tuple(page for page in pages if page is not None)
    return Chosen(there, every.index(series), tuple(notes))


def keyframe_of(page: tifffile.TiffPage | tifffile.TiffFrame) -> tifffile.TiffPage:
    """Return the page that holds the tags of a page; others of its kind share them."""
    if page.keyframe is None:
        raise ValueError("a page has no tags")
    return page.keyframe


def _is_aside(series: tifffile.TiffPageSeries) -> bool:
    page = series.keyframe
    described = page.description if page.description.count("\n") < 2 else ""
    lines = described.splitlines()
    named = any(_ASIDE.match(text) for text in (series.name or "", *lines[:2]))
    return named or bool(page.is_reduced or page.is_mask)


def _area(series: tifffile.TiffPageSeries) -> int:
    return int(series.keyframe.imagelength * series.keyframe.imagewidth)


def _size(series: tifffile.TiffPageSeries) -> str:
    return f"{series.keyframe.imagelength} × {series.keyframe.imagewidth} px"


def _left_out(series: tifffile.TiffPageSeries, count: int) -> str:
    name = f"“{series.name}” of " if series.name and series.kind != "generic" else ""
    return f"The file holds {count} images; the largest, {name}{_size(series)}, was read."


def _check_flat(series: tifffile.TiffPageSeries, path: Path) -> None:
    shape = series.get_shape(squeeze=False)
    axes = series.get_axes(squeeze=False)
    held = [
        f"{length} {_AXES.get(axis, _PAGES)}"
        for axis, length in zip(axes, shape, strict=True)
        if axis not in "YXS" and length > 1
    ]
    if held:
        raise VslpError(
            f"“{path}” is a stack of images ({' and '.join(held)}), which are no colours: save the "
            "one that is meant, or the merged colours (RGB), as a file of its own."
        )


def _check_whole_stack(
    file: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path
) -> None:
    """Refuse the one image that is left of a stack of ImageJ's that was cut off."""
    told = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if series.kind != "imagej" and isinstance(told, int) and told > 1:
        raise VslpError(
            f"“{path}” is incomplete: it tells of {told} images, which are not all in the file; "
            "copy or export it again."
        )


def _check_companions(series: tifffile.TiffPageSeries, path: Path) -> None:
    missing = sum(page is None for level in series.levels for page in level.pages)
    if missing:
        raise VslpError(
            f"“{path}” is one file of a set, and {missing} planes of its image lie in other files "
            "that are missing: put all files of the set into one folder."
        )


def _companion_of(file: tifffile.TiffFile) -> str | None:
    """Return the companion that describes a file of a set; None for a file that needs none."""
    found = re.search(r'<BinaryOnly[^>]*\bMetadataFile="([^"]+)"', file.pages.first.description)
    return found[1] if found else None


def pixel_size_of(
    file: tifffile.TiffFile, page: tifffile.TiffPage, series: int
) -> PixelSize | None:
    """Return height and width (µm) of a pixel of the image chosen, never of another one."""
    described = page.description
    if file.is_ome and (pixels := _ome_pixels(file, series)) is not None:
        told = pixel_size.from_ome(pixels)
        # A file that has OME's header, but several images, tells their sizes there or not at all.
        if told is not None or len(file.series) > 1:
            return told
    for told in (
        pixel_size.from_aperio(described) if file.is_svs else None,
        pixel_size.from_philips(file.philips_metadata or "") if file.is_philips else None,
        pixel_size.from_ventana(_xmp(file)) if file.is_bif else None,
    ):
        if told is not None:
            return told
    x, y = page.tags.get("XResolution"), page.tags.get("YResolution")
    if x is None or y is None:
        return None
    unit: Any = (file.imagej_metadata or {}).get("unit") if file.is_imagej else None
    return pixel_size.from_resolution(
        x.value, y.value, str(unit) if unit else int(page.resolutionunit)
    )


def bits_of(file: tifffile.TiffFile, series: int) -> float | None:
    """Return the value of white that OME's SignificantBits tells; None without it."""
    pixels = _ome_pixels(file, series) if file.is_ome else None
    bits = pixel_size.read_number(pixels.get("SignificantBits", "")) if pixels is not None else None
    return None if bits is None or not 1 <= bits <= 32 else math.pow(2, int(bits)) - 1


def tissues_of(page: tifffile.TiffPage) -> dict[int, str] | None:
    """Return the tissues by their value if this program wrote the page as a mask; else None."""
    if not page.software.startswith("napari-vslp"):
        return None
    try:
        told = json.loads(page.description)["tissues"]
        return {int(value): str(name) for value, name in told.items()}
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _ome_pixels(file: tifffile.TiffFile, series: int) -> Element | None:
    every = pixel_size.ome_pixels(file.ome_metadata or "")
    # Images without pixels in this file make the count differ: then only a lone one is sure.
    if len(every) == len(file.series):
        return every[series]
    return every[0] if len(every) == 1 else None


def _xmp(file: tifffile.TiffFile) -> str:
    tags = [page.tags.get("XMP") for page in file.pages if isinstance(page, tifffile.TiffPage)]
    texts = [tag.value for tag in tags if tag is not None]
    return " ".join(t.decode("utf-8", "replace") if isinstance(t, bytes) else str(t) for t in texts)
