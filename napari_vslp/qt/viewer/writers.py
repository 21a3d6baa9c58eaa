"""What File › Save writes of a Labels layer: the exporters that need no more than labels.

napari's own writer of labels knows neither colours nor names nor µm. The result's layer remembers
the result (`mask_metadata`), so that what is written fits its whole image and tells its prices; of
other labels only what they are is written. napari.yaml names a function of this module for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike, NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, ImageReference, Inputs
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.export.results import write_file
from napari_vslp.qt.viewer.source import pixel_size_um

_KEY = "napari-vslp"
_IN_TILES = ("mask.tif", "mask.ome.tif", "mask.ome.zarr")  # need not be in memory as a whole
_BAND = 1024  # rows looked at at once: a layer's data may lie on the disk
Write = Callable[[str, ArrayLike, dict[str, Any]], list[str]]


@dataclass(frozen=True, eq=False)
class Remembered:
    """The result that a layer shows; a copy of the layer remembers the same one."""

    result: Segmentation

    def __deepcopy__(self, _: object) -> Remembered:
        """Return itself: copying a layer copies no maps."""
        return self


def mask_metadata(result: Segmentation) -> dict[str, Any]:
    """Return what the labels layer of a result has to remember to be written."""
    return {_KEY: Remembered(result), "pixel_size_um": result.pixel_size_um}


def segmentation_of(layer: Labels, lazy: bool = False) -> Segmentation:
    """Return what a Labels layer shows as a result, with what the user painted since.

    Parameters
    ----------
    layer
        Of any array.
    lazy
        Whether labels that are not in memory are left where they are.

    Raises
    ------
    VslpError
        If it is no image of whole numbers between 0 and 255.
    """
    data: Any = layer.data[0] if layer.multiscale else layer.data
    counts = _counts(data, layer.name)
    found = [int(label) for label in np.flatnonzero(counts) if label]
    labels: Any = _Bytes(data)
    labels = labels if lazy and not isinstance(data, np.ndarray) else labels[:]
    shares = counts[1:] / max(1, int(counts[1:].sum()))
    held = layer.metadata.get(_KEY)
    result = held.result if isinstance(held, Remembered) else None
    if result is not None and result.labels.shape == data.shape:
        count = len(result.tissues)
        if max(found, default=0) <= count:
            size = pixel_size_um(layer) or result.pixel_size_um
            image = replace(result.inputs.image, pixel_size_um=size)
            said = replace(result.inputs, image=image)
            return replace(result, inputs=said, labels=labels, shares=shares[:count])
        region, shape = result.region, result.image_shape
    else:  # other labels were put into the layer
        shape = (int(data.shape[0]), int(data.shape[1]))
        region = (0, 0, *shape)
    tissues = _tissues(layer, max(found, default=1))
    image = ImageReference(layer.name, shape=shape, pixel_size_um=pixel_size_um(layer))
    return _bare(labels, tissues, shares, region, image)


class _Bytes:
    """Labels that are made bytes when they are read."""

    dtype = np.dtype(np.uint8)

    def __init__(self, data: Any) -> None:  # noqa: ANN401 - any array
        self._data, self.shape = data, tuple(data.shape)

    def __getitem__(self, place: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        return np.asarray(self._data[place]).astype(np.uint8)


def _counts(data: Any, name: str) -> NDArray[np.int64]:  # noqa: ANN401 - any array
    """Return how often each label from 0 to 255 is there, (256,)."""
    counts = np.zeros(256, np.int64)
    fits = data.ndim == 2
    for top in range(0, data.shape[0] if fits else 0, _BAND):
        band = np.asarray(data[top : top + _BAND])
        fits = band.min(initial=0) >= 0 and band.max(initial=0) <= 255
        if not fits:
            break
        counts += np.bincount(band.ravel().astype(np.uint8), minlength=256)
    if not fits:
        raise VslpError(
            f"“{name}” is no 2-D mask of labels up to 255: save it as a TIFF with napari's "
            "own writer."
        )
    return counts


def _tissues(layer: Labels, count: int) -> tuple[Tissue, ...]:
    names = _names(layer)
    return tuple(
        Tissue(names.get(label, str(label)), colour=_colour(layer, label), id=str(label))
        for label in range(1, count + 1)
    )


def _bare(
    labels: Any,  # noqa: ANN401 - any array
    tissues: tuple[Tissue, ...],
    shares: NDArray[np.float64],
    region: Box,
    image: ImageReference,
) -> Segmentation:
    """Return labels of which nothing else is known as a result: numbers of a solve are NaN."""
    unknown = np.broadcast_to(np.float32(np.nan), labels.shape)
    count = len(tissues)
    return Segmentation(
        inputs=Inputs(image, tissues),
        tissues=tissues,
        labels=labels,
        confidence=np.broadcast_to(unknown, (count, *labels.shape)),
        spread=unknown,
        terms={},
        margin=unknown,
        gap_map=unknown,
        prices=np.full(count, np.nan),
        objective=np.nan,
        bound=np.nan,
        gap=np.nan,
        shares=shares[:count],
        iterations=0,
        seconds=0.0,
        region=region,
        image_shape=image.shape,
        settings=Settings(),
    )


def _names(layer: Labels) -> dict[int, str]:
    table = layer.features
    if "index" not in table or "tissue" not in table:
        return {}
    return {int(i): str(name) for i, name in zip(table["index"], table["tissue"], strict=True)}


def _colour(layer: Labels, label: int) -> Colour:
    colour = layer.get_color(label)
    if colour is None:
        return (0, 0, 0)
    red, green, blue = (round(255 * float(channel)) for channel in colour[:3])
    return red, green, blue


def _writer(exporter: str) -> Write:
    """Return the function that npe2 calls to write a Labels layer by an exporter."""

    def write(path: str, data: ArrayLike, meta: dict[str, Any]) -> list[str]:
        layer = Labels(data, **meta)
        layer.show_selected_label = False  # else all other labels would have no colour
        no_image = np.empty((0, 0, 3), np.uint8)
        result = segmentation_of(layer, lazy=exporter in _IN_TILES)
        write_file(exporter, result, no_image, Path(path))
        return [path]

    return write


write_mask_png, write_mask_tiff = _writer("mask.png"), _writer("mask.tif")
write_mask_ome_tiff, write_mask_ome_zarr = _writer("mask.ome.tif"), _writer("mask.ome.zarr")
write_rois_ome_tiff, write_geojson = _writer("rois.ome.tif"), _writer("tissues.geojson")
write_asap, write_imagescope = _writer("asap.xml"), _writer("imagescope.xml")
write_coco = _writer("coco.json")
write_areas_csv, write_regions_csv = _writer("areas.csv"), _writer("regions.csv")
write_areas_xlsx = _writer("areas.xlsx")
