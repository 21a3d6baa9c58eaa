"""How large a pixel is, as image files and people tell it."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_vslp.core.errors import VslpError

PixelSize = tuple[float, float]

# Coarser than this is a printer's or a screen's resolution, which programs write unasked; what a
# person types may be the macro camera's.
_COARSEST_UM = 20.0
_FINEST_UM, _COARSEST_TYPED_UM = 1e-3, 1e3
# Sizes that differ by less are the same magnification, differently rounded.
_FAR = 1.5
_PREFIXES = {
    "k": 1e9,
    "": 1e6,
    "d": 1e5,
    "c": 1e4,
    "m": 1e3,
    "µ": 1.0,
    "u": 1.0,
    "n": 1e-3,
    "p": 1e-6,
}
_SPELLED = {
    "kilo": 1e9,
    "": 1e6,
    "deci": 1e5,
    "centi": 1e4,
    "milli": 1e3,
    "micro": 1.0,
    "nano": 1e-3,
    "pico": 1e-6,
}
_INCH = 25_400.0
_MICRONS = {
    **{f"{prefix}m": factor for prefix, factor in _PREFIXES.items()},
    **{f"{word}met{end}": f for word, f in _SPELLED.items() for end in ("er", "re", "ers", "res")},
    **dict.fromkeys(("micron", "microns"), 1.0),
    **dict.fromkeys(("in", "inch", "inches", '"'), _INCH),
    **dict.fromkeys(("thou", "mil"), _INCH / 1000),
    **dict.fromkeys(("li", "line"), _INCH / 12),
    **dict.fromkeys(("ft", "foot", "feet"), 12 * _INCH),
    **dict.fromkeys(("yd", "yard"), 36 * _INCH),
    "pt": _INCH / 72,
    **dict.fromkeys(("å", "angstrom", "angstroms", "ångström", "ångstrom", "ångströms"), 1e-4),
}
# OME's units that differ from others only by their capital letter.
_CAPITAL = {"Ym", "Zm", "Em", "Pm", "Tm", "Gm", "Mm"}


def plausible(height: float, width: float) -> PixelSize | None:
    """Return the size (µm) if a microscope can have made such pixels, else None."""
    both = (height, width)
    if all(math.isfinite(side) and _FINEST_UM <= side <= _COARSEST_UM for side in both):
        return both
    return None


def check_pixel_size(size: Any) -> PixelSize | None:  # noqa: ANN401 - as people write it
    """Return height and width of a pixel (µm) as typed: one number, or two; None for None.

    Raises
    ------
    VslpError
        If a side is no number, not above 0, or not between a nanometre and a millimetre.
    """
    if size is None:
        return None
    try:
        sides = [float(side) for side in np.ravel(np.asarray(size, dtype=object))]
    except (TypeError, ValueError):
        sides = []
    if isinstance(size, str | bytes | bool) or len(sides) not in {1, 2}:
        sides = []
    if not sides or not all(_FINEST_UM <= side <= _COARSEST_TYPED_UM for side in sides):
        said = size if isinstance(size, str | Real) else ", ".join(f"{side:g}" for side in sides)
        raise VslpError(
            f"“{said or size}” is not a pixel size: write height and width of a pixel in µm, such "
            f"as 0.5, from {_FINEST_UM:g} to {_COARSEST_TYPED_UM:g}."
        )
    return sides[0], sides[-1]


def compared(image: PixelSize | None, model: float | None) -> str:
    """Return a sentence if a model was trained at another magnification; else nothing.

    Parameters
    ----------
    image
        Height and width of the image's pixel (µm), if it is known.
    model
        Side of the pixels that the model was trained on (µm), if its card tells it.
    """
    if image is None or model is None:
        return ""
    side = math.sqrt(image[0] * image[1])
    if 1 / _FAR <= side / model <= _FAR:
        return ""
    return (
        f"The image has {side:.3g} µm per pixel, while the model was trained at {model:.3g}: it "
        "may tell the tissues apart badly; use the level or a copy nearer to that size."
    )


def read_number(text: str) -> float | None:
    """Return a number such as 0.25, 0,25 or 2.5e-1; None for anything else."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def microns_of(unit: str) -> float | None:
    """Return how many µm a unit of length has, however it is spelled; None for other units."""
    unit = unit.strip().rstrip(".").replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    if unit in _CAPITAL:
        return None
    # The Greek letter, the micro sign, and the latter read as Latin-1; Å as a unit and as a letter.
    plain = unit.replace("Âµ", "µ").replace("\N{GREEK SMALL LETTER MU}", "µ")
    return _MICRONS.get(plain.replace("\N{ANGSTROM SIGN}", "å").lower())


