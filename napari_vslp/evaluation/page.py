"""The report: one page that needs neither a network nor a script."""

from __future__ import annotations

from html import escape
from pathlib import Path

from napari_vslp import __version__
from napari_vslp.evaluation.bootstrap import RESAMPLES, Interval
from napari_vslp.evaluation.calibration import BINS
from napari_vslp.evaluation.diagram import calibration_diagram, interval_bar
from napari_vslp.evaluation.examples import examples
from napari_vslp.evaluation.metrics import BOUNDARY_TOLERANCE
from napari_vslp.evaluation.rows import CEILING_ROWS, MAIN, ROWS
from napari_vslp.evaluation.style import STYLE
from napari_vslp.evaluation.summary import Line, Summary
from napari_vslp.evaluation.words import number, spread

_GROUPS = (ROWS[0].key, "cut_own", CEILING_ROWS[0].key)


def page(summary: Summary) -> str:
    """Return the report as HTML: table, calibration, caveats and three images."""
    title = f"{_model(summary)} on {len(summary.study.samples)} images"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _lead(summary),
            _table(summary),
            "<h2>When not to trust these figures</h2>",
            f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in summary.caveats)}</ul>",
            _calibration(summary),
            "<h2>Best, median and worst image</h2>",
            f"<p>By mIoU of “{escape(_main(summary).name)}”. Outlines separate the tissues.</p>",
            examples(summary),
            _foot(summary),
            "</body></html>\n",
        )
    )


def _model(summary: Summary) -> str:
    name = summary.study.settings.encoder
    if name == "bundled":
        return "The bundled network"
    return f"The network {Path(name).name if name.endswith('.safetensors') else name}"


def _main(summary: Summary) -> Line:
    return next(line for line in summary.lines if line.key == MAIN)


def _lead(summary: Summary) -> str:
    line, study = _main(summary), summary.study
    floors = [one for one in summary.lines if one.key.startswith("floor_")]
    best = max(floors, key=lambda one: one.miou.mean)
    source = f" from {escape(study.source)}" if study.source else ""
    return (
        f'<p class="lead">With each image’s own share typed ±5 points, '
        f"{escape(study.tissues[study.foreground])} is found with a Dice of "
        f"<b>{number(line.dice.mean)}</b> {_between(line.dice)}, and all tissues with a mean IoU "
        f"of <b>{number(line.miou.mean)}</b> {_between(line.miou)}. The best floor without a "
        f"network, “{escape(best.name)}”, reaches a mean IoU of {number(best.miou.mean)}.</p>"
        f'<p class="faint">{len(study.samples)} images of {summary.cases} cases{source}; tissues: '
        f"{escape(', '.join(study.tissues))}.</p>"
    )


def _between(interval: Interval) -> str:
    return f'<span class="faint">{spread(interval)}</span>'


def _table(summary: Summary) -> str:
    foreground = escape(summary.study.tissues[summary.study.foreground])
    ends = [
        value
        for line in summary.lines
        for value in (line.miou.low, line.miou.mean, line.miou.high)
        if value == value  # noqa: PLR0124 - NaN where there is one case only
    ]
    rows = "".join(_row(line, min(ends), max(ends)) for line in summary.lines)
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">setting</th>'
        f'<th scope="col">Dice of {foreground}</th><th scope="col">mIoU</th><td></td>'
        '<th scope="col">boundary F1</th><th scope="col">area error</th>'
        f'<th scope="col">ECE</th></tr></thead><tbody>{rows}</tbody></table></div>'
        '<p class="note">Each figure is taken per image and then averaged; in brackets the 95 % '
        f"interval of the mean ({RESAMPLES:,} bootstrap resamples of the cases). mIoU and boundary "
        "F1 are means over the tissues; a tissue that neither the mask nor the result has counts "
        f"1. Boundaries count as found within {BOUNDARY_TOLERANCE:g} px; the image’s edge is no "
        "boundary. Area error: |share found − share in the mask|, in points, mean over the "
        f"tissues. ECE: calibration error of the network’s confidences ({BINS} bins); rows that "
        "start from the same confidences share it. “Off by up to n”: the typed share errs "
        "uniformly by up to n points.</p>"
    )


def _row(line: Line, lowest: float, highest: float) -> str:
    kinds = [
        name
        for name, is_so in (("group", line.key in _GROUPS), ("main", line.key == MAIN))
        if is_so
    ]
    return (
        f'<tr class="{" ".join(kinds)}"><th scope="row">{escape(line.name)}</th>'
        f"<td>{number(line.dice.mean)} <small>{spread(line.dice)}</small></td>"
        f"<td>{number(line.miou.mean)} <small>{spread(line.miou)}</small></td>"
        f'<td class="drawn">{interval_bar(line.miou, lowest, highest)}</td>'
        f"<td>{number(line.boundary_f1.mean)}</td><td>{number(line.area_error.mean, 1)}</td>"
        f"<td>{number(line.calibration_error.mean)}</td></tr>"
    )


def _calibration(summary: Summary) -> str:
    bins = summary.measured.bins
    legend = "".join(
        f'<li class="s{index}">● <b>{escape(reading.name)}: calibration error of all pixels '
        f"together {number(one.error)}</b></li>"
        for index, (reading, one) in enumerate(bins.items())
    )
    return (
        "<h2>Are the confidences honest?</h2><p>On the dashed line a confidence of 80 % is right "
        "in 80 % of the pixels; below it the network is too sure. The area of a disc is its share "
        "of the pixels. These are the confidences before any share is typed.</p>"
        f'<ul class="legend">{legend}</ul>{calibration_diagram(bins, len(summary.study.tissues))}'
    )


def _foot(summary: Summary) -> str:
    weights = ", ".join(dict.fromkeys(h[:12] for h in summary.measured.weights.values()))
    settings = summary.study.settings
    return (
        f'<p class="note">napari-vslp {escape(__version__)}, weights {escape(weights)} (SHA-256), '
        f"smoothness {settings.boundary_weight:g}, seed {settings.seed}. All figures per image "
        "are in per_image.csv, all means in summary.csv and summary.json.</p>"
    )
