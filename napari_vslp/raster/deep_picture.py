"""Pictures of more than 8 bits a sample, which Pillow would cut to 8: PNG, JPEG 2000 and PPM."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_SIZ = b"\xff\x4f\xff\x51"
_JP2 = b"\0\0\0\x0cjP  "
_SYCC = 18
# A magic number, then width, height and largest value, between blanks and comments.
_PPM = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3 + rb"\s")
_START = 2**16


class Deep(NamedTuple):
    """How a picture of many bits is decoded.

    Attributes
    ----------
    decode
        Gives (H, W) or (H, W, C), of unsigned integers.
    dtype
        Of these.
    channels
        C, alpha included.
    white
        The value of white as the file tells it; None where it only tells how many bits it stores.
    """

    decode: Callable[[], NDArray[Any]]
    dtype: np.dtype[Any]
    channels: int
    white: float | None


def png_bits(start: bytes) -> int | None:
    """Return the bits a sample of a PNG has by its first bytes; None for other files."""
    return start[24] if start.startswith(_PNG) and len(start) > 25 else None


def png_has_late_words(path: Path) -> bool:
    """Whether a PNG has text or EXIF behind its pixels; nothing is decoded."""
    with path.open("rb") as stream:
        stream.seek(len(_PNG))
        behind = False
        while len(head := stream.read(8)) == 8:
            kind = head[4:]
            behind |= kind == b"IDAT"
            if behind and kind in {b"eXIf", b"tEXt", b"iTXt", b"zTXt"}:
                return True
            stream.seek(int.from_bytes(head[:4]) + 4, 1)
    return False


def find_deep(path: Path, see_through: bool) -> Deep | None:
    """Return how to decode a picture of more than 8 bits; None for all others.

    Parameters
    ----------
    see_through
        Whether one of the picture's colours means see-through.

    Raises
    ------
    VslpError
        If its colours are of a kind that cannot be converted at this depth.
    """
    with path.open("rb") as stream:
        start = stream.read(_START)
    if png_bits(start) == 16:
        return _png(path, start, see_through)
    if start.startswith((_SIZ, _JP2)) and _SIZ in start:
        return _jpeg_2000(path, start)
    found = _PPM.match(start)
    if found is not None and int(found[4]) > 255:
        return _ppm(path, found)
    return None


def _png(path: Path, start: bytes, see_through: bool) -> Deep:
    def decode() -> NDArray[Any]:
        import imagecodecs

        pixels: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
        return pixels

    # By the standard samples with an sBIT chunk have been scaled to all 16 bits.
    white = 65535 if b"sBIT" in start[: start.find(b"IDAT")] else None
    return Deep(decode, np.dtype(np.uint16), _PNG_CHANNELS[start[25]] + see_through, white)


def _jpeg_2000(path: Path, start: bytes) -> Deep | None:
    at = start.index(_SIZ) + len(_SIZ)
    channels = int.from_bytes(start[at + 36 : at + 38])
    depth = start[at + 38]
    bits, signed = (depth & 0x7F) + 1, bool(depth & 0x80)
    if bits <= 8 or signed or channels > 4:
        return None
    colours = start.find(b"colr")
    if 0 <= colours < at and start[colours + 4] == 1:
        kind = int.from_bytes(start[colours + 7 : colours + 11])
        if kind == _SYCC:
            raise VslpError(f"“{path}” holds YCbCr colours of {bits} bits: save it as RGB.")

    def decode() -> NDArray[Any]:
        import imagecodecs

        pixels: NDArray[Any] = imagecodecs.jpeg2k_decode(path.read_bytes())
        return pixels

    white = None if bits == 16 else 2**bits - 1
    return Deep(decode, np.dtype(np.uint16 if bits <= 16 else np.uint32), channels, white)


def _ppm(path: Path, found: re.Match[bytes]) -> Deep:
    kind, width, height, most = (int(found[i]) for i in range(1, 5))
    channels = 3 if kind in {3, 6} else 1
    shape = (height, width) if channels == 1 else (height, width, channels)

    def decode() -> NDArray[Any]:
        data = path.read_bytes()[found.end() :]
        if kind in {5, 6}:
            values = np.frombuffer(data, ">u2", height * width * channels)
        else:
            values = np.array([int(one) for one in data.split()[: height * width * channels]])
        if values.size and not 0 <= values.min() <= values.max() <= most:
            raise ValueError("a value is larger than the largest that the file tells")
        return values.astype(np.uint16).reshape(shape)

    return Deep(decode, np.dtype(np.uint16), channels, None if most == 65535 else most)
