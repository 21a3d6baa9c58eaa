"""The doubtful regions of a result, the one most worth a second look first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.measure import find_contours
from skimage.segmentation import watershed

from napari_vslp.core.inputs import Box
from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.review.pixels import boundary_map, runner_up, terms_at

MOST = 30
# Regions are found on a grid of at most this many px a side: a slide has no more of them.
GRID = 400
# A boundary's doubt is a line 2–4 px wide: smoothed as wide as that, it stays below a spot's.
BLUR_PX = 3.0
# Doubtful is the tenth of the tissue with the most doubt, if it is in doubt at all.
SHARE, FLOOR = 0.10, 0.15
# Two parts whose middles are nearer than this share of the grid's longer side are one region.
APART = 0.03
# A region of fewer px on the grid is a speck.
SPECK = 16
# The place to click lies this deep in its region, if it can.
DEEP_PX = 4.0

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Region:
    """One connected doubtful region; all positions are px of the whole image.

    Attributes
    ----------
    box
        Top, left, bottom, right.
    mask
        (bottom − top, right − left) bool.
    outline
        Closed polygons, (n, 2) float64 rows and columns.
    point
        Row and column of the most doubtful pixel: the place to click.
    shown, runner_up
        Indices of the tissue that most of it is, and of the one that `point` could as well be.
    pixels
        Its area (px).
    area_um2
        Its area (µm²); None if the pixel size is unknown.
    energy
        Mean of what doubt costs there (nats per px); times `pixels` it is the rank's order.
    """

    box: Box
    mask: Mask
    outline: tuple[NDArray[np.float64], ...]
    point: tuple[int, int]
    shown: int
    runner_up: int
    pixels: int
    area_um2: float | None
    energy: float

    @property
    def worth(self) -> float:
        """Energy × area (nats): how much a second look is worth."""
        return self.energy * self.pixels

    def overlaps(self, other: Region) -> bool:
        """Whether two regions share at least half of the smaller one."""
        top, left = max(self.box[0], other.box[0]), max(self.box[1], other.box[1])
        bottom, right = min(self.box[2], other.box[2]), min(self.box[3], other.box[3])
        if top >= bottom or left >= right:
            return False
        parts = (
            one.mask[top - one.box[0] : bottom - one.box[0], left - one.box[1] : right - one.box[1]]
            for one in (self, other)
        )
        common = int(np.count_nonzero(np.logical_and(*parts)))
        return 2 * common >= min(self.pixels, other.pixels)

    def holds(self, point: tuple[int, int]) -> bool:
        """Whether a pixel of the image lies in the region."""
        top, left, bottom, right = self.box
        row, column = point
        inside = top <= row < bottom and left <= column < right
        return bool(inside and self.mask[row - top, column - left])


def doubtful_regions(result: Segmentation, doubt: FloatMap, most: int = MOST) -> tuple[Region, ...]:
    """Return the doubtful regions of a result, ranked by energy × area.

    Parameters
    ----------
    doubt
        (h, w) float32 in [0, 1], as `audit.doubt.doubt` returns it.
    most
        How many regions at most.

    Notes
    -----
    The doubt is smoothed over a few px, cut at the level that leaves a tenth of the tissue (but
    never below `FLOOR`), and split at necks: a watershed of the depth below its border. What a
    pixel costs is its doubt × (1 + fidelity + regularisation): doubt alone counts, and counts
    more where the energy is high.
    """
    tissue = result.labels > 0
    if not tissue.any():
        return ()
    step = -(-max(tissue.shape) // GRID)
    smooth = _smooth(doubt, tissue, step)
    parts = _parts(smooth, block_mean(tissue.astype(np.float32), step) > 0.5)
    energy = doubt * (1 + result.fidelity_map + boundary_map(result))
    worth = ndimage.sum_labels(block_mean(energy, step), parts, range(1, int(parts.max()) + 1))
    order = np.argsort(-np.asarray(worth), kind="stable")[:most]
    boxes = ndimage.find_objects(parts)
    found = [_region(result, energy, smooth, parts, int(i) + 1, boxes[i], step) for i in order]
    return tuple(sorted((r for r in found if r is not None), key=lambda r: -r.worth))


def block_mean(values: FloatMap, step: int) -> FloatMap:
    """Return the mean over blocks of step × step px, (⌈h/step⌉, ⌈w/step⌉) float32."""
    if step == 1:
        return values
    height, width = values.shape
    even = np.pad(values, ((0, -height % step), (0, -width % step)), mode="edge")
    # Sums of slices: three times as fast as a mean over an axis.
    rows = np.sum([even[i::step] for i in range(step)], axis=0)
    whole = np.sum([rows[:, i::step] for i in range(step)], axis=0)
    return np.asarray(whole / np.float32(step * step), np.float32)


def _smooth(doubt: FloatMap, tissue: Mask, step: int) -> FloatMap:
    """Return the doubt smoothed within the tissue, on the grid."""
    sigma = max(BLUR_PX / step, 1.0)
    inside = block_mean(tissue.astype(np.float32), step)
    weight = ndimage.gaussian_filter(inside, sigma, mode="nearest")
    total = ndimage.gaussian_filter(block_mean(doubt, step), sigma, mode="nearest")
    return np.asarray(total / np.maximum(weight, 0.1), np.float32)


def _parts(smooth: FloatMap, tissue: Mask) -> Labels:
    """Return numbered regions on the grid, 0 where nothing is doubtful."""
    if not tissue.any():
        return np.zeros(smooth.shape, np.int32)
    level = max(float(np.quantile(smooth[tissue], 1 - SHARE)), FLOOR)
    above = tissue & (smooth >= level)
    # Lines one or two px wide are boundaries, and no place to click.
    above = ndimage.binary_opening(above, np.ones((3, 3), bool))
    depth = ndimage.distance_transform_edt(np.pad(above, 1))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, 1.0)
    apart = max(2, round(APART * max(smooth.shape)))
    peaks = peak_local_max(  # type: ignore[no-untyped-call]
        depth, min_distance=apart, labels=above.astype(np.int32), exclude_border=False
    )
    seeds = np.zeros(smooth.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = watershed(-depth, seeds, mask=above)  # type: ignore[no-untyped-call]
    sizes = np.bincount(parts.ravel())
    enough = sizes >= min(SPECK, max(1, tissue.size // 400))
    enough[0] = False
    # Numbered anew without gaps.
    numbers = np.where(enough, np.cumsum(enough), 0).astype(np.int32)
    return np.asarray(numbers[parts], np.int32)


def _region(  # noqa: PLR0917 - one call site above, in this order
    result: Segmentation,
    energy: FloatMap,
    smooth: FloatMap,
    parts: Labels,
    number: int,
    box: tuple[slice, slice],
    step: int,
) -> Region | None:
    """Return one numbered region in full resolution; None if no tissue is in it."""
    height, width = result.labels.shape
    top, left = box[0].start * step, box[1].start * step
    bottom, right = min(box[0].stop * step, height), min(box[1].stop * step, width)
    here = np.s_[top:bottom, left:right]
    labels = result.labels[here]
    mask = _spread_out(parts[box] == number, step, labels.shape) & (labels > 0)
    if not mask.any():
        return None
    shown = int(np.bincount(labels[mask]).argmax()) - 1
    mine = mask & (labels == shown + 1)
    row, column = _peak(mine, _spread_out(smooth[box], step, mine.shape))
    pixels, offset = int(np.count_nonzero(mask)), result.region[:2]
    size = result.pixel_size_um
    return Region(
        box=(top + offset[0], left + offset[1], bottom + offset[0], right + offset[1]),
        mask=mask,
        outline=_outline(parts[box] == number, (top + offset[0], left + offset[1]), step),
        point=(row + top + offset[0], column + left + offset[1]),
        shown=shown,
        runner_up=_next_tissue(result, (row + top, column + left), shown),
        pixels=pixels,
        area_um2=None if size is None else pixels * size[0] * size[1],
        energy=float(energy[here][mask].mean(dtype=np.float64)),
    )


def _spread_out(blocks: NDArray[Any], step: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a map on the grid in full resolution, cut to a shape."""
    if step == 1:
        return blocks
    return np.repeat(np.repeat(blocks, step, axis=0), step, axis=1)[: shape[0], : shape[1]]


