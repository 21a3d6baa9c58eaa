"""Reading an image file, with its pixel size if the file tells it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.pixel_size import PixelSize, from_dots_per_inch
from napari_vslp.raster.tiff import read_tiff

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
# Modes whose arrays mean what they say; all others are turned into colours first.
_PLAIN_MODES = {"1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B"}


class Picture(NamedTuple):
    """An image as its file holds it.

    Attributes
    ----------
    pixels
        Array as stored: any depth, any number of channels.
    pixel_size_um
        Height and width of a pixel in µm; None if the file does not tell.
    notes
        One sentence for every conversion.
    """

    pixels: NDArray[Any]
    pixel_size_um: PixelSize | None
    notes: tuple[str, ...]


def read_image(path: str | Path) -> Picture:
    """Read a TIFF (OME, ImageJ and Aperio ones too), PNG, JPEG, WebP, BMP, GIF or PPM file.

    Raises
    ------
    VslpError
        If the file is missing, broken, too large or no image.
    """
    path = Path(path)
    if path.is_dir():
        raise VslpError(f"“{path}” is a folder: name an image file in it.")
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except FileNotFoundError as error:
        raise VslpError(f"There is no file “{path}”: check its name.") from error
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({error.strerror}).") from error
    if not start:
        raise VslpError(f"“{path}” is empty: copy the file again.")
    return _read_tiff(path) if start in _TIFF_STARTS else _read_picture(path)


def _read_tiff(path: Path) -> Picture:
    pixels, size, note = read_tiff(path)
    return Picture(pixels, size, (note,) if note else ())


def _read_picture(path: Path) -> Picture:
    try:
        with warnings.catch_warnings():
            # Pillow warns at half of the size at which it refuses; there is no danger in between.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                return _from_pillow(picture)
    except UnidentifiedImageError as error:
        raise VslpError(
            f"“{path}” is no image that can be read: use TIFF, PNG, JPEG, WebP, BMP, GIF or PPM."
        ) from error
    except Image.DecompressionBombError as error:
        raise VslpError(
            f"“{path}” has too many pixels for its kind of file: save it as TIFF, or a part of it."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise VslpError(f"“{path}” is damaged or incomplete: copy or export it again.") from error


def _from_pillow(picture: Image.Image) -> Picture:
    notes = []
    if getattr(picture, "n_frames", 1) > 1:
        notes.append("The file holds several pictures; only the first was read.")
    size = from_dots_per_inch(picture.info.get("dpi"))
    if picture.mode not in _PLAIN_MODES:
        clear = "transparency" in picture.info or picture.mode == "PA"
        kind = "indexed colours" if picture.mode in ("P", "PA") else f"{picture.mode} colours"
        notes.append(f"The image has {kind}; they were turned into RGB.")
        pixels = np.asarray(picture.convert("RGBA" if clear else "RGB"))
    else:
        pixels = np.asarray(picture)
    return Picture(pixels, size, tuple(notes))
