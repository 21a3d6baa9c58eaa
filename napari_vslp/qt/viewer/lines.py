"""Where the overlay draws: outlines and hatching in each tissue's full colour, tissue in between.

A colour laid thinly over a stained section is no longer that colour: it may come out nearer to
another tissue's swatch than to its own (docs/colours.md). Lines cover what lies below them, so that
they have their own colour over any stain, and their direction helps where eyes cannot tell colours.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]

_PER_PERIOD = 36  # periods of the hatching to the longer side
_WIDTHS = 6  # widths of a line to a period
_SMALLEST = 8  # px of a period
_PATTERNS = 8


def drawn(labels: Labels) -> Labels:
    """Return the labels where a line runs, 0 elsewhere.

    Parameters
    ----------
    labels
        (h, w) uint8: 0 for nothing, i + 1 for tissue i.

    Returns
    -------
    ndarray
        (h, w) uint8. Lines run along both sides of each border, and as hatching within: ╱, ╲, │
        and ─ for the first four tissues, wider apart for the next four, then again.
    """
    period, width = _sizes(labels.shape)
    bits = _hatching(labels.shape[0], labels.shape[1], period, width)
    pattern = np.zeros(256, np.uint8)
    pattern[1:] = 1 << (np.arange(255) % _PATTERNS)
    line = (bits & pattern[labels]) != 0
    for away in range(1, width + 1):
        down = labels[away:] != labels[:-away]
        line[away:] |= down
        line[:-away] |= down
        across = labels[:, away:] != labels[:, :-away]
        line[:, away:] |= across
        line[:, :-away] |= across
    return np.where(line, labels, np.uint8(0))


def _sizes(shape: tuple[int, ...]) -> tuple[int, int]:
    period = max(_SMALLEST, max(shape) // _PER_PERIOD)
    return period, max(1, period // _WIDTHS)


@lru_cache(maxsize=2)
def _hatching(height: int, width: int, period: int, line: int) -> Labels:
    """Return (height, width) uint8 with bit k set where a line of pattern k runs."""
    side = 2 * period
    rows, columns = np.mgrid[:side, :side]
    bits = np.zeros((side, side), np.uint8)
    for index, way in enumerate((rows + columns, rows - columns, columns, rows)):
        bits |= ((way % period) < line).astype(np.uint8) << index
        bits |= ((way % side) < line).astype(np.uint8) << (index + 4)
    whole = np.tile(bits, (-(-height // side), -(-width // side)))[:height, :width]
    whole.flags.writeable = False
    return whole
