"""What File › Save writes of a Labels layer: a mask with the names, colours and size of a result's.

napari's own writer of labels knows neither colours nor names nor µm, and no PNG. The result's
layer remembers the whole image that its region belongs to (`mask_metadata`), so that the mask
fits that image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike, NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import replacing, unwritable
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Colour
from napari_vslp.export.images import Mask, on_whole_image, write_mask_png, write_mask_tiff
from napari_vslp.qt.viewer.source import pixel_size_um

_KEY = OURS = "napari-vslp"  # in the metadata of every layer of a result


def write_png(path: str, data: ArrayLike, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer as ``mask.png`` is written.

    Parameters
    ----------
    path
        The file; an older one is replaced once the new one is whole.
    data, meta
        Pixels and attributes of the layer, as npe2 gives them.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    VslpError
        If the labels are no mask of at most 255 tissues, or the file cannot be written.
    """
    return _write(write_mask_png, path, data, meta)


def write_tiff(path: str, data: ArrayLike, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer as ``mask.tif`` is written; everything else as for `write_png`."""
    return _write(write_mask_tiff, path, data, meta)


def mask_metadata(result: Segmentation, labels: NDArray[np.uint8] | None = None) -> dict[str, Any]:
    """Return what a labels layer of a result has to remember to be written.

    Parameters
    ----------
    labels
        The mask itself, of a layer that shows only its outlines.
    """
    where: dict[str, Any] = {"region": result.region, "image_shape": result.image_shape}
    if labels is not None:
        where["labels"] = labels
    return {_KEY: where, "pixel_size_um": result.pixel_size_um}


def _write(
    write: Callable[[Mask, Path], None], path: str, data: ArrayLike, meta: dict[str, Any]
) -> list[str]:
    layer = Labels(data, **meta)
    layer.show_selected_label = False  # else all other labels would have no colour
    mask = mask_of(layer)
    target = Path(path)
    try:
        with replacing(target) as partial:
            write(mask, partial)
    except OSError as error:
        raise unwritable(target.parent, error) from error
    return [path]


def mask_of(layer: Labels) -> Mask:
    """Return a Labels layer as a mask.

    Raises
    ------
    VslpError
        If it is no image of whole numbers between 0 and 255.
    """
    whole = layer.metadata.get(_KEY, {}).get("labels")
    labels = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    labels = labels if whole is None else whole
    if labels.ndim != 2 or labels.min(initial=0) < 0 or labels.max(initial=0) > 255:
        raise VslpError(
            f"“{layer.name}” is no 2-D mask of labels up to 255: save it as a TIFF with napari's "
            "own writer."
        )
    found = [int(label) for label in np.unique(labels) if label]
    names = _names(layer)
    return Mask(
        _whole(layer, labels.astype(np.uint8)),
        {label: names.get(label, str(label)) for label in sorted({*names, *found}) if label},
        {label: _colour(layer, label) for label in {*names, *found} if label},
        pixel_size_um(layer),
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


def _whole(layer: Labels, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    where = layer.metadata.get(_KEY)
    if where is None:
        return labels
    top, left, bottom, right = where["region"]
    if labels.shape != (bottom - top, right - left):
        return labels  # other labels were put into the layer
    return on_whole_image(labels, where["region"], where["image_shape"])
