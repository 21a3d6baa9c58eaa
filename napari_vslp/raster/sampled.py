"""What rasters of all kinds have in common: stored samples are turned upright, scaled, on white."""

from __future__ import annotations

import hashlib
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import orientation
from napari_vslp.raster.brightness import Depth, Extremes, depth_of, opaque_value, to_bytes
from napari_vslp.raster.colour import RGB, Alpha, Raw, Samples, on_white
from napari_vslp.raster.contract import MAX_PIXELS, Box, Level, PixelSize, check_region

# Sides of the blocks in which a whole image is looked through, and how many make a sample of it.
_BLOCK = 2048
_SAMPLE_BLOCK, _SAMPLE_BLOCKS = 512, 100
_MASKED = "Masked pixels were taken as white background."


class SampledRaster(ABC):
    """A raster whose kind says how stored samples are read and what they mean.

    Parameters
    ----------
    shapes
        Height and width of each level as stored (px), finest first.
    samples
        What the samples mean.
    way
        Orientation of what is stored, 1 to 8.
    pixel_size_um
        Height and width of a stored pixel (µm), or None.
    notes
        What is known before anything is read.
    grain
        Height and width (px) that are cheapest to read at once, such as a chunk or a tile.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        samples: Samples,
        *,
        way: int = orientation.UPRIGHT,
        pixel_size_um: PixelSize | None = None,
        notes: Sequence[str] = (),
        grain: tuple[int, int] = (1, 1),
    ) -> None:
        upright = [orientation.upright_pair(shape, way) for shape in shapes]
        sides = [math.sqrt(math.prod(upright[0]) / math.prod(shape)) for shape in upright]
        self.levels = tuple(map(Level, upright, sides))
        self._samples = samples
        self._way = way
        self._stored_shape = shapes[0]
        self._grain = grain
        self._notes = dict.fromkeys(n for n in (*notes, orientation.said(way)) if n)
        self._last: tuple[object, weakref.ref[RGB]] | None = None
        self._size = pixel_size_um and orientation.upright_pair(pixel_size_um, way)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of level 0 (px)."""
        return self.levels[0].shape

    @property
    def pixel_size_um(self) -> PixelSize | None:
        """Height and width of a pixel of level 0 (µm); None if nothing tells them."""
        return self._size

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for every conversion; complete once something was read."""
        return tuple(self._notes)

    @abstractmethod
    def _stored(self, box: Box, level: int) -> Raw:
        """Return the samples (h, w, C) of a box of the stored image, perhaps a masked array."""

    def read(self, box: Box | None = None, level: int = 0) -> RGB:
        """Return a box as 8-bit RGB; see `Raster.read`."""
        key = (check_region(box, self.levels[level].shape), level) if self._has(level) else None
        # Whoever reads a box again while it is still held gets the same one.
        if (
            self._last is not None
            and self._last[0] == key
            and (held := self._last[1]()) is not None
        ):
            return held
        raw = self.read_stored(box, level)
        hidden = np.ma.getmaskarray(raw).any(axis=2) if np.ma.isMaskedArray(raw) else None
        rgb = self._rgb(np.asarray(np.ma.filled(raw, 0)))
        if hidden is not None and hidden.any():
            rgb = rgb.copy()
            rgb[hidden] = 255
            self._say(_MASKED)
        self._last = (key, weakref.ref(rgb))
        return rgb

    def read_stored(self, box: Box | None = None, level: int = 0) -> Raw:
        """Return the samples (h, w, C) of a box as they are stored, but upright.

        Raises
        ------
        VslpError
            As in `Raster.read`.
        """
        if not self._has(level):
            raise VslpError(f"The image has {len(self.levels)} levels: there is no level {level}.")
        shape = self.levels[level].shape
        box = check_region(box, shape)
        height, width = box[2] - box[0], box[3] - box[1]
        if height * width > MAX_PIXELS:
            whole = (height, width) == shape
            raise VslpError(
                f"The {'image' if whole else 'region'} has {height} × {width} px, more than "
                f"{MAX_PIXELS // 1_000_000} megapixels: choose a {'' if whole else 'smaller '}"
                "region of it."
            )
        stored = self._stored(orientation.stored_box(box, shape, self._way), level)
        return orientation.turned(stored, self._way)

    def stored_values(self) -> Raw:
        """Return what is stored, upright, in no way converted: (H, W), or (H, W, C) with C > 1."""
        raw = self.read_stored()
        return raw[:, :, 0] if raw.shape[2] == 1 else raw

    def sha256(self) -> str | None:
        """Return the hash of the pixels of level 0; None for an image too large to read whole."""
        height, width = self.shape
        if height * width > MAX_PIXELS:
            return None
        found = hashlib.sha256(f"{height} {width} ".encode())
        rows = self._grain[orientation.upright_pair((0, 1), self._way)[0]]
        step = rows * max(1, _BLOCK // rows)
        for top in range(0, height, step):
            strip = self.read((top, 0, min(height, top + step), width))
            found.update(strip.tobytes())
        return found.hexdigest()

    def _has(self, level: int) -> bool:
        return 0 <= level < len(self.levels)

    def _say(self, note: str) -> None:
        if note:
            self._notes.setdefault(note)

    def _rgb(self, raw: Raw) -> RGB:
        colour, alpha = self._samples.split(raw)
        if self._samples.convert is not None:
            pixels = self._samples.convert(colour)
        else:
            depth = self._depth
            self._say(depth.note)
            pixels = to_bytes(colour, depth)
            pixels = 255 - pixels if self._samples.negative else pixels
        if alpha is not None:
            alpha = to_bytes(alpha, Depth(self._opaque))
        rgb, notes = on_white(pixels, alpha, self._samples.alpha is Alpha.PREMULTIPLIED)
        for note in notes:
            self._say(note)
        return rgb

    @cached_property
    def _depth(self) -> Depth:
        return depth_of(self._samples.dtype, self._samples.white, lambda: self._extremes[0])

    @cached_property
    def _opaque(self) -> float:
        white = 255.0 if self._samples.convert is not None else self._depth.white
        return opaque_value(self._samples.dtype, white, lambda: self._extremes[1].high)

    @cached_property
    def _extremes(self) -> tuple[Extremes, Extremes]:
        """Extremes of the colours and of alpha, over all of level 0 or a sample of it."""
        height, width = self._stored_shape
        complete = height * width <= MAX_PIXELS
        found = []
        for box in self._blocks(complete):
            raw = self._stored(box, 0)
            found.append([_range(part) for part in self._samples.split(raw)])
        colour, alpha = (
            Extremes(min(one[0] for one in each), max(one[1] for one in each), complete)
            for each in zip(*found, strict=True)
        )
        return colour, alpha

    def _blocks(self, complete: bool) -> Iterator[Box]:
        """Boxes of whole grains that cover the stored image, or that are spread over it."""
        side = _BLOCK if complete else _SAMPLE_BLOCK
        height, width = self._stored_shape
        rows, columns = (grain * max(1, side // grain) for grain in self._grain)
        boxes = [
            (top, left, min(height, top + rows), min(width, left + columns))
            for top in range(0, height, rows)
            for left in range(0, width, columns)
        ]
        if complete or len(boxes) <= _SAMPLE_BLOCKS:
            yield from boxes
            return
        for index in np.linspace(0, len(boxes) - 1, _SAMPLE_BLOCKS).round().astype(int):
            yield boxes[index]


def _range(raw: Raw | None) -> tuple[float, float]:
    """Smallest and largest finite value, masked ones left out; (0, 0) where there is none."""
    if raw is None or raw.size == 0:
        return 0.0, 0.0
    if np.ma.isMaskedArray(raw):
        raw = np.ma.compressed(raw)
        if not raw.size:
            return 0.0, 0.0
    low, high = raw.min(), raw.max()
    if raw.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        finite: NDArray[Any] = raw[np.isfinite(raw)]
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    return float(low), float(high)
