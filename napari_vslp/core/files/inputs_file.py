"""Inputs as plain JSON values and back, as summary.json and session files hold them."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference, Inputs, Paint
from napari_vslp.core.registries import EXTRAS
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue

VERSION = 1
_MOST_PAINT = 2**32  # pixels; a file that claims more is damaged


def inputs_as_json(inputs: Inputs) -> dict[str, Any]:
    """Return inputs as plain JSON values, from which `inputs_of_json` makes the same inputs."""
    return {
        "version": VERSION,
        "image": _image(inputs.image),
        "tissues": [tissue_as_json(t) for t in inputs.tissues],
        "clicks": [asdict(click) for click in inputs.clicks],
        "paint": _paint(inputs.paint),
        "region": None if inputs.region is None else [int(edge) for edge in inputs.region],
        "options": inputs.options.as_dict(),
    }


def inputs_of_json(told: Mapping[str, Any]) -> Inputs:
    """Return the inputs that `inputs_as_json` told.

    Raises
    ------
    VslpError
        If they are of a newer version, or anything in them is missing or cannot be meant.
    """
    version = told.get("version") if isinstance(told, Mapping) else None
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise VslpError(
            f"These inputs are of version {version}, which this napari-vslp does not know: "
            "update napari-vslp, or check that it is the right file."
        )
    try:
        return Inputs(
            image=_image_of(told["image"]),
            tissues=tuple(tissue_of(t) for t in told["tissues"]),
            clicks=tuple(
                Click(str(c["tissue"]), int(c["row"]), int(c["column"])) for c in told["clicks"]
            ),
            paint=_paint_of(told["paint"]),
            region=box_of(told["region"]),
            options=settings_of_json(told["options"]),
        )
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
        zlib.error,
    ) as error:
        raise VslpError(
            f"These inputs are damaged or incomplete ({type(error).__name__}: {error}): "
            "write the file again, or use another copy of it."
        ) from error


def settings_of_json(told: Mapping[str, Any]) -> Settings:
    """Return the settings that `Settings.as_dict` told.

    Raises
    ------
    VslpError
        If there is an option that this version does not know, or a value that cannot be meant.
    """
    known = {one.name for one in fields(Settings)}
    strangers = [name for name in told if name not in known]
    if strangers:
        raise VslpError(
            f"The settings name “{strangers[0]}”, which this napari-vslp does not know: "
            "update napari-vslp."
        )
    plain = dict(told)
    extras = {
        str(name): EXTRAS.get(str(name)).Options(**values)
        for name, values in plain.pop("extras", {}).items()
    }
    return Settings(**plain, extras=extras)


def _image(image: ImageReference) -> dict[str, Any]:
    told = asdict(image)
    told["shape"] = list(image.shape)
    told["pixel_size_um"] = None if image.pixel_size_um is None else list(image.pixel_size_um)
    return told


def _image_of(told: Mapping[str, Any]) -> ImageReference:
    size = told["pixel_size_um"]
    return ImageReference(
        name=str(told["name"]),
        path=str(told["path"]),
        sha256=str(told["sha256"]),
        shape=(int(told["shape"][0]), int(told["shape"][1])),
        level=int(told["level"]),
        pixel_size_um=None if size is None else (float(size[0]), float(size[1])),
    )


def tissue_as_json(tissue: Tissue) -> dict[str, Any]:
    """Return a tissue as plain JSON values."""
    return asdict(tissue) | {"colour": list(tissue.colour)}


def tissue_of(told: Mapping[str, Any]) -> Tissue:
    """Return the tissue that `tissue_as_json` told; raises as a mapping or a number does."""
    red, green, blue = (int(value) for value in told["colour"])
    return Tissue(
        name=str(told["name"]),
        value=_number_of(told["value"]),
        tolerance=float(told["tolerance"]),
        colour=(red, green, blue),
        locked=bool(told["locked"]),
        id=str(told["id"]),
        typed=bool(told.get("typed", False)),  # files of earlier days have neither
        remembered=_number_of(told.get("remembered")),
    )


def _number_of(told: Any) -> float | None:  # noqa: ANN401 - JSON
    return None if told is None else float(told)


def box_of(told: Any) -> tuple[int, int, int, int] | None:  # noqa: ANN401 - JSON
    """Return a box told as four numbers, or None."""
    if told is None:
        return None
    top, left, bottom, right = (int(edge) for edge in told)
    return top, left, bottom, right


def _paint(paint: Paint | None) -> dict[str, Any] | None:
    if paint is None:
        return None
    packed = base64.b64encode(zlib.compress(paint.codes.tobytes(), 6)).decode("ascii")
    return {
        "shape": list(paint.shape),
        "box": list(paint.box),
        "owners": list(paint.owners),
        "codes": packed,
    }


def _paint_of(told: Mapping[str, Any] | None) -> Paint | None:
    if told is None:
        return None
    box = box_of(told["box"])
    height, width = (int(side) for side in told["shape"])
    if box is None or not (0 <= box[0] < box[2] <= height and 0 <= box[1] < box[3] <= width):
        raise ValueError("the paint lies outside its image")
    rows, columns = box[2] - box[0], box[3] - box[1]
    if rows * columns > _MOST_PAINT:
        raise ValueError("the paint is too large")
    try:
        packed = base64.b64decode(str(told["codes"]), validate=True)
    except binascii.Error as error:
        raise ValueError("the paint is cut short") from error
    # Never more than what fits: a few bytes could be made to unpack into all memory.
    unpacked = zlib.decompressobj().decompress(packed, rows * columns + 1)
    codes = np.frombuffer(unpacked, np.uint8).reshape(rows, columns)
    whole = np.zeros((height, width), np.uint8)
    whole[box[0] : box[2], box[1] : box[3]] = codes
    return Paint.of(whole, [str(owner) for owner in told["owners"]])
