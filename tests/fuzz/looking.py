"""What must hold of an image that was read: its pixels, its boxes, its hash, its notes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.raster.contract import open_raster
from tests.fuzz.harness import Refused, end_of

# What is said of an image that needs no conversion of brightness.
_USUAL = "The image is grey; colour would help it."


def check_read(
    source: Callable[[], Any],
    want: NDArray[np.uint8],
    *,
    within: int = 0,
    said: Sequence[str] = (),
    box_seed: int = 0,
    size: tuple[float, float] | None = None,
    may_refuse: str = "",
) -> None:
    """Check that a source reads as these pixels, whole and by boxes, and that notes say how.

    Parameters
    ----------
    source
        Gives what is to be opened, each time anew.
    said
        What notes must say; nothing else is said of brightness, orientation or alpha.
    may_refuse
        What a refusal must hold that is as right as reading; empty if it must be read.
    """
    found = end_of(lambda: _whole_and_notes(source()))
    if isinstance(found, Refused):
        assert may_refuse, found.sentence
        assert may_refuse in found.sentence, found.sentence
        return
    whole, notes, told_size, told_hash = found
    assert whole.dtype == np.uint8
    assert whole.shape == want.shape
    apart = np.abs(whole.astype(int) - want.astype(int))
    assert apart.max() <= within, f"{apart.max()} grey levels apart, {notes}"
    text = " ".join(notes)
    for words in said:
        assert words in text, f"no note says “{words}”: {notes}"
    if not said:
        assert all(note == _USUAL for note in notes), notes
    if size is not None:
        assert told_size is not None
        assert np.allclose(told_size, size, rtol=1e-3), (told_size, size)
    height, width = whole.shape[:2]
    assert told_hash == hashlib.sha256(f"{height} {width} ".encode() + whole.tobytes()).hexdigest()
    for box in boxes(height, width, box_seed):
        top, left, bottom, right = box
        part = open_raster(source()).read(box)
        assert np.array_equal(part, whole[top:bottom, left:right]), f"other pixels in box {box}"


def _whole_and_notes(source: Any) -> tuple[Any, ...]:
    raster = open_raster(source)
    whole = raster.read()
    return whole, raster.notes, raster.pixel_size_um, raster.sha256()


def boxes(height: int, width: int, seed: int) -> list[tuple[int, int, int, int]]:
    """Return two boxes, one of them a single pixel."""
    rng = np.random.default_rng(seed)
    top, left = int(rng.integers(height)), int(rng.integers(width))
    bottom, right = int(rng.integers(top, height)) + 1, int(rng.integers(left, width)) + 1
    return [(top, left, bottom, right), (top, left, top + 1, left + 1)]
