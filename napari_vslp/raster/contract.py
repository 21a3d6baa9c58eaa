"""What an image is to all that reads one: a `Raster`, read box by box, and how to open it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import read_start

Box = tuple[int, int, int, int]
PixelSize = tuple[float, float]
RGB = NDArray[np.uint8]

# One read; more would not fit into a workstation's memory with all that is made of it.
MAX_PIXELS = 100_000_000
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Level(NamedTuple):
    """One resolution of an image: its shape (px), and how many pixels of level 0 one side spans."""

    shape: tuple[int, int]
    downsample: float


@runtime_checkable
class Raster(Protocol):
    """An image that is read box by box, as 8-bit RGB, upright.

    The same pixel has the same value whatever box it is read in.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0 (px)."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The resolutions, finest first; there is at least one."""

    @property
    def pixel_size_um(self) -> PixelSize | None:
        """Height and width of a pixel of level 0 (µm); None if nothing tells them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for every conversion; complete once something was read."""

    def read(self, box: Box | None = None, level: int = 0) -> RGB:
        """Return the pixels of a box (top, left, bottom, right of that level; None: all of it).

        Returns
        -------
        ndarray
            Shape (h, w, 3), uint8.

        Raises
        ------
        VslpError
            If the box is outside or too large, or the pixels cannot be read as an image.
        """

    def sha256(self) -> str | None:
        """Return the hash of the pixels of level 0; None for an image too large to read whole."""


def open_raster(source: Any) -> Raster:  # noqa: ANN401 - whatever people have their images in
    """Open an image without reading its pixels.

    Parameters
    ----------
    source
        The path of a file (TIFF of all kinds, PNG, JPEG, JPEG 2000, WebP, BMP, GIF, PPM); an array
        of (H, W), (H, W, C) or (C, H, W), of NumPy, dask, zarr, xarray, torch or anything else with
        a shape, a type and slicing; a picture of Pillow; or a `Raster`, which is returned as it is.

    Raises
    ------
    VslpError
        If the source is no image, holds several, or is of a kind that cannot be told for sure.
    """
    if isinstance(source, Raster):
        return source
    if isinstance(source, str | os.PathLike):
        return _open_file(Path(source))
    from PIL import Image

    if isinstance(source, Image.Image):
        from napari_vslp.raster.picture import picture_of

        return picture_of(source)
    from napari_vslp.raster.array import ArrayRaster

    return ArrayRaster(source)


def _open_file(path: Path) -> Raster:
    start = read_start(path, 4)
    if not start:
        raise VslpError(f"“{path}” is empty: copy the file again.")
    if start in _TIFF_STARTS:
        from napari_vslp.raster.tiff import open_tiff

        return open_tiff(path)
    from napari_vslp.raster.picture import open_picture

    return open_picture(path)


def check_region(region: Box | None, shape: tuple[int, int]) -> Box:
    """Return the region as plain integers; the whole image for None.

    Parameters
    ----------
    region
        Top, left, bottom, right (px); bottom and right are excluded.
    shape
        Height and width of the image (px).

    Raises
    ------
    VslpError
        If the region is empty, reaches outside the image or is no region.
    """
    if region is None:
        return 0, 0, shape[0], shape[1]
    try:
        top, left, bottom, right = (int(edge) for edge in region)
    except (TypeError, ValueError, OverflowError) as error:
        raise VslpError(
            f"“{region}” is no region: write top, left, bottom and right in px."
        ) from error
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise VslpError(
            f"The region from row {top}, column {left} to row {bottom}, column {right} does not "
            f"lie within the image of {shape[0]} × {shape[1]} px: choose a region inside."
        )
    return top, left, bottom, right
