"""A reading that was stopped, kept for whoever asks for the same one again.

Imports nothing slow: the window makes one before torch is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_vslp.encoders.embedding import Reader


@dataclass
class Unfinished:
    """Holds at most one reader; one thread at a time may use it."""

    _key: str = ""
    _reader: Reader | None = None

    @property
    def waits(self) -> bool:
        """Whether there is a reading that could go on."""
        return self._reader is not None

    def reader(self, key: str, make: Callable[[], Reader]) -> Reader:
        """Return the reader that was kept under a key, or else a new one, which is kept."""
        if self._reader is None or self._key != key:
            self._key, self._reader = key, make()
        return self._reader

    def forget(self) -> None:
        """Keep nothing: the reading is finished."""
        self._key, self._reader = "", None
