"""How large a pixel is, as image files tell it."""

from __future__ import annotations

import math
import re
from typing import Any

PixelSize = tuple[float, float]

# Coarser than this is a printer's or a screen's resolution, which programs write unasked.
_COARSEST_UM = 20.0
_MICRONS = {
    "nm": 1e-3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25_400.0,
}


def plausible(height: float, width: float) -> PixelSize | None:
    """Return the size (µm) if a microscope can have made such pixels, else None."""
    both = (height, width)
    if all(math.isfinite(side) and 0 < side <= _COARSEST_UM for side in both):
        return both
    return None


def from_dots_per_inch(dots: tuple[float, float] | None) -> PixelSize | None:
    """Return the pixel size (µm) of a picture with (horizontal, vertical) dots per inch."""
    if dots is None or not all(d > 0 for d in dots):
        return None
    return plausible(_MICRONS["inch"] / float(dots[1]), _MICRONS["inch"] / float(dots[0]))


def from_unit(height: float, width: float, unit: str) -> PixelSize | None:
    """Return a size given in a named unit in µm; None if the unit is none of length."""
    factor = _MICRONS.get(unit.strip().lower().replace("\\u00b5", "µ"))
    return None if factor is None else plausible(height * factor, width * factor)


def from_ome(xml: str) -> PixelSize | None:
    """Return the physical pixel size that an OME-XML header tells."""
    sides = [_ome_side(xml, axis) for axis in "YX"]
    if sides[0] is None or sides[1] is None:
        return None
    return plausible(sides[0], sides[1])


def from_aperio(description: str) -> PixelSize | None:
    """Return the pixel size that an Aperio header tells (``MPP = 0.499``)."""
    found = re.search(r"\bMPP\s*=\s*([\d.]+)", description)
    return plausible(float(found[1]), float(found[1])) if found else None


def from_resolution(x: Any, y: Any, unit: int) -> PixelSize | None:  # noqa: ANN401 - TIFF rationals
    """Return the pixel size that a TIFF's resolution tags tell (unit 2: inch, 3: centimetre)."""
    name = {2: "inch", 3: "cm"}.get(int(unit))
    if name is None or not (x[0] and y[0]):
        return None
    return from_unit(y[1] / y[0], x[1] / x[0], name)


def _ome_side(xml: str, axis: str) -> float | None:
    found = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', xml)
    unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', xml)
    factor = _MICRONS.get((unit[1] if unit else "µm").replace("&#181;", "µ").lower())
    try:
        return float(found[1]) * factor if found and factor else None
    except ValueError:
        return None
