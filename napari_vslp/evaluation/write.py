"""Writing an evaluation: tables, JSON and the page, all of them or none."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.result_folder import writing_results
from napari_vslp.evaluation.page import page
from napari_vslp.evaluation.summary import PER_TISSUE, Line, Summary, per_tissue

Cell = str | int | float
KIND = "evaluation"
FILES = ("per_image.csv", "summary.csv", "summary.json", "report.html")
_FIGURES = ("dice", "miou", "boundary_f1", "area_error", "calibration_error")


def write_evaluation(summary: Summary, folder: Path, job: Job | None = None) -> list[Path]:
    """Write ``per_image.csv``, ``summary.csv``, ``summary.json`` and ``report.html``.

    Parameters
    ----------
    folder
        Is made if it does not exist; files of an earlier evaluation in it are replaced.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    VslpError
        If the folder cannot be written.
    """
    (job or Job()).report(Progress("Writing the report", 0.0))
    drawn = page(summary)
    with writing_results(folder, KIND) as stage:
        _write_table(stage / "per_image.csv", _per_image(summary))
        _write_table(stage / "summary.csv", _summary_rows(summary))
        text = json.dumps(summary.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        (stage / "summary.json").write_text(f"{text}\n", encoding="utf-8")
        (stage / "report.html").write_text(drawn, encoding="utf-8")
        names = sorted(path.name for path in stage.iterdir())
    return [folder / name for name in names]


def _write_table(path: Path, rows: Iterable[Iterable[Cell]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([_cell(one) for one in row] for row in rows)


def _cell(value: Cell) -> str | int:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"


def _per_image(summary: Summary) -> Iterator[Iterable[Cell]]:
    yield "setting", "line", "image", "tissue", *PER_TISSUE, "calibration_error"
    for key, scores in summary.measured.scores.items():
        figures = per_tissue(scores)
        for n, (sample, one) in enumerate(zip(summary.study.samples, scores, strict=True)):
            for k, tissue in enumerate(summary.study.tissues):
                values = [float(figures[figure][n, k]) for figure in PER_TISSUE]
                yield key, sample.row, sample.name, tissue, *values, one.calibration_error


def _summary_rows(summary: Summary) -> Iterator[Iterable[Cell]]:
    ends = ("", "_low", "_high")
    names = [name.replace("area_error", "area_error_points") for name in _FIGURES]
    yield "setting", "name", *(name + end for name in names for end in ends)
    for line in summary.lines:
        yield line.key, line.name, *_numbers(line)


def _numbers(line: Line) -> Iterator[float]:
    for name in _FIGURES:
        interval = getattr(line, name)
        yield from (interval.mean, interval.low, interval.high)