def from_dots_per_inch(dots: Any) -> PixelSize | None:  # noqa: ANN401 - as Pillow gives it
    """Return the pixel size (µm) of a picture with (horizontal, vertical) dots per inch."""
    try:
        across, down = (float(one) for one in dots)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (across > 0 and down > 0):
        return None
    return plausible(_INCH / down, _INCH / across)


def from_unit(height: float, width: float, unit: str) -> PixelSize | None:
    """Return a size given in a named unit in µm; None if the unit is none of length."""
    factor = microns_of(unit)
    return None if factor is None else plausible(height * factor, width * factor)


def from_ome(pixels: str | ET.Element) -> PixelSize | None:
    """Return the physical pixel size that an OME-XML header, or one Pixels of it, tells."""
    if isinstance(pixels, str):
        found = next((one for one in ome_pixels(pixels)), None)
        if found is None:
            return None
        pixels = found
    sides = [_ome_side(pixels, axis) for axis in "YX"]
    if sides[0] is None or sides[1] is None:
        return None
    return plausible(sides[0], sides[1])


def ome_pixels(xml: str) -> list[ET.Element]:
    """Return the Pixels elements of an OME-XML header, in order; none if it is no XML."""
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat ≥ 2.4 bounds what entities expand to
    except ET.ParseError:
        return []
    return [one for one in root.iter() if one.tag.rpartition("}")[2] == "Pixels"]


def _ome_side(pixels: ET.Element, axis: str) -> float | None:
    size = read_number(pixels.get(f"PhysicalSize{axis}", ""))
    factor = microns_of(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return None if size is None or factor is None else size * factor


def from_aperio(description: str) -> PixelSize | None:
    """Return the pixel size that an Aperio header tells (``MPP = 0.499``)."""
    found = re.search(r"\bMPP\s*=\s*([^|\r\n]+)", description)
    size = read_number(found[1]) if found else None
    return None if size is None else plausible(size, size)


def from_philips(description: str) -> PixelSize | None:
    """Return the pixel size that a Philips header tells, in mm, height first."""
    found = re.search(
        r'Name="DICOM_PIXEL_SPACING"[^>]*>\s*(?:"|&quot;)([^"&]+)(?:"|&quot;)'
        r'\s*(?:"|&quot;)([^"&]+)(?:"|&quot;)',
        description,
    )
    sides = [read_number(text) for text in found.groups()] if found else [None]
    if None in sides:
        return None
    height, width = (side * 1e3 for side in sides if side is not None)
    return plausible(height, width)


def from_ventana(description: str) -> PixelSize | None:
    """Return the pixel size that a Ventana header tells (``ScanRes="0.25"``)."""
    found = re.search(r'\bScanRes="([^"]+)"', description)
    size = read_number(found[1]) if found else None
    return None if size is None else plausible(size, size)


def from_resolution(x: Any, y: Any, unit: Any) -> PixelSize | None:  # noqa: ANN401 - TIFF rationals
    """Return the pixel size that a TIFF's resolution tags tell.

    Parameters
    ----------
    x, y
        Numerator and denominator of pixels per unit.
    unit
        2: inch, 3: centimetre; or the name of a unit.
    """
    name = {2: "inch", 3: "cm"}.get(unit, unit if isinstance(unit, str) else None)
    try:
        height, width = y[1] / y[0], x[1] / x[0]
    except (TypeError, ZeroDivisionError, IndexError):
        return None
    return None if name is None else from_unit(height, width, name)
