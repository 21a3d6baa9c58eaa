"""Pyramids in Zarr groups as OME-NGFF 0.4 and 0.5 describe them (https://ngff.openmicroscopy.org).

Version 0.4 is Zarr 2, which most readers know; 0.5 is Zarr 3. Coarser levels hold every second,
fourth, … pixel, so that labels stay labels; chunks without a value above 0 are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.export.arrays.planes import Plane, steps_of

CHUNK = 1024  # px
_COARSEST = 1024  # px of the longer side of the last level
PixelSize = tuple[float, float] | None


class Ngff:
    """One OME-Zarr on its way.

    Parameters
    ----------
    path
        Its folder, which is made.
    version
        ``"0.4"`` or ``"0.5"``.
    pixel_size_um
        Height and width of a pixel (µm); None if unknown.

    Raises
    ------
    VslpError
        If zarr is missing.
    """

    def __init__(self, path: Path, version: str, pixel_size_um: PixelSize) -> None:
        try:
            import zarr
        except ImportError as error:
            raise VslpError(
                "OME-Zarr needs the package zarr: pip install “napari-vslp[export]”."
            ) from error
        self.version, self._size = version, pixel_size_um
        self.root: Any = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)

    def group(self, name: str) -> Any:  # noqa: ANN401 - zarr is an extra
        """Return a new group below the root, such as ``labels/tissues``."""
        return self.root.create_group(name)

    def describe(self, group: Any, **metadata: Any) -> None:  # noqa: ANN401
        """Write OME's metadata of a group, where the version keeps them."""
        if self.version == "0.5":
            group.attrs["ome"] = {**group.attrs.get("ome", {}), **metadata, "version": "0.5"}
        else:
            group.attrs.update(metadata)

    def versioned(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return metadata that name the version, where each part does so by itself."""
        return metadata if self.version == "0.5" else {"version": self.version, **metadata}

    def write(
        self,
        group: Any,  # noqa: ANN401
        name: str,
        planes: Sequence[Plane],
        channels: bool,
    ) -> None:
        """Write planes of one size and type as a pyramid, chunk by chunk, and describe it.

        Parameters
        ----------
        group
            Of this file.
        name
            What the image is called.
        planes
            One, or one a channel.
        channels
            Whether there is an axis of channels.
        """
        steps = steps_of(planes[0].shape, _COARSEST)
        for level, step in enumerate(steps):
            self._write_level(group, str(level), planes, step, channels)
        self.describe(group, multiscales=[self._multiscale(name, steps, channels)])

    def _write_level(
        self,
        group: Any,  # noqa: ANN401
        name: str,
        planes: Sequence[Plane],
        step: int,
        channels: bool,
    ) -> None:
        size = tuple(-(-side // step) for side in planes[0].shape)
        array = self._array(
            group, name, (len(planes), *size) if channels else size, np.dtype(planes[0].dtype)
        )
        for number, plane in enumerate(planes):
            top = 0
            for band in plane.bands(CHUNK, step):
                rows = slice(top, top + band.shape[0])
                array[(number, rows) if channels else rows] = band
                top = rows.stop

    def _array(self, group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:  # noqa: ANN401
        chunks = (*(1 for _ in shape[:-2]), *(min(CHUNK, side) for side in shape[-2:]))
        how: dict[str, Any] = {"shape": shape, "chunks": chunks, "dtype": dtype, "fill_value": 0}
        how["config"] = {"write_empty_chunks": False}
        if self.version == "0.5":
            from zarr.codecs import BloscCodec

            how |= {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")}
            how |= {"dimension_names": [*"cyx"][-len(shape) :]}
        else:
            from numcodecs import Blosc

            separator = {"name": "v2", "separator": "/"}
            how |= {"compressors": Blosc("zstd", 5, Blosc.SHUFFLE)}
            how |= {"chunk_key_encoding": separator}
        return group.create_array(name, **how)

    def _multiscale(self, name: str, steps: Sequence[int], channels: bool) -> dict[str, Any]:
        unit = {} if self._size is None else {"unit": "micrometer"}
        axes: list[dict[str, str]] = [{"name": "c", "type": "channel"}] if channels else []
        axes += [{"name": side, "type": "space", **unit} for side in "yx"]
        datasets = [
            {
                "path": str(level),
                "coordinateTransformations": [self._scale(step, channels)],
            }
            for level, step in enumerate(steps)
        ]
        told = {"name": name, "axes": axes, "datasets": datasets, "type": "nearest"}
        return self.versioned(told)

    def _scale(self, step: int, channels: bool) -> dict[str, Any]:
        high, wide = self._size or (1.0, 1.0)
        scale = [high * step, wide * step]
        return {"type": "scale", "scale": [1.0, *scale] if channels else scale}


def planes_of_colour(image: NDArray[np.uint8], plane: Plane) -> list[Plane]:
    """Return red, green and blue of an image (h, w, 3) that lies where a plane does."""
    return [Plane(image[:, :, colour], plane.region, plane.shape) for colour in range(3)]
