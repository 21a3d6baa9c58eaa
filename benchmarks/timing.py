"""What the solver's benchmarks share: a clock, a line of the table, and the memory's speed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np

WIDTHS = (46, 34, 10, 11, 8)


def clock(work: Callable[[], object], repeats: int = 5, warm: bool = True) -> float:
    """Return the median seconds of some repeats, after one that is not counted."""
    if warm:
        work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def head(title: str) -> None:
    """Print a section's title and the names of the columns."""
    names = ("work", "peer", "ours ms", "peer ms", "peer/ours")
    print(f"\n## {title}\n" + _cells(*names) + "   wanted")


def row(
    work: str, peer: str, ours: float, theirs: float, *, wanted: str = "", note: str = ""
) -> None:
    """Print one comparison, seconds given, with the ratio of the peer's time to ours."""
    ratio = f"{theirs / ours:.2f}" if theirs < 10 * ours else f"{theirs / ours:.0f}"
    line = _cells(work, peer, f"{ours * 1e3:.2f}", f"{theirs * 1e3:.2f}", ratio)
    print(f"{line}   {wanted}")
    if note:
        print(f"    {note}")


def _cells(*texts: str) -> str:
    shown = zip(texts, WIDTHS, "<<>>>", strict=True)
    return " ".join(f"{text:{side}{width}}" for text, width, side in shown)


@numba.njit(fastmath=True)
def _triad(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    scale = np.float32(3)
    for i in range(a.size):
        a[i] = b[i] + scale * c[i]


def triad_speed(megabytes: int) -> float:
    """Return the bytes a second that one thread moves in a = b + 3c over arrays of that size."""
    values = megabytes * 10**6 // 12
    a, b, c = (np.ones(values, np.float32) for _ in range(3))
    return 12 * values / clock(lambda: _triad(a, b, c), 15)
