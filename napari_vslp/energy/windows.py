"""Where the last of the duality gap sits, and how the method iterates there alone.

With weak edges the last of the gap sits in a few undecided patches of about a thousand pixels, in
which u should be constant and sloshes as a standing wave. So the loop of `solver` sweeps the whole
image a little, then iterates in windows taken from the certificate's gap map, and so on.

The constants are a prototype's. Of six other schedules on 20 training images of EBHI-Seg and the
sample only one needed fewer iterations, by 3 %: windows after 20 whole sweeps instead of 30.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.engines.contract import WindowEngine
from napari_vslp.energy.engines.kernels import compiled
from napari_vslp.energy.engines.window_kernel import Index
from napari_vslp.energy.problem import Array

# Side of the tiles that the gap is summed over (px).
TILE = 4
# Half a tile, by which windows are wider than their tiles; tiles begin there every second time.
CELL = 2
# Whole iterations before the first windows.
FIRST = 30
# Iterations in windows at a time, and what one costs a pixel beside a whole iteration.
LENGTH = 50
PRICE = 1.3
# What windows leave out: this part of the gap, or of what is tolerated, whichever is more.
SHARE_LEFT_OUT = 0.25
TOLERANCE_LEFT_OUT = 0.3
# They cover no more than this share of the image, or leave more out, up to the second number.
MOST_COVERED = 0.3
MOST_LEFT_OUT = 0.7
# Cycles without a gap lower by a tenth, after which windows widen and more whole iterations follow.
PATIENCE = 3
MOST_STALLS = 2
# Iterations without such a gap, after which as many as LONG, and more each time, run everywhere.
WAIT = 120
LONG = (60, 120, 240, 320)
# Above these values (K·H·W) the copies of a whole image would take too much memory.
MOST_COPIED = 16_000_000


class WindowSearch:
    """What the loop does next, by how the gap fell so far; it depends on no clock.

    Parameters
    ----------
    engine
        Whose state is iterated.
    tolerance
        Relative duality gap that is good enough.
    shape
        K, H and W.
    """

    def __init__(self, engine: WindowEngine, tolerance: float, shape: tuple[int, ...]) -> None:
        self._engine, self._tolerance, self._shape = engine, tolerance, shape
        self._best = self._since = np.inf
        self._cycles = self._bad = self._stalls = self._longs = 0

    def advance(self, found: Certificate, left: float, job: Job) -> float:
        """Iterate in windows and then everywhere.

        Parameters
        ----------
        found
            The certificate of the engine's state.
        left
            Iterations that may still be spent; one in windows counts by what it costs.

        Returns
        -------
        float
            Iterations spent, at least 1.

        Raises
        ------
        Cancelled
            If the job was told to stop.
        """
        self._judge(found.gap)
        if self._since > WAIT and left >= 2 * PRICE * LONG[0]:
            return self._everywhere(left, job)
        boxes, share = self._choose(found)
        # Fewer than ten would not pay for the copies.
        count = min(LENGTH, int(left / max(PRICE * share, 1e-9)))
        spent = 0.0
        if count >= 10 and len(boxes):
            self._engine.advance_windows(boxes, count, job)
            spent = PRICE * share * count
        sweeps = round(np.clip(share * count / 2, 2, 5)) if spent else 5
        sweeps = int(np.clip(min(sweeps << self._stalls, 20), 1, max(1, left - spent)))
        self._engine.advance(sweeps, job)
        self._cycles += 1
        self._since += spent + sweeps
        return spent + sweeps

    def _judge(self, gap: float) -> None:
        """Remember the best gap, and how long it is since it fell by a tenth."""
        if gap < 0.9 * self._best:
            self._best, self._since, self._bad = gap, 0.0, 0
            return
        self._bad += 1
        if self._bad >= PATIENCE:
            self._stalls, self._bad = min(self._stalls + 1, MOST_STALLS), 0

    def _choose(self, found: Certificate) -> tuple[Index, float]:
        """Return the windows, and the share that they cover; none if they would cover too much."""
        total = found.gap_map.sum(dtype=np.float64)
        # The gap over the relative gap is what the latter is relative to.
        tolerated = self._tolerance * found.gap / max(found.relative_gap, 1e-30)
        share = SHARE_LEFT_OUT
        while share <= MOST_LEFT_OUT:
            boxes, covered = choose_windows(
                found.gap_map,
                max(TOLERANCE_LEFT_OUT * tolerated, share * total),
                pad=1 + 2 * self._stalls,
                shifted=self._cycles % 2 == 0,
            )
            if covered <= MOST_COVERED:
                return boxes, covered
            share *= 1.5
        return np.zeros((0, 4), np.int64), 0.0

    def _everywhere(self, left: float, job: Job) -> float:
        """Take the whole image for one window, as the last resort where the gap does not fall."""
        tissues, height, width = self._shape
        wanted = LONG[min(self._longs, len(LONG) - 1)]
        self._longs += 1
        self._best, self._since = np.inf, 0.0
        if tissues * height * width > MOST_COPIED:
            self._engine.advance(count := min(wanted, int(left)), job)
            return count
        count = min(wanted, int(left / PRICE) - 1)
        self._engine.advance_windows(np.array([[0, height, 0, width]], np.int64), count, job)
        self._engine.advance(1, job)
        return PRICE * count + 1


def choose_windows(gap: Array, left_out: float, pad: int, shifted: bool) -> tuple[Index, float]:
    """Return disjoint boxes around the tiles that hold the gap.

    Parameters
    ----------
    gap
        (H, W) float32 ≥ 0, the certificate's map (nats).
    left_out
        What the tiles that are left out may sum to (nats).
    pad
        By how many cells of 2 px the windows are wider than the tiles on each side.
    shifted
        Whether the tiles begin half a tile outside the image.

    Returns
    -------
    ndarray
        (n, 4) int64: first row, stop row, first column, stop column (px), each at least 1 px.
    float
        The share of the image that they cover.
    """
    height, width = gap.shape
    offset = CELL if shifted else 0
    sums = np.zeros((-(-(height + offset) // TILE), -(-(width + offset) // TILE)))
    _sum_tiles(gap, offset, sums)
    ordered = np.sort(sums, axis=None)
    first = int(np.searchsorted(np.cumsum(ordered), left_out, side="right"))
    if first == len(ordered):
        return np.zeros((0, 4), np.int64), 0.0
    chosen = np.zeros((2 * sums.shape[0], 2 * sums.shape[1]), np.bool_)
    _mark(sums, ordered[first], pad, chosen)
    boxes = _disjoint_boxes(chosen) * CELL - offset
    boxes = np.clip(boxes, 0, [height, height, width, width])
    sides = boxes[:, 1::2] - boxes[:, ::2]
    boxes = np.ascontiguousarray(boxes[sides.min(axis=1) > 0])
    return boxes, float(sides.clip(0).prod(axis=1).sum() / gap.size)


@compiled
def _sum_tiles(gap: Array, offset: int, sums: NDArray[np.float64]) -> None:
    for y in range(gap.shape[0]):
        row = sums[(y + offset) // TILE]
        for x in range(gap.shape[1]):
            row[(x + offset) // TILE] += gap[y, x]


@compiled
def _mark(sums: NDArray[np.float64], lowest: float, pad: int, chosen: NDArray[np.bool_]) -> None:
    """Mark the cells of all tiles of at least a sum, and those up to `pad` cells around them."""
    rows, columns = chosen.shape
    for i in range(sums.shape[0]):
        for j in range(sums.shape[1]):
            if sums[i, j] >= lowest:
                for y in range(max(2 * i - pad, 0), min(2 * i + 2 + pad, rows)):
                    for x in range(max(2 * j - pad, 0), min(2 * j + 2 + pad, columns)):
                        chosen[y, x] = True


@compiled
def _flood(
    chosen: NDArray[np.bool_], seen: NDArray[np.bool_], stack: NDArray[np.int32], box: Index
) -> int:
    """Mark as seen what touches the cell in `stack`, leave its box, return how many they are."""
    rows, columns = chosen.shape
    y, x = stack[0]
    seen[y, x] = True
    depth, size = 1, 0
    top, stop, left, end = y, y + 1, x, x + 1
    while depth > 0:
        depth -= 1
        i, j = stack[depth]
        size += 1
        top, stop = min(top, i), max(stop, i + 1)
        left, end = min(left, j), max(end, j + 1)
        for a in range(max(i - 1, 0), min(i + 2, rows)):
            for b in range(max(j - 1, 0), min(j + 2, columns)):
                if chosen[a, b] and not seen[a, b]:
                    seen[a, b] = True
                    stack[depth, 0], stack[depth, 1] = a, b
                    depth += 1
    box[0], box[1], box[2], box[3] = top, stop, left, end
    return size


@compiled
def _disjoint_boxes(chosen: NDArray[np.bool_]) -> Index:
    """Return the bounding boxes of what touches, merged until none touches another.

    `chosen` is filled up to them.
    """
    rows, columns = chosen.shape
    stack = np.empty((chosen.size, 2), np.int32)
    boxes = np.empty((chosen.size // 2 + 1, 4), np.int64)
    grown = True
    while grown:
        seen = np.zeros_like(chosen)
        count, grown = 0, False
        for y in range(rows):
            for x in range(columns):
                if chosen[y, x] and not seen[y, x]:
                    stack[0, 0], stack[0, 1] = y, x
                    size = _flood(chosen, seen, stack, boxes[count])
                    top, stop, left, end = boxes[count]
                    grown |= size < (stop - top) * (end - left)
                    count += 1
        for i in range(count):
            chosen[boxes[i, 0] : boxes[i, 1], boxes[i, 2] : boxes[i, 3]] = True
    return boxes[:count].copy()
