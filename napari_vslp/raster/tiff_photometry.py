"""What the samples of a TIFF page mean: its photometric interpretation, bits and extra samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.colour import (
    RGB,
    Alpha,
    Raw,
    Samples,
    from_cielab,
    from_ycbcr,
    looked_up,
)

_P = tifffile.PHOTOMETRIC
# Codecs that hand out RGB whatever the page says: WebP and the two JPEG XL.
_OWN_COLOURS = {50001, 50002, 52546}
_JPEG = {6, 7, 34892, 33007}
_APERIO_YCBCR = 33003
_EXTRA = {1: Alpha.PREMULTIPLIED, 2: Alpha.STRAIGHT}
_COEFFICIENTS, _REFERENCE = 529, 532
_WEIGHTS = (0.299, 0.587, 0.114)
_FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_NAMES = {5: "printing colours (CMYK)", 10: "ITU Lab colours", 32803: "raw camera values"}
_NO_ALPHA = "An extra sample that the file does not call alpha was left out."
_FEW_COLOURS = 256


def meaning_of(
    page: tifffile.TiffPage, path: Path, told: float | None
) -> tuple[Samples, list[str]]:
    """Return what the samples of a page mean, and what is converted.

    Parameters
    ----------
    told
        The value of white as other tags of the file tell it.

    Raises
    ------
    VslpError
        If the colours are of a kind that cannot be converted for sure.
    """
    photometric = int(page.photometric)
    if photometric in _NAMES:
        raise VslpError(f"“{path}” holds {_NAMES[photometric]}: save it as RGB.")
    if page.compression == _APERIO_YCBCR or (photometric == _P.YCBCR and not _is_decoded(page)):
        return _ycbcr(page, path)
    if photometric in {_P.CIELAB, _P.ICCLAB}:
        return _lab(page, path)
    if photometric == _P.PALETTE:
        return _palette(page, path)
    if photometric in {_P.RGB, _P.YCBCR}:
        used, alpha, notes = _used(page, 3, path)
        return Samples(dtype_of(page), used, alpha, _white(page, told)), notes
    if photometric in {_P.MINISBLACK, _P.MINISWHITE}:
        return _grey(page, path, told)
    name = getattr(page.photometric, "name", photometric)
    raise VslpError(f"“{path}” holds colours of the photometric kind {name}: save it as RGB.")


def _grey(page: tifffile.TiffPage, path: Path, told: float | None) -> tuple[Samples, list[str]]:
    used, alpha, notes = _used(page, 1, path)
    negative = page.photometric == _P.MINISWHITE
    white = _white(page, told)
    if negative:
        if dtype_of(page).kind not in "bu":
            raise VslpError(
                f"“{path}” is a negative (WhiteIsZero) of {dtype_of(page)}: save it as RGB."
            )
        white = 1.0 if dtype_of(page).kind == "b" else white or np.iinfo(dtype_of(page)).max
        notes.append("The image was stored as a negative.")
    return Samples(dtype_of(page), used, alpha, white, negative), notes


def _ycbcr(page: tifffile.TiffPage, path: Path) -> tuple[Samples, list[str]]:
    if dtype_of(page) != np.uint8 or page.samplesperpixel < 3:
        raise VslpError(
            f"“{path}” holds YCbCr colours of {page.bitspersample} bits: save it as RGB."
        )
    aperio = page.compression == _APERIO_YCBCR
    weights = _rationals(page, _COEFFICIENTS) or _WEIGHTS
    reference = _rationals(page, _REFERENCE) or _FULL_RANGE
    if len(weights) != 3 or len(reference) != 6 or 0 in weights:
        raise VslpError(f"“{path}” holds YCbCr colours by a rule that makes no sense.")
    convert = partial(from_ycbcr, weights=weights, reference=reference)
    kind = "YCbCr colours (Aperio 33003)" if aperio else "YCbCr colours"
    return _converted(page, path, 3, convert, kind)


def dtype_of(page: tifffile.TiffPage) -> np.dtype[Any]:
    """Return the type of a page's decoded values."""
    if page.dtype is None:
        raise ValueError("the type of the values is unknown")
    return np.dtype(page.dtype)


def full_colour(page: tifffile.TiffPage, path: Path) -> None:
    """Let a page of YCbCr be decoded that has all its colours, whatever its tags say or leave out.

    Raises
    ------
    VslpError
        If Cb and Cr are stored for every second pixel only and no codec expands them.
    """
    if page.compression == _APERIO_YCBCR:
        page.subsampling = (1, 1)
    if page.photometric != _P.YCBCR or _is_decoded(page) or not page.is_subsampled:
        return
    bytes_full = page.imagelength * page.imagewidth * page.samplesperpixel
    # Without the tag the standard means halved colours; some programs store all and no tag.
    if (
        page.subsampling is not None
        or page.compression != 1
        or sum(page.databytecounts) < bytes_full
    ):
        raise VslpError(f"“{path}” holds YCbCr colours at half of its resolution: save it as RGB.")
    page.subsampling = (1, 1)


