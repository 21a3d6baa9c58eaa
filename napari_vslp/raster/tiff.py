"""Reading TIFF files of all the kinds that microscopes write."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from imagecodecs import DelayedImportError
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import pixel_size
from napari_vslp.raster.pixel_size import PixelSize

# What tifffile logs about a damaged file, the error below says in one sentence. Without a handler
# Python would print it as well; programs that set up their own log still get it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# What fits into a workstation's memory as RGB (about 1.2 GB) and leaves room to work.
MAX_FILE_PIXELS = 400_000_000

# What tifffile and its codecs raise for damaged files; codecs' own errors are RuntimeErrors.
_DAMAGED = (
    tifffile.TiffFileError,
    zlib.error,
    struct.error,
    ArithmeticError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_tiff(path: Path) -> tuple[NDArray[Any], PixelSize | None, str]:
    """Read the first image of a TIFF file at its full resolution.

    Returns
    -------
    pixels : array as stored, indexed colours looked up
    pixel_size_um : (height, width) in µm, or None
    note : str
        What was converted, in one sentence; empty if nothing was.

    Raises
    ------
    VslpError
        If the file is damaged, too large or in a colour space that is not understood.
    """
    try:
        with tifffile.TiffFile(path) as file:
            _check(file, path)
            pixels = _decoded(file.series[0])
            pixels, note = _coloured(pixels, file.pages.first)
            return pixels, _size(file), note
    except DelayedImportError as error:
        raise VslpError(f"“{path}” is packed in a way that cannot be read here.") from error
    except _DAMAGED as error:
        raise VslpError(f"“{path}” is damaged or incomplete: copy or export it again.") from error


def _check(file: tifffile.TiffFile, path: Path) -> None:
    page = file.pages.first
    if page.imagelength * page.imagewidth > MAX_FILE_PIXELS:
        raise VslpError(
            f"“{path}” has {page.imagelength} × {page.imagewidth} px, more than "
            f"{MAX_FILE_PIXELS // 1_000_000} megapixels: export a region or a coarser level of it."
        )
    if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        raise VslpError(f"“{path}” holds printing colours (CMYK): save it as RGB.")


def _decoded(series: tifffile.TiffPageSeries) -> NDArray[Any]:
    pixels = series.asarray()
    if pixels.shape != series.shape:
        # tifffile then returns what it could read, and only logs that it is too little.
        raise ValueError("too few pixels")
    return pixels


def _coloured(pixels: NDArray[Any], page: tifffile.TiffPage) -> tuple[NDArray[Any], str]:
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        looked_up = np.moveaxis(page.colormap[:, pixels], 0, -1)
        return (looked_up >> 8).astype(np.uint8), (
            "The image has indexed colours; they were turned into RGB."
        )
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
        return np.iinfo(pixels.dtype).max - pixels, "The image was stored as a negative."
    return pixels, ""


def _size(file: tifffile.TiffFile) -> PixelSize | None:
    page = file.pages.first
    if file.is_ome and file.ome_metadata:
        told = pixel_size.from_ome(file.ome_metadata)
        if told:
            return told
    if file.is_svs:
        return pixel_size.from_aperio(page.description)
    x, y = page.tags.get("XResolution"), page.tags.get("YResolution")
    if x is None or y is None:
        return None
    unit = (file.imagej_metadata or {}).get("unit")
    if unit and x.value[0] and y.value[0]:
        return pixel_size.from_unit(y.value[1] / y.value[0], x.value[1] / x.value[0], str(unit))
    return pixel_size.from_resolution(x.value, y.value, page.resolutionunit)
