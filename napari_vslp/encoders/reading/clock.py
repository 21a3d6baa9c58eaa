"""How far the reading of an image has come, and how long the rest will take."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """Counts pixels that were read, and the seconds in which they were.

    Attributes
    ----------
    needed, further
        How many pixels are to be read in any case, and how many perhaps.
    goes_on
        Whether the latter are expected to be read, too.
    """

    needed: int
    further: int = 0
    goes_on: bool = False
    _read: int = 0
    _seconds: float = 0.0
    _timed: int = 0
    _last: float = 0.0
    _batches: int = 0

    def start(self) -> None:
        """Begin to measure anew: what passed since the last step is not reading."""
        self._last = time.monotonic()

    def count(self, pixels: int) -> None:
        """Take a batch into account; the first one also warms the processor up."""
        now = time.monotonic()
        self._read += pixels
        self._batches += 1
        if self._batches > 1:
            self._seconds += now - self._last
            self._timed += pixels
        self._last = now

    @property
    def fraction(self) -> float:
        """Share of all pixels, in [0, 1]."""
        return self._read / (self.needed + self.further)

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None as long as nobody knows."""
        if not self._timed:
            return None
        pixels = self.needed + (self.further if self.goes_on else 0) - self._read
        return max(0, pixels) * self._seconds / self._timed
