"""TIFF files of all the kinds that microscopes write, read tile by tile."""

from __future__ import annotations

import logging
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from imagecodecs import DelayedImportError
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import orientation
from napari_vslp.raster.colour import Raw
from napari_vslp.raster.contract import Box
from napari_vslp.raster.sampled import SampledRaster
from napari_vslp.raster.tiff_pages import (
    bits_of,
    choose,
    keyframe_of,
    pixel_size_of,
    tissues_of,
)
from napari_vslp.raster.tiff_photometry import full_colour, meaning_of

# What tifffile logs about a damaged file, the error below says in one sentence. Without a handler
# Python would print it as well; programs that set up their own log still get it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# One tile or strip that is decoded at once: what fits into memory as RGB.
_MAX_SEGMENT = 400_000_000
_ORIENTATION = 274
_JPEG = {6, 7, 34892, 33007}
_BLANK = "Tiles that the scanner left out were taken as white background."

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
    AssertionError,
    AttributeError,
)


@dataclass(frozen=True)
class _Plane:
    """One page: where its segments (tiles or strips) lie in the file and how they are decoded.

    `plain` is the type of values that are stored unpacked in strips, row by row; None for others.
    """

    file: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    samples: int
    separate: bool
    tiled: bool
    segment: tuple[int, int]
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    decode: Callable[..., Any]
    options: dict[str, Any]
    plain: np.dtype[Any] | None

    def grid(self) -> tuple[int, int]:
        """Return how many segments there are down and across."""
        (height, width), (rows, columns) = self.shape, self.segment
        return -(-height // rows), -(-width // columns)

    def count(self) -> int:
        """Return how many segments there are."""
        return math.prod(self.grid()) * (self.samples if self.separate else 1)


class TiffRaster(SampledRaster):
    """One image of a TIFF file; each read opens the file anew and reads what the box touches."""

    def __init__(
        self,
        path: Path,
        planes: list[_Plane],
        tissues: dict[int, str] | None,
        **about: Any,  # noqa: ANN401 - as SampledRaster takes it
    ) -> None:
        self._path, self._planes, self._tissues = path, planes, tissues
        super().__init__([plane.shape for plane in planes], grain=planes[0].segment, **about)

    @property
    def tissues(self) -> dict[int, str] | None:
        """Names by value, if the file is a mask that this program wrote; None otherwise."""
        return self._tissues

    def _stored(self, box: Box, level: int) -> Raw:
        with _explained(self._path):
            plane = self._planes[level]
            top, left, bottom, right = box
            out = np.zeros((bottom - top, right - left, plane.samples), plane.dtype)
            with plane.file.open("rb") as stream:
                for index, corner, sample in _touched(plane, box):
                    part = self._segment(plane, stream, index, corner, box)
                    _paste(out, part, corner, box, sample)
            return out

    def _segment(
        self, plane: _Plane, stream: BinaryIO, index: int, corner: tuple[int, int], box: Box
    ) -> Raw:
        """Return (h, w, C) of a segment, from its corner on; rows of plain strips from the box."""
        offset, length = plane.offsets[index], plane.lengths[index]
        if length == 0 and plane.tiled:
            self._say(_BLANK)
            return self._blank(plane)
        if offset == 0 or length == 0:
            raise _missing(self._path)
        if plane.plain is not None:
            return _plain_rows(plane, stream, index, corner, box)
        stream.seek(offset)
        data = stream.read(length)
        if len(data) < length:
            raise ValueError("the file ends within a segment")
        decoded = plane.decode(data, index, **plane.options)[0]
        block: Raw = decoded[0]
        return block

    def _blank(self, plane: _Plane) -> Raw:
        """Return one white segment."""
        samples = self._samples
        white = samples.white or (
            np.iinfo(plane.dtype).max if plane.dtype.kind == "u" else self._depth.white
        )
        if samples.convert is not None:
            raise _missing(self._path)
        count = 1 if plane.separate else plane.samples
        value = 0 if samples.negative else white
        return np.full((*plane.segment, count), value, plane.dtype)


def open_tiff(path: Path) -> TiffRaster:
    """Open a TIFF file: OME, ImageJ, Aperio, Philips, Hamamatsu, Ventana, Leica or any other.

    Raises
    ------
    VslpError
        If it is damaged, incomplete, holds several images of one size, a stack or channels, or
        colours that cannot be converted for sure.
    """
    with _explained(path), tifffile.TiffFile(path) as file:
        chosen = choose(file, path)
        page = keyframe_of(chosen.pages[0])
        samples, notes = meaning_of(page, path, bits_of(file, chosen.series))
        tag = page.tags.get(_ORIENTATION)
        return TiffRaster(
            path,
            [_plane(one, path) for one in chosen.pages],
            tissues_of(page),
            samples=samples,
            way=orientation.known(None if tag is None else int(tag.value)),
            pixel_size_um=pixel_size_of(file, page, chosen.series),
            notes=[*chosen.notes, *notes],
        )


def _plane(page: tifffile.TiffPage | tifffile.TiffFrame, path: Path) -> _Plane:
    key = keyframe_of(page)
    full_colour(key, path)
    shape = (key.imagelength, key.imagewidth)
    if key.imagedepth != 1:
        raise VslpError(f"“{path}” is a stack of {key.imagedepth} slices: save the one meant.")
    segment = (min(key.rowsperstrip, shape[0]), shape[1])
    if key.is_tiled:
        segment = (key.tilelength, key.tilewidth)
    jpeg = key.compression in _JPEG
    stored = np.dtype(key.dtype).newbyteorder(">" if page.parent.byteorder == ">" else "<")
    unpacked = key.compression == 1 and key.predictor == 1 and key.fillorder == 1
    plain = unpacked and not key.is_tiled and key.bitspersample == 8 * stored.itemsize
    plane = _Plane(
        file=Path(page.parent.filehandle.path),
        shape=shape,
        dtype=np.dtype(key.dtype),
        samples=key.samplesperpixel,
        separate=key.planarconfig != 1 and key.samplesperpixel > 1,
        tiled=key.is_tiled,
        segment=segment,
        offsets=tuple(page.dataoffsets),
        lengths=tuple(page.databytecounts),
        decode=key.decode,
        options={"jpegtables": page.jpegtables, "jpegheader": key.jpegheader} if jpeg else {},
        plain=stored if plain and stored.kind in "iuf" else None,
    )
    if min(len(plane.offsets), len(plane.lengths)) < plane.count():
        raise _missing(path)
    if math.prod(segment) > _MAX_SEGMENT and plane.plain is None:
        raise VslpError(f"“{path}” is packed in one piece that is too large: save it in tiles.")
    return plane


def _touched(plane: _Plane, box: Box) -> Iterator[tuple[int, tuple[int, int], int | None]]:
    """Yield each segment that a box touches: its index, its corner, its sample if it has one."""
    down, across = plane.grid()
    rows, columns = plane.segment
    for sample in range(plane.samples if plane.separate else 1):
        for row in range(box[0] // rows, -(-box[2] // rows)):
            for column in range(box[1] // columns, -(-box[3] // columns)):
                index = (sample * down + row) * across + column
                yield index, (row * rows, column * columns), sample if plane.separate else None


def _plain_rows(
    plane: _Plane,
    stream: BinaryIO,
    index: int,
    corner: tuple[int, int],
    box: Box,
) -> Raw:
    """Return (h, w, C) of an unpacked strip from its first row to the last that a box needs.

    Rows above the box are not read and stay 0.
    """
    count = 1 if plane.separate else plane.samples
    width = plane.shape[1]
    row = width * count * plane.dtype.itemsize
    first = max(0, box[0] - corner[0])
    last = min(box[2], corner[0] + plane.segment[0], plane.shape[0]) - corner[0]
    if last * row > plane.lengths[index]:
        raise ValueError("a strip is too short")
    stream.seek(plane.offsets[index] + first * row)
    data = stream.read((last - first) * row)
    block = np.zeros((last, width, count), plane.dtype)
    block[first:] = np.frombuffer(data, plane.plain).reshape(last - first, width, count)
    return block


def _paste(
    out: NDArray[Any], part: Raw, corner: tuple[int, int], box: Box, sample: int | None
) -> None:
    """Copy what a segment shares with a box into the box."""
    top, left = max(box[0], corner[0]), max(box[1], corner[1])
    bottom = min(box[2], corner[0] + part.shape[0])
    right = min(box[3], corner[1] + part.shape[1])
    shared = part[top - corner[0] : bottom - corner[0], left - corner[1] : right - corner[1]]
    into = out[top - box[0] : bottom - box[0], left - box[1] : right - box[1]]
    if sample is None:
        into[:] = shared
    else:
        into[:, :, sample] = shared[:, :, 0]


def _missing(path: Path) -> VslpError:
    return VslpError(
        f"“{path}” is incomplete: parts of its pixels are not in the file; copy or export it again."
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except VslpError:
        raise
    except DelayedImportError as error:
        raise VslpError(f"“{path}” is packed in a way that cannot be read here.") from error
    except MemoryError as error:
        raise VslpError(
            f"“{path}” needs more memory than there is: read a region of it."
        ) from error
    except _DAMAGED as error:
        raise VslpError(f"“{path}” is damaged or incomplete: copy or export it again.") from error
