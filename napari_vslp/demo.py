"""The bundled sample with the proportions and clicks that a pathologist might give it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_vslp.core.tissues import Click, Tissue


@dataclass(frozen=True)
class Sample:
    """An image with its weak labels.

    Attributes
    ----------
    title
        What the image shows.
    image
        (H, W, 3) uint8.
    tissues
        With their proportions and tolerances.
    clicks
        Two in each tissue.
    """

    title: str
    image: NDArray[np.uint8]
    tissues: tuple[Tissue, ...]
    clicks: tuple[Click, ...]


def tumour_nest() -> Sample:
    """Return the H&E sample; ``data/NOTICE.md`` names its source and licence."""
    folder = files("napari_vslp") / "data"
    told = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    with (folder / told["image"]).open("rb") as stream, Image.open(stream) as picture:
        image = np.asarray(picture.convert("RGB"))
    return Sample(
        title=told["title"],
        image=image,
        tissues=tuple(_tissue(**tissue) for tissue in told["tissues"]),
        clicks=tuple(Click(**click) for click in told["clicks"]),
    )


def _tissue(name: str, value: float, tolerance: float, colour: list[int]) -> Tissue:
    red, green, blue = colour
    return Tissue(name, value, tolerance, (red, green, blue))
