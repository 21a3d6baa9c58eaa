"""Figures as people and spreadsheets read them: on the terminal, and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_vslp.evaluation.figures import Interval
from napari_vslp.evaluation.summary import PER_TISSUE, Line, Summary, per_tissue

Cell = str | int | float
_MISSING = "–"
_FIGURES = ("dice", "miou", "boundary_f1", "area_error", "calibration_error")


def number(value: float, digits: int = 3) -> str:
    """Return a number, or a dash where there is none."""
    return _MISSING if math.isnan(value) else f"{value:.{digits}f}"


def spread(interval: Interval, digits: int = 3) -> str:
    """Return the interval in brackets; nothing where there is none."""
    if math.isnan(interval.low):
        return ""
    return f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def _header(foreground: str) -> list[str]:
    """Return the heads of the columns."""
    return ["setting", f"Dice of {foreground}", "mIoU", "boundary F1", "area error", "ECE"]


def _cells(line: Line) -> list[str]:
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
    rows = [_header(study.tissues[study.foreground]), *(_cells(line) for line in summary.lines)]
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def _aligned(row: list[str], widths: list[int]) -> str:
    numbers = (f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True))
    return f"{row[0]:<{widths[0]}}{''.join(numbers)}"


def write_csv(path: Path, rows: Iterable[Iterable[Cell]]) -> None:
    """Write rows as CSV, numbers with six digits and nothing where there is none."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([_cell(one) for one in row] for row in rows)


def _cell(value: Cell) -> str | int:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def per_image(summary: Summary) -> Iterator[Iterable[Cell]]:
    """Return the rows of ``per_image.csv``: one for each setting, image and tissue."""
    yield "setting", "line", "image", "tissue", *PER_TISSUE, "calibration_error"
    for key, scores in summary.measured.scores.items():
        figures = per_tissue(scores)
        for n, (sample, one) in enumerate(zip(summary.study.samples, scores, strict=True)):
            for k, tissue in enumerate(summary.study.tissues):
                values = [float(figures[figure][n, k]) for figure in PER_TISSUE]
                yield key, sample.row, sample.name, tissue, *values, one.calibration_error


def means(summary: Summary) -> Iterator[Iterable[Cell]]:
    """Return the rows of ``summary.csv``: one for each setting."""
    ends = ("", "_low", "_high")
    names = [name.replace("area_error", "area_error_points") for name in _FIGURES]
    yield "setting", "name", *(name + end for name in names for end in ends)
    for line in summary.lines:
        yield line.key, line.name, *_numbers(line)


def _numbers(line: Line) -> Iterator[float]:
    for name in _FIGURES:
        interval = getattr(line, name)
        yield from (interval.mean, interval.low, interval.high)
