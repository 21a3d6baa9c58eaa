"""How stored pixels are turned upright: the eight orientations of TIFF and EXIF (tag 274)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from napari_vslp.raster.contract import Box

UPRIGHT = 1
# Of each orientation: whether rows and columns change places, then what is reversed in the upright
# image: its rows, its columns.
_WAYS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def known(way: object) -> int:
    """Return an orientation as a tag holds it; `UPRIGHT` for what is none."""
    return way if isinstance(way, int) and way in _WAYS else UPRIGHT


def upright_pair(pair: tuple[Any, Any], way: int) -> tuple[Any, Any]:
    """Return a stored (height, width) in upright order."""
    return (pair[1], pair[0]) if _WAYS[way][0] else pair


def stored_box(box: Box, shape: tuple[int, int], way: int) -> Box:
    """Return where a box of the upright image lies in the stored one.

    Parameters
    ----------
    box
        Top, left, bottom, right (px), upright.
    shape
        Height and width of the upright image (px).
    """
    swapped, rows, columns = _WAYS[way]
    top, left, bottom, right = box
    if rows:
        top, bottom = shape[0] - bottom, shape[0] - top
    if columns:
        left, right = shape[1] - right, shape[1] - left
    return (left, top, right, bottom) if swapped else (top, left, bottom, right)


def turned(block: NDArray[Any], way: int) -> NDArray[Any]:
    """Return a stored block (h, w, …) upright."""
    swapped, rows, columns = _WAYS[way]
    block = block.swapaxes(0, 1) if swapped else block
    return block[:: -1 if rows else 1, :: -1 if columns else 1]


def said(way: int) -> str:
    """Return the sentence for the user; empty for what was upright already."""
    if way == UPRIGHT:
        return ""
    return f"The image was turned upright (its orientation is {way}): rows and columns count there."
