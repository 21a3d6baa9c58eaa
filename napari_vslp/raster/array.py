"""Arrays of any library as rasters; lazy ones are read where they are asked, never the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.colour import Alpha, Raw, Samples
from napari_vslp.raster.contract import Box
from napari_vslp.raster.sampled import SampledRaster

_CHANNEL_COUNTS = (1, 2, 3, 4)
_FIRST = "The colour channels came first and were moved to the end."
# What xarray's users call the axes.
_ROWS, _COLUMNS = {"y", "row", "rows", "height"}, {"x", "col", "column", "columns", "width"}
_CHANNELS = {"c", "s", "channel", "channels", "band", "bands", "sample", "samples", "rgb"}


class Axes(NamedTuple):
    """Where an array has its rows, its columns and, if it has any, its channels."""

    rows: int
    columns: int
    channels: int | None


class ArrayRaster(SampledRaster):
    """An array with one image in it.

    Parameters
    ----------
    source
        (H, W), (H, W, C) or (C, H, W) with 1 to 4 channels, of any real type: grey, RGB, either
        with alpha; further axes have length 1. Sliced where it is lazy, never read as a whole
        unless its brightness can be told in no other way.

    Raises
    ------
    VslpError
        If it is no array, not of numbers, empty, or a stack of images.
    """

    def __init__(self, source: Any) -> None:  # noqa: ANN401 - arrays of any library
        self._source = _as_array(source)
        self._axes = axes_of(self._source)
        shape = self._source.shape
        count = 1 if self._axes.channels is None else shape[self._axes.channels]
        first = self._axes.channels is not None and self._axes.channels < self._axes.rows
        super().__init__(
            [(int(shape[self._axes.rows]), int(shape[self._axes.columns]))],
            Samples(
                np.dtype(self._source.dtype),
                tuple(range(count)),
                Alpha.STRAIGHT if count in {2, 4} else Alpha.NONE,
            ),
            notes=[_FIRST] if first and count > 1 else [],
            grain=self._chunk(),
        )

    def _stored(self, box: Box, level: int) -> Raw:
        del level  # there is one
        where: list[int | slice] = [0] * len(self._source.shape)
        where[self._axes.rows] = slice(box[0], box[2])
        where[self._axes.columns] = slice(box[1], box[3])
        kept = [self._axes.rows, self._axes.columns]
        if self._axes.channels is not None:
            where[self._axes.channels] = slice(None)
            kept.append(self._axes.channels)
        part = self._source[tuple(where)]
        # dask's own conversion to NumPy forgets the mask of masked arrays.
        part = part.compute() if hasattr(part, "compute") else part
        raw: Raw = part if np.ma.isMaskedArray(part) else np.asarray(part)
        order = sorted(kept)
        raw = raw.transpose([order.index(axis) for axis in kept])
        return raw if len(kept) == 3 else raw[:, :, None]

    def _chunk(self) -> tuple[int, int]:
        chunks = getattr(self._source, "chunks", None)
        if not chunks or len(chunks) != len(self._source.shape):
            return 1, 1
        # dask lists the sizes of all chunks along an axis, zarr and HDF5 one for all.
        sides = [max(each) if isinstance(each, tuple) else int(each) for each in chunks]
        return max(1, sides[self._axes.rows]), max(1, sides[self._axes.columns])


def _as_array(source: Any) -> Any:  # noqa: ANN401
    if hasattr(source, "iloc"):
        raise VslpError("A table is no image: give an array of rows, columns and colours.")
    if hasattr(source, "detach"):  # a tensor, perhaps with a gradient or on a GPU
        source = source.detach().cpu()
        source = _converted(source)
    elif not all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        source = _converted(source)
    try:
        dtype = np.dtype(source.dtype)
    except TypeError:
        source = _converted(source)
        dtype = source.dtype
    if dtype.kind not in "buif":
        raise VslpError(
            f"Values of type {dtype} are no brightness: give an image of whole or real numbers."
        )
    if len(source.shape) < 2:
        raise VslpError("This is not an image: an image has rows and columns.")
    if 0 in source.shape:
        raise VslpError("The image is empty: choose one that has pixels.")
    return source


def _converted(source: Any) -> Raw:  # noqa: ANN401
    try:
        return np.asarray(source)
    except ValueError as error:
        raise VslpError(
            "This is not a single image but a list of arrays: choose one level of it."
        ) from error
    except (TypeError, RuntimeError) as error:
        raise VslpError(
            f"A {type(source).__name__} cannot be read as an image: turn it into a NumPy array."
        ) from error


def axes_of(source: Any) -> Axes:  # noqa: ANN401 - anything with a shape
    """Find rows, columns and channels of an array, by their names or by their lengths.

    Raises
    ------
    VslpError
        If there are several images in it.
    """
    named = _by_name(source)
    if named is not None:
        return named
    shape = source.shape
    skipped = 0
    while len(shape) - skipped > 3 and shape[skipped] == 1:
        skipped += 1
    inner = shape[skipped:]
    if len(inner) == 2:
        return Axes(skipped, skipped + 1, None)
    if len(inner) == 3 and inner[2] in _CHANNEL_COUNTS:
        return Axes(skipped, skipped + 1, skipped + 2)
    if len(inner) == 3 and inner[0] in {1, 3, 4}:
        return Axes(skipped + 1, skipped + 2, skipped)
    sides = " × ".join(str(n) for n in inner)
    raise VslpError(f"This is a stack of images ({sides}): choose one flat image or one plane.")


def _by_name(source: Any) -> Axes | None:  # noqa: ANN401
    names = getattr(source, "dims", None)
    if not (isinstance(names, tuple) and all(isinstance(name, str) for name in names)):
        return None
    lower = [name.casefold() for name in names]
    rows, columns, channels = (
        [i for i, name in enumerate(lower) if name in known]
        for known in (_ROWS, _COLUMNS, _CHANNELS)
    )
    if len(rows) != 1 or len(columns) != 1 or len(channels) > 1:
        return None
    for index, name in enumerate(names):
        if index not in {*rows, *columns, *channels} and source.shape[index] > 1:
            raise VslpError(
                f"This is a stack of {source.shape[index]} images along “{name}”: choose one."
            )
    if channels and source.shape[channels[0]] not in _CHANNEL_COUNTS:
        raise VslpError(
            f"The image has {source.shape[channels[0]]} channels: choose its red, green and blue."
        )
    return Axes(rows[0], columns[0], channels[0] if channels else None)
