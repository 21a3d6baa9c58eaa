"""Stripes of rows on one thread or several, chosen by measuring, with the same result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise

from napari_vslp.core.progress import Job
from napari_vslp.energy.problem import Array

RowsWork = Callable[[int, int, Array, Array], None]
Border = Callable[[int], Array]

# About 10 ms of work: a cancel is noticed between two chunks of rows.
CHUNK_VALUES = 4_000_000
# Below this a thread costs more to wake than it saves.
SMALLEST_SHARE = 250_000
MOST_THREADS = 4
# More threads must be this much faster, or they are not worth their contention.
GAIN = 1.3
TRIALS = 3
# A sweep this much slower than one thread alone would be has met a busy machine.
STALL = 1.5


@cache
def _pool(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked child needs its own
    return ThreadPoolExecutor(MOST_THREADS - 1, thread_name_prefix="vslp-solver")


def most_threads(values: int) -> int:
    """Return how many threads are worth a trial for so many values."""
    cores = os.cpu_count() or 1
    return max(1, min(MOST_THREADS, cores, values // SMALLEST_SHARE))


class Stripes:
    """The rows of an image, cut into stripes for threads and into chunks for cancelling.

    Parameters
    ----------
    height
        H, rows (px).
    values
        Values that a sweep steps.
    threads
        How many; 0 chooses: each doubling is tried for three sweeps and kept if it is 1.3 times
        faster, and given up for good when a sweep stalls.
    """

    def __init__(self, height: int, values: int, threads: int = 0) -> None:
        self.height = height
        self.threads = max(1, threads)
        self._limit = min(most_threads(values), height) if threads == 0 else self.threads
        self._settled = threads > 0 or self._limit == 1
        self._rows = max(1, CHUNK_VALUES * height // max(1, values))
        self.chunks = self._chunks(0, height)
        self._times: list[float] = []
        self._best, self._alone = (1, float("inf")), float("inf")

    def sweep(self, rows: RowsWork, above: Border, under: Border, job: Job) -> None:
        """Do `rows(first, stop, above, under)` on every row, in as many stripes as pay.

        Parameters
        ----------
        rows
            Steps the rows first…stop−1. `above` carries the forces of the row above and
            `under` is the old row `stop`.
        above, under
            Return those of the row y at which a stripe begins, or ends.

        Raises
        ------
        Cancelled
            If the job was told to stop.
        """
        began = time.perf_counter()
        count = self.threads
        edges = [i * self.height // count for i in range(count + 1)]
        # All borders are taken before any stripe begins, since its neighbours change these rows.
        work = [
            (first, stop, above(first), under(stop), rows, under, job)
            for first, stop in pairwise(edges)
        ]
        others: list[Future[None]] = [_pool(os.getpid()).submit(self._stripe, *w) for w in work[1:]]
        try:
            self._stripe(*work[0])
        finally:
            wait(others)
        for other in others:
            other.result()
        self._choose(time.perf_counter() - began)

    def _stripe(  # noqa: PLR0917 - one call site above, in this order
        self,
        first: int,
        stop: int,
        above: Array,
        last: Array,
        rows: RowsWork,
        under: Border,
        job: Job,
    ) -> None:
        for start, end in self._chunks(first, stop):
            job.check()
            rows(start, end, above, last if end == stop else under(end))

    def _chunks(self, first: int, stop: int) -> list[tuple[int, int]]:
        return [(y, min(y + self._rows, stop)) for y in range(first, stop, self._rows)]

    def _choose(self, seconds: float) -> None:
        """Settle on a number of threads after some sweeps, and leave it when one stalls."""
        if self._settled:
            if self.threads > 1 and seconds > STALL * self._alone:
                self.threads = 1
            return
        self._times.append(seconds)
        if len(self._times) < TRIALS:
            return
        took, self._times = min(self._times), []
        if self.threads == 1:
            self._alone = took
        if took * GAIN <= self._best[1] or self.threads == 1:
            self._best = (self.threads, took)
            if 2 * self.threads <= self._limit:
                self.threads *= 2
                return
        self.threads, self._settled = self._best[0], True
