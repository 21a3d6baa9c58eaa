"""PNG, JPEG and their like are read right, whole and by boxes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from napari_vslp.raster.contract import open_raster
from tests.fuzz.harness import folder, fuzz
from tests.fuzz.looking import check_read
from tests.fuzz.pictures import UPRIGHT, Picture, on_white, pictures, three, ways
from tests.raster.made import save_few_bits

AREA = "pictures"
MODES = ("1", "L", "LA", "RGB", "RGBA", "P", "PA", "key")
# Of each format the modes that it keeps as they are.
FORMATS = {
    "png": ("1", "L", "LA", "RGB", "RGBA", "P", "PA", "key"),
    "bmp": ("1", "L", "RGB", "P"),
    "gif": ("L", "P"),
    "webp": ("RGB", "RGBA"),
    "ppm": ("1", "L", "RGB"),
    "jp2": ("L", "LA", "RGB", "RGBA"),
    "object": (*MODES, "CMYK", "I;16", "I", "F"),
}
# By which the orientation of these is told.
_TURNED = {"png", "webp"}


@dataclass(frozen=True)
class Saved:
    """One picture as Pillow writes it, without loss."""

    picture: Picture
    format: str = "png"
    mode: str = "RGB"
    way: int = 1
    dots: int | None = None

    def shown(self) -> Image.Image:
        """Return the picture in its mode."""
        rgb, grey, alpha = self.picture.rgb(), self.picture.grey(), self.picture.alpha()
        if self.mode == "1":
            return Image.fromarray(grey > 127)
        if self.mode == "LA":
            return Image.fromarray(np.dstack([grey, alpha]), "LA")
        if self.mode == "RGBA":
            return Image.fromarray(np.dstack([rgb, alpha]))
        if self.mode in {"P", "PA"}:
            indexed = Image.fromarray(grey // 16).convert("P")
            indexed.putpalette(self._table().ravel().tolist())
            return indexed
        if self.mode in {"I;16", "I"}:
            kind = np.uint16 if self.mode == "I;16" else np.int32
            return Image.fromarray(grey.astype(kind) * 257)
        if self.mode == "F":
            return Image.fromarray(grey.astype(np.float32))
        if self.mode == "CMYK":
            return Image.fromarray(rgb).convert("CMYK")
        return Image.fromarray(grey if self.mode == "L" else rgb)

    def _table(self) -> np.ndarray:
        table = np.random.default_rng(self.picture.seed).integers(0, 256, (16, 3), dtype=np.uint8)
        table[:, 0] = np.arange(16) * 16  # all differ
        return table

    def write(self, path: Path) -> None:
        """Write the file."""
        more: dict[str, object] = {}
        if self.mode == "key":
            more["transparency"] = tuple(map(int, self.picture.rgb()[0, 0]))
        if self.mode == "PA":
            more["transparency"] = 3
        if self.way != 1:
            exif = Image.Exif()
            exif[274] = self.way
            more["exif"] = exif
        if self.dots is not None:
            more["dpi"] = (self.dots, self.dots)
        if self.format == "webp":
            more |= {"lossless": True, "exact": True}
        kind = {"jp2": "JPEG2000"}.get(self.format, self.format.upper())
        self.shown().save(path, kind, **more)

    def want(self) -> np.ndarray:
        """Return the pixels that must be read."""
        rgb, grey, alpha = self.picture.rgb(), self.picture.grey(), self.picture.alpha()
        if self.mode == "1":
            rgb = three(np.where(grey > 127, np.uint8(255), np.uint8(0)))
        elif self.mode in {"L", "I;16", "I", "F"}:
            rgb = three(grey)
        elif self.mode == "LA":
            rgb = on_white(three(grey), alpha)
        elif self.mode == "RGBA":
            rgb = on_white(rgb, alpha)
        elif self.mode in {"P", "PA"}:
            rgb = self._table()[grey // 16].copy()
            if self.mode == "PA" and self.format != "object":
                rgb[grey // 16 == 3] = 255
        elif self.mode == "key" and self.format != "object":
            rgb = rgb.copy()
            rgb[(rgb == rgb[0, 0]).all(axis=2)] = 255
        return np.ascontiguousarray(UPRIGHT[self.way](rgb))

    @property
    def said(self) -> list[str]:
        """What notes must say."""
        words = ["upright"] if self.way != 1 else []
        words += {"P": ["indexed"], "PA": ["indexed"], "CMYK": ["CMYK"]}.get(self.mode, [])
        words += ["laid on white"] if self.mode in {"LA", "RGBA"} else []
        words += ["black and white"] if self.mode == "1" else []
        words += ["16 bits"] if self.mode in {"I;16", "I"} else []
        return words + (["Brightness"] if self.mode == "F" else [])


@st.composite
def saved(draw):
    format_ = draw(st.sampled_from(sorted(FORMATS)))
    way = draw(ways) if format_ in _TURNED else 1
    mode = draw(st.sampled_from(FORMATS[format_]))
    dots = draw(st.sampled_from([None, None, 72, 25400])) if format_ in {"png", "bmp"} else None
    return Saved(draw(pictures), format_, mode, way, dots)


@fuzz(AREA)
@given(saved(), st.integers(0, 99))
def test_a_picture_that_keeps_the_pixels_is_read_as_they_are(one, seed):
    with folder() as place:
        path = place / f"one.{one.format}"
        if one.format != "object":
            one.write(path)
        check_read(
            one.shown if one.format == "object" else lambda: path,
            one.want(),
            within=1 if one.mode in {"LA", "RGBA"} else 0,
            said=one.said or (["indexed"] if one.format == "gif" else []),
            box_seed=seed,
            size=(1.0, 1.0) if one.dots == 25400 else None,
        ) if not _says_more(one) else _check_quietly(one, path, seed)


def _says_more(one: Saved) -> bool:
    """Whether a format may turn what it is given into indices or colour keys of its own."""
    return one.format == "gif" or one.mode == "key"


def _check_quietly(one: Saved, path: Path, seed: int) -> None:
    source = one.shown if one.format == "object" else lambda: path
    said = [word for word in open_raster(source()).notes if word]
    raster = open_raster(source())
    raster.read()
    said = list(raster.notes)
    check_read(source, one.want(), within=0, said=said, box_seed=seed)


@dataclass(frozen=True)
class Deep:
    """A picture of up to 16 bits, or of few, in a file."""

    picture: Picture
    form: str = "png"
    colour: bool = True
    bits: int = 16

    def write(self, path: Path) -> None:
        """Write the file."""
        shown = self.picture.rgb() if self.colour else self.picture.grey()
        top = 2**self.bits - 1
        values = np.rint(shown * (top / 255)).astype(np.uint16)
        if self.form == "few":
            save_few_bits(path, self.picture.grey() >> (8 - self.bits), self.bits)
        elif self.form == "png":
            path.write_bytes(imagecodecs.png_encode(values))
        elif self.form == "jp2":
            path.write_bytes(
                imagecodecs.jpeg2k_encode(values, level=0, bitspersample=self.bits, reversible=True)
            )
        elif self.form == "ppm":
            head = f"P{6 if self.colour else 5}\n# by hand\n"
            head += f"{shown.shape[1]} {shown.shape[0]}\n{top}\n"
            path.write_bytes(head.encode() + values.astype(">u2").tobytes())
        else:
            text = io.StringIO()
            text.write(f"P{3 if self.colour else 2} {shown.shape[1]} {shown.shape[0]} {top}\n")
            text.write("\n".join(map(str, values.ravel())))
            path.write_text(text.getvalue())

    def want(self) -> np.ndarray:
        """Return the pixels that must be read."""
        if self.form == "few":
            few = self.picture.grey() >> (8 - self.bits)
            return three(np.rint(few * (255 / (2**self.bits - 1))).astype(np.uint8))
        return self.picture.rgb() if self.colour else three(self.picture.grey())


deep = st.one_of(
    st.builds(
        Deep,
        pictures,
        st.sampled_from(["png", "jp2", "ppm", "ascii"]),
        st.booleans(),
        st.sampled_from([10, 12, 14, 16]),
    ),
    st.builds(Deep, pictures, st.just("few"), st.just(False), st.sampled_from([1, 2, 4])),
)


@fuzz("deep pictures")
@given(deep, st.integers(0, 99))
def test_a_picture_of_many_or_few_bits_is_as_bright_as_it_was(one, seed):
    with folder() as place:
        one.write(path := place / ("one.png" if one.form == "few" else f"one.{one.form}"))
        said = ["bits"] if one.bits > 8 else ["black and white"] if one.bits == 1 else []
        check_read(lambda: path, one.want(), said=said, box_seed=seed)


@fuzz("JPEG")
@given(pictures, st.integers(1, 8), st.sampled_from(["L", "RGB", "CMYK"]), st.integers(0, 99))
def test_a_jpeg_is_what_pillow_shows_upright(picture, way, mode, seed):
    with folder() as place:
        exif = Image.Exif()
        exif[274] = way
        path = place / "one.jpg"
        Image.fromarray(picture.rgb()).convert(mode).save(path, exif=exif, quality=90)
        with Image.open(path) as opened:
            want = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        said = ["upright"] if way != 1 else []
        said += ["CMYK"] if mode == "CMYK" else []
        check_read(lambda: path, want, said=said, box_seed=seed)
