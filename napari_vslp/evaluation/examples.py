"""The best, the median and the worst image, drawn for the page."""

from __future__ import annotations

from html import escape

import numpy as np

from napari_vslp.evaluation.metrics import Scores
from napari_vslp.evaluation.pictures import picture
from napari_vslp.evaluation.rows import MAIN
from napari_vslp.evaluation.summary import Summary, miou_of
from napari_vslp.evaluation.words import number


def chosen(scores: list[Scores]) -> dict[str, int]:
    """Return which images are best, median and worst by mIoU, each image once."""
    order = np.argsort([-miou_of(one) for one in scores], kind="stable").tolist()
    places = {"Best": order[0], "Median": order[len(order) // 2], "Worst": order[-1]}
    # Of two images the second is the worst, and one alone is the best.
    seen: dict[int, str] = {}
    for name in ("Best", "Worst", "Median"):
        seen.setdefault(places[name], name)
    return {name: places[name] for name in places if seen.get(places[name]) == name}


def examples(summary: Summary) -> str:
    """Draw the chosen images: as they are, with the mask's outline and with the result's."""
    scores = summary.measured.scores[MAIN]
    return "".join(_example(summary, name, index) for name, index in chosen(scores).items())


def _example(summary: Summary, name: str, index: int) -> str:
    study, sample = summary.study, summary.study.samples[index]
    scores = summary.measured.scores[MAIN][index]
    raster, region, truth = sample.read(study.labels)
    image = raster.read(region)
    found = summary.measured.kept(index, (truth.shape[0], truth.shape[1]))
    shares = summary.measured.shares[index]
    typed = _shares(study.tissues, sample.shares.tolist())
    figures = "; ".join(
        f"{tissue}: Dice {number(scores.dice[k])}, IoU {number(scores.iou[k])}, "
        f"boundary F1 {number(scores.boundary_f1[k])}, area off by "
        f"{number(scores.area_error[k], 1)} points"
        for k, tissue in enumerate(study.tissues)
    )
    return (
        f"<h3>{name}: {escape(sample.name)}, mIoU {number(miou_of(scores))}</h3>"
        f'<div class="triple">{_figure(picture(image), "Image", sample.name)}'
        f"{_figure(picture(image, truth), f'Mask: {_shares(study.tissues, shares.tolist())}', '')}"
        f"{_figure(picture(image, found), f'Result, typed {typed}', '')}</div>"
        f'<p class="note">{escape(figures)}.</p>'
    )


def _shares(tissues: tuple[str, ...], shares: list[float]) -> str:
    pairs = zip(tissues, shares, strict=True)
    return ", ".join(f"{tissue} {100 * share:.0f} %" for tissue, share in pairs)


def _figure(address: str, caption: str, name: str) -> str:
    told = escape(name or caption, quote=True)
    return (
        f'<figure><img src="{address}" alt="{told}"><figcaption>{escape(caption)}</figcaption>'
        "</figure>"
    )
