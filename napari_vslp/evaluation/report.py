"""An evaluation as files: tables, JSON and a page that needs neither a network nor a script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined

from napari_vslp import __version__
from napari_vslp.core.files.result_folder import writing_results
from napari_vslp.core.progress import Job, Progress
from napari_vslp.evaluation.figures import RESAMPLES, CalibrationDiagram, IntervalBar, picture
from napari_vslp.evaluation.metrics import BINS, BOUNDARY_TOLERANCE, Scores
from napari_vslp.evaluation.rows import MAIN, ROWS, UPPER_BOUND_ROWS
from napari_vslp.evaluation.summary import Summary, miou_of
from napari_vslp.evaluation.tables import means, number, per_image, spread, write_csv

KIND = "evaluation"
FILES = ("per_image.csv", "report.html", "summary.csv", "summary.json")
# The first row of each group of the table, below the baselines.
_GROUPS = (ROWS[0].key, "cut_own", UPPER_BOUND_ROWS[0].key)


def write_evaluation(summary: Summary, folder: Path, job: Job | None = None) -> list[Path]:
    """Write ``per_image.csv``, ``summary.csv``, ``summary.json`` and ``report.html``.

    Parameters
    ----------
    folder
        Is made if it does not exist; an earlier evaluation in it is replaced as a whole.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    VslpError
        If the folder cannot be written, or a file in it that is no earlier evaluation would be
        replaced.
    """
    (job or Job()).report(Progress("Writing the report", 0.0))
    drawn = page(summary)
    with writing_results(folder, KIND) as stage:
        write_csv(stage / "per_image.csv", per_image(summary))
        write_csv(stage / "summary.csv", means(summary))
        text = json.dumps(summary.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        (stage / "summary.json").write_text(f"{text}\n", encoding="utf-8")
        (stage / "report.html").write_text(drawn, encoding="utf-8")
    return [folder / name for name in FILES]


def page(summary: Summary) -> str:
    """Return the report as HTML: table, calibration, caveats and three images."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number, spread=spread)
    template = files("napari_vslp.evaluation") / "report.html.jinja"
    study, measured = summary.study, summary.measured
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        model=_model(summary),
        summary=summary,
        study=study,
        foreground=study.tissues[study.foreground],
        best_baseline=max(summary.baselines, key=lambda line: line.miou.mean),
        bars=_bars(summary),
        row_classes=dict.fromkeys(_GROUPS, "group") | {MAIN: "main"},
        calibration=measured.bins,
        diagram=CalibrationDiagram(measured.bins, len(study.tissues)),
        examples=[_example(summary, *one) for one in chosen(measured.scores[MAIN]).items()],
        weights=dict.fromkeys(hashed[:12] for hashed in measured.weights.values()),
        resamples=f"{RESAMPLES:,}",
        tolerance=f"{BOUNDARY_TOLERANCE:g}",
        bins=BINS,
        version=__version__,
    )


def chosen(scores: list[Scores]) -> dict[str, int]:
    """Return which images are best, median and worst by mIoU, each image once."""
    order = np.argsort([-miou_of(one) for one in scores], kind="stable").tolist()
    places = {"Best": order[0], "Median": order[len(order) // 2], "Worst": order[-1]}
    # Of two images the second is the worst, and one alone is the best.
    seen: dict[int, str] = {}
    for name in ("Best", "Worst", "Median"):
        seen.setdefault(places[name], name)
    return {name: places[name] for name in places if seen.get(places[name]) == name}


@dataclass(frozen=True)
class Example:
    """One image of the page.

    Attributes
    ----------
    place
        “Best”, “Median” or “Worst”.
    name
        Of the image.
    scores
        Of the row `MAIN`.
    miou
        Its mean over the tissues.
    image, truth, found
        Pictures as data URIs: as it is, with the mask's outlines, with the result's.
    shares, typed
        (K,) in the mask, and as they were typed.
    """

    place: str
    name: str
    scores: Scores
    miou: float
    image: str
    truth: str
    found: str
    shares: list[float]
    typed: list[float]


def _example(summary: Summary, place: str, index: int) -> Example:
    study, measured = summary.study, summary.measured
    sample, scores = study.samples[index], measured.scores[MAIN][index]
    raster, region, truth = sample.read(study.labels)
    image = raster.read(region)
    found = measured.kept(index, (truth.shape[0], truth.shape[1]))
    return Example(
        place,
        sample.name,
        scores,
        miou_of(scores),
        picture(image),
        picture(image, truth),
        picture(image, found),
        measured.shares[index].tolist(),
        sample.shares.tolist(),
    )


def _model(summary: Summary) -> str:
    name = summary.study.settings.encoder
    if name == "bundled":
        return "The bundled network"
    return f"The network {Path(name).name if name.endswith('.safetensors') else name}"


def _bars(summary: Summary) -> dict[str, IntervalBar]:
    """Return the bar of each row's mIoU, on one scale."""
    ends = np.array([(one.miou.low, one.miou.mean, one.miou.high) for one in summary.lines])
    lowest, highest = float(np.nanmin(ends)), float(np.nanmax(ends))
    return {one.key: IntervalBar.of(one.miou, lowest, highest) for one in summary.lines}
