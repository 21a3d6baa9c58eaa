"""Means over the images with their intervals, and what limits them, also as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.evaluation.baselines import BASELINES
from napari_vslp.evaluation.figures import RESAMPLES, Bootstrap, Interval
from napari_vslp.evaluation.metrics import BOUNDARY_TOLERANCE, Bins, Scores
from napari_vslp.evaluation.rows import MAIN
from napari_vslp.evaluation.run import Measured, Study
from napari_vslp.pipeline import installed_versions

Vector = NDArray[np.float64]
PER_TISSUE = ("dice", "iou", "boundary_f1", "area_error_points")
_FEW_CASES = 30
_FEW_MASKS = 10
# Shares that were rounded to per cent miss the mask's by less.
_ROUNDING = 1.0


@dataclass(frozen=True)
class Line:
    """The figures of one row, averaged over the images.

    Attributes
    ----------
    key, name
        Of the row.
    dice
        Of the foreground.
    miou, boundary_f1, area_error
        Means over the tissues; the area error is in points.
    calibration_error
        Of the confidences; NaN for baselines.
    tissues
        Tissue → figure of `PER_TISSUE` → interval.
    """

    key: str
    name: str
    dice: Interval
    miou: Interval
    boundary_f1: Interval
    area_error: Interval
    calibration_error: Interval
    tissues: dict[str, dict[str, Interval]]


@dataclass(frozen=True)
class Summary:
    """All that the report says in figures; `cases` is how many cases the images are of."""

    study: Study
    measured: Measured
    lines: tuple[Line, ...]
    cases: int
    caveats: tuple[str, ...]

    @property
    def main(self) -> Line:
        """The line of the row `MAIN`."""
        return next(line for line in self.lines if line.key == MAIN)

    @property
    def baselines(self) -> tuple[Line, ...]:
        """The lines of what needs no network."""
        keys = {one.key for one in BASELINES}
        return tuple(line for line in self.lines if line.key in keys)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        study = self.study
        return {
            "model": study.settings.encoder,
            "upper_bound": study.upper_bound,
            "weights": {one.name: hashed for one, hashed in self.measured.weights.items()},
            "source": study.source,
            "images": len(study.samples),
            "cases": self.cases,
            "tissues": list(study.tissues),
            "foreground": study.tissues[study.foreground],
            "boundary_tolerance_px": BOUNDARY_TOLERANCE,
            "bootstrap": {"resamples": RESAMPLES, "level": 0.95, "seed": study.settings.seed},
            "settings": study.settings.as_dict(),
            "rows": [_line_as_dict(line) for line in self.lines],
            "calibration": {r.name: _bins_as_dict(bins) for r, bins in self.measured.bins.items()},
            "caveats": list(self.caveats),
            "versions": installed_versions(),
        }


def summarise(study: Study, measured: Measured) -> Summary:
    """Average the scores over the images, with intervals over their cases."""
    bootstrap = Bootstrap([one.case for one in study.samples], study.settings.seed)
    lines = tuple(
        _line(study, bootstrap, key, name, measured.scores[key])
        for key, name in measured.names.items()
    )
    return Summary(
        study, measured, lines, bootstrap.cases, caveats_of(study, measured, bootstrap.cases)
    )


def miou_of(scores: Scores) -> float:
    """Return the mean IoU of one image over its tissues."""
    return float(scores.iou.mean())


def per_tissue(scores: Sequence[Scores]) -> dict[str, Vector]:
    """Return the figures of `PER_TISSUE`, each (N, K)."""
    return {
        "dice": np.stack([one.dice for one in scores]),
        "iou": np.stack([one.iou for one in scores]),
        "boundary_f1": np.stack([one.boundary_f1 for one in scores]),
        "area_error_points": np.stack([one.area_error for one in scores]),
    }


def _line(
    study: Study, bootstrap: Bootstrap, key: str, name: str, scores: Sequence[Scores]
) -> Line:
    figures = per_tissue(scores)
    tissues = {
        tissue: {figure: bootstrap.interval(values[:, i]) for figure, values in figures.items()}
        for i, tissue in enumerate(study.tissues)
    }
    return Line(
        key,
        name,
        dice=bootstrap.interval(figures["dice"][:, study.foreground]),
        miou=bootstrap.interval(figures["iou"].mean(1)),
        boundary_f1=bootstrap.interval(figures["boundary_f1"].mean(1)),
        area_error=bootstrap.interval(figures["area_error_points"].mean(1)),
        calibration_error=bootstrap.interval(
            np.array([one.calibration_error for one in scores], np.float64)
        ),
        tissues=tissues,
    )


def _line_as_dict(line: Line) -> dict[str, Any]:
    return {
        "key": line.key,
        "name": line.name,
        "dice": line.dice.as_dict(),
        "miou": line.miou.as_dict(),
        "boundary_f1": line.boundary_f1.as_dict(),
        "area_error_points": line.area_error.as_dict(),
        "calibration_error": line.calibration_error.as_dict(),
        "tissues": {
            tissue: {figure: interval.as_dict() for figure, interval in figures.items()}
            for tissue, figures in line.tissues.items()
        },
    }


def _bins_as_dict(bins: Bins) -> dict[str, Any]:
    filled = [index for index, pixels in enumerate(bins.pixels) if pixels > 0]
    total = max(1.0, float(bins.pixels.sum()))
    return {
        "error_of_all_pixels": None if math.isnan(bins.error) else bins.error,
        "bins": [
            {
                "confidence": float(bins.confidence[i] / bins.pixels[i]),
                "accuracy": float(bins.correct[i] / bins.pixels[i]),
                "share_of_pixels": float(bins.pixels[i]) / total,
            }
            for i in filled
        ],
    }


def caveats_of(study: Study, measured: Measured, cases: int) -> tuple[str, ...]:
    """Return one sentence for each thing that limits what the figures say.

    Parameters
    ----------
    cases
        How many cases the images are of.
    """
    return (
        *_about_images(study, cases),
        *_about_masks(study, measured),
        *_about_shares(study, measured),
        *measured.notes,
    )


def _about_images(study: Study, cases: int) -> Iterator[str]:
    images = len(study.samples)
    if cases < 2:
        yield "All images are of one case, so there are no intervals."
    elif cases < _FEW_CASES:
        yield (
            f"There are only {cases} cases: the intervals are rough, and other cases may fall "
            "outside of them."
        )
    if cases == images > 1:
        yield (
            "The intervals take every image for a case of its own; if some are of the same "
            "patient and the table does not say so in a column “case”, they are too narrow."
        )
    yield (
        "Whether the network learnt from some of these images, or a setting was chosen on them, is "
        "not known here; if so, the figures flatter it."
    )


def _about_masks(study: Study, measured: Measured) -> Iterator[str]:
    ignored = float(np.mean(measured.ignored))
    if ignored > 0:
        yield f"{ignored:.1%} of the pixels have a value that is not counted."
    images = len(measured.shares)
    for tissue, shares in zip(study.tissues, np.array(measured.shares).T, strict=True):
        there = int(np.count_nonzero(shares))
        if there < images and (there < _FEW_MASKS or there < images / 2):
            yield (
                f"{tissue} is in {there} of {images} masks; elsewhere it counts 1 where it is not "
                "found either, and 0 where a single pixel of it is."
            )


def _about_shares(study: Study, measured: Measured) -> Iterator[str]:
    typed = np.stack([one.shares for one in study.samples])
    off = 100 * np.abs(typed - np.array(measured.shares)).max(1)
    if off.max() > _ROUNDING:
        yield (
            f"The table's shares miss the masks' by {off.mean():.1f} points on average and by "
            f"{off.max():.1f} at most; “own share” is the table's."
        )
    vague = sum(not one.certain for one in study.samples)
    if vague:
        yield f"The table gives intervals for {vague} image(s); their middle was typed."
