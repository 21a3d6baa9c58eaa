"""Pictures as Pillow reads them, PNG and JPEG above all, and Pillow's own Image objects."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import read_start
from napari_vslp.raster import orientation
from napari_vslp.raster.colour import Alpha, Raw, Samples
from napari_vslp.raster.contract import Box
from napari_vslp.raster.pixel_size import from_dots_per_inch
from napari_vslp.raster.sampled import SampledRaster

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


_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
_ORIENTATION = 274
# What Pillow and the codecs raise for damaged files.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    TypeError,
)
_SEVERAL = "The file holds several pictures; only the first was read."
# Modes whose arrays mean what they say; all others are turned into colours first.
_PLAIN = {"1", "L", "LA", "La", "RGB", "RGBA", "RGBa", "I", "F", "I;16", "I;16L", "I;16B"}
_COLOURS = {"P", "PA", "CMYK", "YCbCr", "HSV", "RGBX"}
_CHANNELS = {"LA": 2, "La": 2, "RGB": 3, "RGBA": 4, "RGBa": 4}
_DTYPES = {"1": np.bool_, "I": np.int32, "F": np.float32}


class PictureRaster(SampledRaster):
    """A picture, decoded as a whole when the first box of it is read."""

    def __init__(self, source: Path | Image.Image, header: Image.Image) -> None:
        self._source = source
        self._name = f"“{source}”" if isinstance(source, Path) else "The picture"
        self._mode, self._note = _shown_mode(header, self._name)
        self._deep: Deep | None = None
        if isinstance(source, Path):
            self._deep = find_deep(source, "transparency" in header.info)
        self._pixels: Raw | None = None
        super().__init__(
            [(header.height, header.width)],
            self._meaning(),
            way=orientation.known(_exif_orientation(header, source)),
            pixel_size_um=from_dots_per_inch(header.info.get("dpi")),
            notes=[_SEVERAL if getattr(header, "n_frames", 1) > 1 else "", self._note],
            grain=(header.height, header.width),
        )

    def _meaning(self) -> Samples:
        if self._deep is not None:
            dtype, channels, white = self._deep.dtype, self._deep.channels, self._deep.white
        else:
            channels, white = _CHANNELS.get(self._mode, 1), None
            wide = np.uint16 if self._mode.startswith("I;16") else np.uint8
            dtype = np.dtype(_DTYPES.get(self._mode, wide))
        alpha = Alpha.NONE
        if channels in {2, 4}:
            alpha = Alpha.PREMULTIPLIED if self._mode in {"La", "RGBa"} else Alpha.STRAIGHT
        return Samples(dtype, tuple(range(channels)), alpha, white)

    def _stored(self, box: Box, level: int) -> Raw:
        del level  # there is one
        if self._pixels is None:
            pixels = self._decoded()
            self._pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
        return self._pixels[box[0] : box[2], box[1] : box[3]]

    def _decoded(self) -> NDArray[Any]:
        if self._deep is not None:
            with _explained(self._source):
                pixels = self._deep.decode()
                if pixels.shape[:2] != self._stored_shape:
                    raise ValueError(pixels.shape)
                return pixels
        with _opened(self._source) as picture:
            shown = picture if picture.mode == self._mode else picture.convert(self._mode)
            return np.asarray(shown)

    def stored_values(self) -> NDArray[Any]:
        """Return what is stored, upright: indices, not colours; few bits as numbers from 0."""
        if self._deep is not None:
            pixels = self._decoded()
        else:
            with _opened(self._source) as picture:
                pixels = np.asarray(picture)
                bits = None
                if isinstance(self._source, Path) and picture.mode == "L":
                    bits = png_bits(read_start(self._source, 32))
            # Pillow stretches grey of 2 and 4 bits to 8, each value exactly.
            if bits in {2, 4}:
                pixels = pixels // (255 // (2**bits - 1))
        return orientation.turned(pixels, self._way)


def open_picture(path: Path) -> PictureRaster:
    """Open a picture file; only its header is read.

    Raises
    ------
    VslpError
        If it is no picture, damaged or too large.
    """
    with _opened(path) as header:
        return PictureRaster(path, header)


def picture_of(image: Image.Image) -> PictureRaster:
    """Return the raster of a picture that Pillow has opened or made."""
    with _explained(image):
        return PictureRaster(image, image)


@contextmanager
def _opened(source: Path | Image.Image) -> Iterator[Image.Image]:
    with _explained(source):
        if isinstance(source, Image.Image):
            yield source
            return
        with Image.open(source, formats=_FORMATS) as picture:
            yield picture


@contextmanager
def _explained(source: Path | Image.Image) -> Iterator[None]:
    name = f"“{source}”" if isinstance(source, Path) else "The picture"
    try:
        with warnings.catch_warnings():
            # Pillow warns at half of the size at which it refuses; there is no danger in between.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as error:
        raise VslpError(
            f"{name} is no image that can be read: use TIFF, PNG, JPEG, JPEG 2000, WebP, BMP, GIF "
            "or PPM."
        ) from error
    except Image.DecompressionBombError as error:
        raise VslpError(
            f"{name} has too many pixels for its kind of file: save it as TIFF, or a part of it."
        ) from error
    except _DAMAGED as error:
        raise VslpError(f"{name} is damaged or incomplete: copy or export it again.") from error


def _shown_mode(picture: Image.Image, name: str) -> tuple[str, str]:
    """Return the mode to convert a picture to, and a sentence if its colours change."""
    mode = picture.mode
    clear = "transparency" in picture.info or mode == "PA"
    if mode in _PLAIN:
        keyed = clear and mode in {"1", "L", "RGB"}
        return ("RGBA" if keyed and mode == "RGB" else "LA" if keyed else mode), ""
    if mode not in _COLOURS:
        raise VslpError(f"{name} holds {mode} colours: save it as RGB.")
    kind = "indexed colours" if mode in {"P", "PA"} else f"{mode} colours"
    note = f"The image has {kind}; they were turned into RGB."
    return ("RGBA" if clear else "RGB"), note


def _exif_orientation(picture: Image.Image, source: Path | Image.Image) -> object:
    if picture.format == "PNG" and isinstance(source, Path) and not png_has_late_words(source):
        # Pillow would decode all of a PNG to look for words behind its pixels.
        return Image.Image.getexif(picture).get(_ORIENTATION)
    return picture.getexif().get(_ORIENTATION)
