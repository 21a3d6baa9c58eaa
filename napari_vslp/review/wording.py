"""A result in the words of a pathologist, as the window and the report say it."""

from __future__ import annotations

import re

from napari_vslp.core.segmentation import Segmentation

_FLAG = re.compile(r"\s*\(--[\w-]+\)")

START_ONLY = "Areas alone cannot tell which tissue is which: click once in each tissue."

_AREAS_ALONE = START_ONLY.split(":", maxsplit=1)[0]


def hints(result: Segmentation) -> list[str]:
    """Return the sentences to read about a result, the call for clicks first."""
    told = any(note.startswith(_AREAS_ALONE) for note in result.notes)
    first = [START_ONLY] if result.start_only and not told else []
    return first + [in_the_window(note) for note in dict.fromkeys(result.notes)]


def in_the_window(note: str) -> str:
    """Return a note without what only the command line has: the names of its flags."""
    return _FLAG.sub("", note)


def pull(price: float) -> str:
    """Say what the dual price of one tissue (nats per px) means."""
    size = abs(price)
    if size < 0.05:
        return "The image agrees with this number."
    amount = "a little " if size < 0.4 else "far " if size > 1.5 else ""
    return f"The image shows {amount}{'less' if price > 0 else 'more'} of it than typed."


def per_cent(share: float) -> str:
    """Write a share in [0, 1] as “41.2 %”."""
    return f"{100 * share:.1f} %"


def within(result: Segmentation) -> str:
    """Say how far from the best possible the result is at most."""
    gap = 100 * max(result.gap, 0.0)
    # One figure is enough, and 2e+01 is none that anybody reads.
    size = f"{gap:.0f}" if gap >= 9.5 else f"{max(gap, 0.001):.1g}"
    return f"Within {size} % of the best possible"


def doubts(result: Segmentation) -> str:
    """Say what the doubt is about."""
    total = result.energy.total
    if total <= 1e-6 * max(1, result.labels.size):
        return "Hardly any doubt, neither of numbers nor of boundaries."
    numbers = round(100 * result.energy.fidelity / total)
    return f"Doubt: {numbers}\u00a0% of numbers, {100 - numbers}\u00a0% of boundaries."


def area(pixels: int, area_um2: float | None) -> str:
    """Say an area in mm², or µm² where it is small, or px² where the pixel size is unknown."""
    if area_um2 is None:
        return f"{pixels:,} px²".replace(",", " ")
    if area_um2 >= 1e5:
        return f"{area_um2 * 1e-6:.2f} mm²"
    return f"{area_um2:,.0f} µm²".replace(",", " ")
