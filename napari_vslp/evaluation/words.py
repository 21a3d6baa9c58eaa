"""Figures as people read them, the same on the terminal and on the page."""

from __future__ import annotations

import math

from napari_vslp.evaluation.bootstrap import Interval
from napari_vslp.evaluation.summary import Line, Summary

MISSING = "–"


def number(value: float, digits: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def spread(interval: Interval, digits: int = 3) -> str:
    """Return the interval in brackets; nothing where there is none."""
    if math.isnan(interval.low):
        return ""
    return f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def header(foreground: str) -> list[str]:
    """Return the heads of the columns."""
    return ["setting", f"Dice of {foreground}", "mIoU", "boundary F1", "area error", "ECE"]


def cells(line: Line) -> list[str]:
    """Return a row of the table, one text for each head."""
    dice, miou = line.dice, line.miou
    return [
        line.name,
        f"{number(dice.mean)} {spread(dice)}".strip(),
        f"{number(miou.mean)} {spread(miou)}".strip(),
        number(line.boundary_f1.mean),
        f"{number(line.area_error.mean, 1)} pt",
        number(line.calibration_error.mean),
    ]


def table(summary: Summary) -> str:
    """Return all rows under their heads, ready to print."""
    study = summary.study
    rows = [header(study.tissues[study.foreground]), *(cells(line) for line in summary.lines)]
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: list[str], widths: list[int]) -> str:
    numbers = (f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True))
    return f"{row[0]:<{widths[0]}}{''.join(numbers)}"