def _peak(mine: Mask, smooth: FloatMap) -> tuple[int, int]:
    """Return row and column where doubt is high and the region's border a few px away.

    Right on a border a click would settle little, and a hand might miss.
    """
    depth = ndimage.distance_transform_edt(np.pad(mine, 1))[1:-1, 1:-1]
    flat = int(np.argmax(smooth * np.minimum(depth, DEEP_PX)))
    return flat // mine.shape[1], flat % mine.shape[1]


def _next_tissue(result: Segmentation, place: tuple[int, int], shown: int) -> int:
    """Return the tissue that the place to click could as well be: the reason speaks of it too."""
    row, column = place
    terms = terms_at(result, np.array([row]), np.array([column]))
    return int(runner_up(terms, np.array([shown], np.uint8))[0])


def _outline(blocks: Mask, corner: tuple[int, int], step: int) -> tuple[NDArray[np.float64], ...]:
    """Return the contours of a mask on the grid whose first block's first pixel is `corner`."""
    framed = np.pad(blocks, 1).astype(np.float32)
    found = find_contours(framed, 0.5)  # type: ignore[no-untyped-call]
    lines = (_rounded(line) for line in found if len(line) > 3)
    # A block's centre lies (step − 1)/2 px after its first pixel's.
    shift = np.array(corner, np.float64) + (step - 1) / 2
    return tuple((line - 1) * step + shift for line in lines)


def _rounded(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a closed line without the steps of the grid."""
    points = line[:-1]
    for _ in range(2):
        points = (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4
    return np.vstack([points, points[:1]])
