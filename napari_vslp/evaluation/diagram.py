"""Drawings of the page, as SVG without a script: calibration, and an interval as a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping

from napari_vslp.evaluation.bootstrap import Interval
from napari_vslp.evaluation.calibration import Bins
from napari_vslp.evaluation.rows import Reading

_SIDE = 300
_LEFT, _BELOW, _ABOVE = 46, 42, 10
_MOST_RADIUS = 9.0


def calibration_diagram(bins: Mapping[Reading, Bins], tissues: int) -> str:
    """Draw how often the likeliest tissue is right over how sure of it the network is.

    Discs are bins; their areas are their shares of the pixels. On the diagonal a confidence of
    80 % is right in 80 % of the pixels; below it the network is too sure.

    Parameters
    ----------
    tissues
        K: no top confidence lies below 1/K.
    """
    lowest = math.floor(10 / tissues) / 10
    scale = _SIDE / (1 - lowest)
    # A bin may be right less often than by chance: it is then drawn at the lower edge.
    below = f"{_LEFT},{_ABOVE + _SIDE} {_LEFT + _SIDE},{_ABOVE}"
    parts = [
        f'<svg class="diagram" viewBox="0 0 {_LEFT + _SIDE + 14} {_ABOVE + _SIDE + _BELOW}" '
        'role="img" aria-label="Calibration: accuracy over confidence">',
        f'<rect class="frame" x="{_LEFT}" y="{_ABOVE}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<polyline class="diagonal" points="{below}"/>',
        *_axes(lowest, scale),
    ]
    for number, one in enumerate(bins.values()):
        parts.append(_series(one, number, lowest, scale))
    return "".join([*parts, "</svg>"])


def _axes(lowest: float, scale: float) -> list[str]:
    parts: list[str] = []
    for tenths in range(round(10 * lowest), 11, 2 if lowest < 0.5 else 1):
        at = (tenths / 10 - lowest) * scale
        text = f"{10 * tenths}"
        x, y = _LEFT + at, _ABOVE + _SIDE - at
        parts.extend(
            (
                f'<text class="tick" x="{x:.1f}" y="{_ABOVE + _SIDE + 16}">{text}</text>',
                f'<text class="tick up" x="{_LEFT - 7}" y="{y + 4:.1f}">{text}</text>',
            )
        )
    middle = _ABOVE + _SIDE / 2
    parts.extend(
        (
            f'<text class="axis" x="{_LEFT + _SIDE / 2}" y="{_ABOVE + _SIDE + 36}">'
            "confidence of the likeliest tissue (%)</text>",
            f'<text class="axis" x="12" y="{middle}" transform="rotate(-90 12 {middle})">'
            "how often it is right (%)</text>",
        )
    )
    return parts


def _series(bins: Bins, number: int, lowest: float, scale: float) -> str:
    points = []
    total = max(1.0, float(bins.pixels.sum()))
    for pixels, confidence, correct in zip(bins.pixels, bins.confidence, bins.correct, strict=True):
        if pixels > 0:
            x = _LEFT + (confidence / pixels - lowest) * scale
            y = _ABOVE + _SIDE - max(0.0, correct / pixels - lowest) * scale
            points.append((x, y, max(2.0, _MOST_RADIUS * math.sqrt(pixels / total))))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    discs = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y, r in points)
    return f'<g class="series s{number}"><polyline points="{line}"/>{discs}</g>'


def interval_bar(interval: Interval, lowest: float, highest: float) -> str:
    """Draw a mean with its interval on a scale that all rows of the table share."""
    width, reach = 120, 108

    def place(value: float) -> float:
        return 6 + reach * (value - lowest) / max(1e-9, highest - lowest)

    ends = (
        ""
        if math.isnan(interval.low)
        else (
            f'<line x1="{place(interval.low):.1f}" x2="{place(interval.high):.1f}" y1="8" y2="8"/>'
        )
    )
    return (
        f'<svg class="bar" viewBox="0 0 {width} 16" aria-hidden="true">{ends}'
        f'<circle cx="{place(interval.mean):.1f}" cy="8" r="3.4"/></svg>'
    )
