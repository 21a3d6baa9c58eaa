"""The masks of a cohort: where each one lies, and which tissue each value in it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.table import key
from napari_vslp.raster.contract import open_raster
from napari_vslp.raster.sampled import SampledRaster
from napari_vslp.raster.tiff import TiffRaster

Labels = NDArray[np.int16]
IGNORED = -1


def find_mask(folder: Path, image: Path, named: str | None) -> Path:
    """Return the mask of an image: the one its table names, or else the image's name as PNG.

    Raises
    ------
    VslpError
        If there is no such file.
    """
    path = folder / (named or f"{image.stem}.png")
    if not path.is_file():
        raise VslpError(
            f"There is no mask “{path}” for “{image.name}”: add it, name it in the table's column "
            "“mask”, or take the image out of the table."
        )
    return path


def parse_labels(text: str, tissues: Sequence[str]) -> dict[int, int]:
    """Read which values of the masks mean which tissue, such as ``tumor=0,stroma=1+2``.

    Returns
    -------
    dict
        Value → index in `tissues`; values not named are not counted.

    Raises
    ------
    VslpError
        If it is not of that form, or leaves a tissue out, or gives a value to two tissues.
    """
    index = {name.casefold(): i for i, name in enumerate(tissues)}
    found: dict[int, int] = {}
    for part in text.split(","):
        name, _, values = (piece.strip() for piece in part.partition("="))
        if name.casefold() not in index:
            raise VslpError(f"--labels names “{name}”, but the tissues are {', '.join(tissues)}.")
        for value in _whole_numbers(values, part):
            if found.setdefault(value, index[name.casefold()]) != index[name.casefold()]:
                raise VslpError(f"--labels gives {value} to two tissues: give it to one of them.")
    missing = [name for i, name in enumerate(tissues) if i not in found.values()]
    if missing:
        raise VslpError(
            f"--labels says no value for {', '.join(missing)}: add {missing[0]}=…, or leave the "
            "tissue out with --tissues."
        )
    return found


def _whole_numbers(values: str, part: str) -> list[int]:
    try:
        return [int(value) for value in values.split("+")]
    except ValueError as error:
        raise VslpError(
            f"“{part.strip()}” is not a tissue with its values: write --labels as "
            "tumor=0,stroma=1+2."
        ) from error


def read_mask(
    path: Path,
    shape: tuple[int, int],
    tissues: int | Sequence[str],
    labels: Mapping[int, int] | None = None,
) -> Labels:
    """Read a mask of single-channel whole numbers, or of indexed colours, as they are stored.

    How a file is to be shown, such as an inverting or stretched grey scale, changes no value; an
    orientation does turn the mask, as it does the image.

    Parameters
    ----------
    path
        PNG, TIFF, …
    shape
        Height and width of its image (px).
    tissues
        Names of the K tissues, or K.
    labels
        Value → tissue, others not counted. By default a ``mask.tif`` that this program wrote tells
        by its own tag which value is which tissue; in any other mask the value k is the k-th tissue
        (from 0), and with two tissues 255 is the second one where no value but 0 and 255 occurs.

    Returns
    -------
    ndarray
        (H, W) int16: index of the tissue, or `IGNORED`.

    Raises
    ------
    VslpError
        If the file is no such mask, is not of the image's size, or holds values of no tissue.
    """
    names, count = ((), tissues) if isinstance(tissues, int) else (tissues, len(tissues))
    raw, own = stored(path)
    if raw.ndim != 2 or raw.dtype.kind not in "bui":
        raise VslpError(
            f"“{path}” is no mask of one whole number a pixel: save it as a grey or indexed PNG."
        )
    if raw.shape != shape:
        raise VslpError(
            f"The mask “{path}” is {raw.shape[0]} × {raw.shape[1]} px, its image {shape[0]} × "
            f"{shape[1]} px: export it at the image's size."
        )
    found, where = np.unique(raw, return_inverse=True)
    values = [int(value) for value in found]
    if labels is None and own is not None and names:
        labels = _own_labels(values, own, names, path)
    meaning = _meaning(values, count, labels, path)
    mask: Labels = np.array(meaning, np.int16)[where.reshape(shape)]
    return mask


def _own_labels(
    values: Sequence[int], own: Mapping[int, str], tissues: Sequence[str], path: Path
) -> dict[int, int]:
    """Return value → tissue of a mask of this program's; 0 there is outside of the region."""
    index = {key(name): i for i, name in enumerate(tissues)}
    labels = {value: index[key(name)] for value, name in own.items() if key(name) in index}
    foreign = [
        own.get(value, f"the value {value}") for value in values if value not in {0, *labels}
    ]
    if foreign:
        raise VslpError(
            f"The mask “{path}” holds {', '.join(foreign[:5])}, but the tissues are "
            f"{', '.join(tissues)}: say with --labels what each value means."
        )
    return labels


def _meaning(
    values: list[int], tissues: int, labels: Mapping[int, int] | None, path: Path
) -> list[int]:
    if labels is not None:
        return [labels.get(value, IGNORED) for value in values]
    if tissues == 2 and set(values) <= {0, 255}:
        return [int(value > 0) for value in values]
    unknown = [value for value in values if not 0 <= value < tissues]
    if unknown:
        listed = ", ".join(map(str, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise VslpError(
            f"The mask “{path}” holds {listed}, which stands for none of the {tissues} tissues: "
            "say with --labels what each value means."
        )
    return values


def stored(path: Path) -> tuple[NDArray[Any], dict[int, str] | None]:
    """Return the values of a mask, and the names of its tissues if this program wrote it."""
    raster = open_raster(path)
    if not isinstance(raster, SampledRaster):
        raise VslpError(f"“{path}” is no mask that can be read: save it as a grey or indexed PNG.")
    return raster.stored_values(), raster.tissues if isinstance(raster, TiffRaster) else None
