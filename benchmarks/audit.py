"""Measure whether the audit finds errors, and what clicks where it points bring.

    python benchmarks/audit.py --data ../shared/data --every 6

On EBHI-Seg's validation images, with each image's own share ±5 points or with none. The masks
stand for the pathologist: they say which pixels are wrong, and which tissue lies under a click.
Oracle clicks go to the middle of the largest error, which no pathologist is told.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ebhi_seg import read_images, read_masks, read_rows
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label
from scipy.stats import rankdata

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.evaluation.metrics import dice
from napari_vslp.pipeline import fuse, prepare
from napari_vslp.prepared import Prepared
from napari_vslp.review.overview import doubt
from napari_vslp.review.regions import doubtful_regions

NAMES = ("other", "gland")
SETTINGS = Settings(tolerance=1e-3)
CLICKS = 6
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A validation image as the encoder saw it, its mask and its table of tissues."""

    prepared: Prepared
    mask: Mask
    typed: bool

    def solve(self, clicks: Sequence[Click] = ()) -> Segmentation:
        """Return the result with the image's own share ±5 points, or with none."""
        share = float(self.mask.mean())
        table = (Tissue("other"), Tissue("gland"))
        if self.typed:
            table = (Tissue("other", 1 - share, 0.05), Tissue("gland", share, 0.05))
        return fuse(self.prepared, table, clicks=clicks, settings=SETTINGS)

    def wrong(self, result: Segmentation) -> Mask:
        """Return where the result is not what the mask says."""
        return np.asarray((result.labels == 2) != self.mask)

    def dice(self, result: Segmentation) -> float:
        """Return the Dice of gland."""
        return dice(result.labels == 2, self.mask)

    def answer(self, row: int, column: int) -> Click:
        """Return a click with the tissue that the mask has there."""
        return Click(NAMES[int(self.mask[row, column])], row, column)


def read_cases(folder: Path, every: int, typed: bool) -> list[Case]:
    rows = read_rows(folder, "val")[::every]
    images = read_images(folder, rows).permute(0, 2, 3, 1).numpy()
    pairs = zip(images, read_masks(folder, rows), strict=True)
    return [Case(prepare(image, settings=SETTINGS), mask, typed) for image, mask in pairs]


def roc_area(score: NDArray[np.floating], wrong: Mask) -> float:
    """Return the area under the ROC curve of wrong pixels against a score (Mann & Whitney)."""
    ranks, bad = rankdata(score), wrong.ravel()
    count = int(bad.sum())
    return float((ranks.ravel()[bad].sum() - count * (count + 1) / 2) / (count * (~bad).sum()))


def errors_found(cases: Sequence[Case]) -> dict[str, tuple[float, float]]:
    """Return for each map the ROC area, averaged over images and of all pixels together."""
    maps: dict[str, list[NDArray[np.floating]]] = {}
    wrong = []
    for case in cases:
        result = case.solve()
        wrong.append(case.wrong(result))
        for name, values in {
            "doubt (shown)": doubt(result),
            "margin": -result.margin,
            "fidelity": result.fidelity_map,
            "regularisation": result.regularisation_map,
            "spread of the views": result.spread,
        }.items():
            maps.setdefault(name, []).append(values)
    found = {}
    for name, stack in maps.items():
        each = [roc_area(v, w) for v, w in zip(stack, wrong, strict=True) if w.any()]
        found[name] = float(np.mean(each)), roc_area(np.stack(stack), np.stack(wrong))
    return found


def one_by_one(case: Case, oracle: bool) -> list[float]:
    """Return Dice after 0, 1, … clicks, each put where the result so far asks for it."""
    clicks: list[Click] = []
    values = []
    for _ in range(CLICKS + 1):
        result = case.solve(clicks)
        values.append(case.dice(result))
        point = _oracle_point(case.wrong(result)) if oracle else _audit_point(result, clicks)
        if point is not None:
            clicks.append(case.answer(*point))
    return values


def all_at_once(case: Case, oracle: bool) -> list[float]:
    """Return Dice without clicks and after six that the first result asks for."""
    result = case.solve()
    if oracle:
        points = _largest_errors(case.wrong(result))
    else:
        points = [region.point for region in doubtful_regions(result, doubt(result))[:CLICKS]]
    after = case.solve([case.answer(*point) for point in points])
    return [case.dice(result), case.dice(after)]


def _audit_point(result: Segmentation, clicks: Sequence[Click]) -> tuple[int, int] | None:
    """Return the place of the first region that holds no click yet, as Next would."""
    for region in doubtful_regions(result, doubt(result)):
        if not any(region.holds((click.row, click.column)) for click in clicks):
            return region.point
    return None


def _oracle_point(wrong: Mask) -> tuple[int, int] | None:
    points = _largest_errors(wrong, 1)
    return points[0] if points else None


def _largest_errors(wrong: Mask, count: int = CLICKS) -> list[tuple[int, int]]:
    """Return the middles of the largest errors, each the pixel farthest from its border."""
    regions, _ = label(wrong)
    sizes = np.bincount(regions.ravel())
    sizes[0] = 0
    points = []
    for number in np.argsort(-sizes, kind="stable")[:count]:
        if sizes[number]:
            depth = distance_transform_edt(np.pad(regions == number, 1))[1:-1, 1:-1]
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            points.append((int(row), int(column)))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--every", type=int, default=6, help="measure every n-th image")
    parser.add_argument("--no-shares", action="store_true", help="no share is typed")
    chosen = parser.parse_args()
    cases = read_cases(chosen.data / "ebhi_seg", chosen.every, not chosen.no_shares)
    print(f"{len(cases)} images; area under the ROC curve: mean of the images, all pixels")
    for name, (mean, pooled) in errors_found(cases).items():
        print(f"  {name:22} {mean:.3f}  {pooled:.3f}", flush=True)
    for name, clicked in (("one by one", one_by_one), ("all six at once", all_at_once)):
        audit, oracle = (np.mean([clicked(c, o) for c in cases], 0) for o in (False, True))
        gain = (audit[-1] - audit[0]) / (oracle[-1] - oracle[0])
        print(f"{name}: the audit's clicks bring {gain:.0%} of what the oracle's do")
        print(f"  audit  {audit.round(4)}\n  oracle {oracle.round(4)}", flush=True)


if __name__ == "__main__":
    main()