def _lab(page: tifffile.TiffPage, path: Path) -> tuple[Samples, list[str]]:
    if dtype_of(page) not in {np.dtype(np.uint8), np.dtype(np.uint16)} or page.samplesperpixel < 3:
        raise VslpError(f"“{path}” holds CIELAB colours of {dtype_of(page)}: save it as RGB.")
    step = 1 if dtype_of(page) == np.uint8 else 256
    icc = page.photometric == _P.ICCLAB
    signed = np.int8 if step == 1 else np.int16

    def convert(raw: Raw) -> RGB:
        top = (255 if step == 1 else 65280) if icc else np.iinfo(dtype_of(page)).max
        lightness = raw[..., 0].astype(np.float64) * (100 / top)
        if icc:
            a, b = (raw[..., i].astype(np.float64) / step - 128 for i in (1, 2))
        else:
            a, b = (raw[..., i].view(signed).astype(np.float64) / step for i in (1, 2))
        return from_cielab(lightness, a, b)

    return _converted(
        page, path, 3, lambda raw: convert(np.ascontiguousarray(raw)), "CIELAB colours"
    )


def _palette(page: tifffile.TiffPage, path: Path) -> tuple[Samples, list[str]]:
    colours = page.colormap
    if colours is None or dtype_of(page).kind not in "bu":
        raise VslpError(f"“{path}” has indexed colours but no table of them: save it as RGB.")
    # Tables are to hold 16 bits; some programs write 8, which shows by no value being larger.
    scale = 1 if colours.max(initial=0) < _FEW_COLOURS else 257
    table = np.rint(colours.T / scale).astype(np.uint8) if scale == 1 else _high_bytes(colours)
    return _converted(page, path, 1, partial(looked_up, colours=table), "indexed colours")


def _high_bytes(colours: Raw) -> RGB:
    table: RGB = (colours.T >> 8).astype(np.uint8)
    return table


def _converted(
    page: tifffile.TiffPage, path: Path, colours: int, convert: Callable[[Raw], RGB], kind: str
) -> tuple[Samples, list[str]]:
    used, alpha, notes = _used(page, colours, path)
    notes.insert(0, f"The image has {kind}; they were turned into RGB.")
    return Samples(dtype_of(page), used, alpha, convert=convert), notes


def _used(
    page: tifffile.TiffPage, colours: int, path: Path
) -> tuple[tuple[int, ...], Alpha, list[str]]:
    """Return which samples are colours and alpha; samples of no stated meaning are neither."""
    count = int(page.samplesperpixel)
    if count < colours:
        raise VslpError(f"“{path}” has {count} samples a pixel, too few for its colours.")
    used, extra = tuple(range(colours)), [int(kind) for kind in page.extrasamples or ()]
    extra += [0] * (count - colours - len(extra))
    at = next((i for i, kind in enumerate(extra) if kind in _EXTRA), None)
    others = len(extra) - (at is not None)
    if colours == 1 and others and page.photometric != _P.PALETTE:
        raise VslpError(
            f"“{path}” has {count} samples a pixel that it does not call colours, such as channels "
            "of fluorescence: save the one that is meant, or the merged colours (RGB)."
        )
    notes = [_NO_ALPHA] if others else []
    if at is None:
        return used, Alpha.NONE, notes
    return (*used, colours + at), _EXTRA[extra[at]], notes


def _is_decoded(page: tifffile.TiffPage) -> bool:
    """Whether the codec turns YCbCr into RGB itself, as tifffile has it do for JPEG."""
    if page.compression in _OWN_COLOURS:
        return True
    return page.compression in _JPEG and page.planarconfig == 1 and not page.extrasamples


def _white(page: tifffile.TiffPage, told: float | None) -> float | None:
    """Return the value of white where the bits of a sample, or another tag, tell it."""
    bits: Any = page.bitspersample  # a tuple where samples differ, as in RGB 565
    if dtype_of(page).kind != "u" or isinstance(bits, tuple):
        return None
    if bits < 8 * dtype_of(page).itemsize:
        return float(2**bits - 1)
    if told is not None and told < np.iinfo(dtype_of(page)).max:
        return told
    return None


def _rationals(page: tifffile.TiffPage, code: int) -> tuple[float, ...]:
    """Return the numbers of a tag of rationals; empty if it is not there."""
    tag: Any = page.tags.get(code)
    if tag is None:
        return ()
    values = tag.value
    pairs = zip(values[0::2], values[1::2], strict=True)
    return tuple(top / bottom if bottom else 0.0 for top, bottom in pairs)
