"""TIFF files in every form that keeps the pixels, and what must be read of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.fuzz.pictures import (
    UPRIGHT,
    Picture,
    Stored,
    multiplied,
    on_white,
    pictures,
    stored,
    three,
    ways,
)

_LOSSLESS = ("none", "zlib", "lzw", "packbits", "zstd", "lzma")
_EXTRA = {"straight": "unassalpha", "opaque": "unassalpha", "associated": "assocalpha"}


@dataclass(frozen=True)
class Tiff:
    """One file as tifffile writes it."""

    picture: Picture
    stored: Stored
    colours: str = "rgb"
    alpha: str = "none"
    planar: bool = False
    tile: tuple[int, int] | None = None
    rows: int | None = None
    compression: str = "none"
    predictor: bool = False
    order: str = "<"
    big: bool = False
    way: int = 1
    kind: str = "plain"
    pages: str = "one"
    size: float | None = None

    def write(self, path: Path) -> None:
        """Write the file."""
        data = self._data()
        options: dict[str, object] = {"photometric": self._photometric()}
        if self.compression != "none":
            options["compression"] = self.compression
            options["predictor"] = self.predictor
        options |= {"tile": self.tile} if self.tile else {"rowsperstrip": self.rows}
        if self.way != 1:
            options["extratags"] = [(274, 3, 1, self.way, True)]
        if self.alpha != "none":
            options["extrasamples"] = [_EXTRA[self.alpha]]
        if data.ndim == 3:
            options["planarconfig"] = "separate" if self.planar else "contig"
            data = data.transpose(2, 0, 1) if self.planar else data
        if self.size is not None and self.kind != "ome":
            per_cm = 1e4 / self.size
            options |= {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
        options["metadata"] = self._metadata(data.ndim)
        small = self.picture.rgb()[:4, :1].copy()  # never half of a side, as in a pyramid
        aside = {"photometric": "rgb", "metadata": None, "subfiletype": 1}
        with tifffile.TiffWriter(
            path, byteorder=self.order, bigtiff=self.big, ome=self.kind == "ome"
        ) as file:
            if self.pages == "small first":
                file.write(small, **aside)
            below = 1 if self.pages == "pyramid" else 0
            file.write(data, subifds=below, **options)
            if below:
                options |= {"metadata": None, "subfiletype": 1}
                rows = data[:, ::2, ::2] if self.planar and data.ndim == 3 else data[::2, ::2]
                file.write(np.ascontiguousarray(rows), **options)
            if self.pages == "small last":
                file.write(small, **aside)

    def want(self) -> NDArray[np.uint8]:
        """Return the pixels that must be read."""
        seen = self.stored.seen(self._eight_bits())
        rgb = seen if seen.ndim == 3 else three(seen)
        if self.alpha == "straight":
            rgb = on_white(rgb, self.picture.alpha())
        if self.alpha == "associated":
            alpha = self.picture.alpha()
            laid = multiplied(rgb, alpha).astype(int) + (255 - alpha.astype(int))[:, :, None]
            rgb = laid.clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(UPRIGHT[self.way](rgb))

    @property
    def said(self) -> list[str]:
        """What notes must say."""
        alpha = {"opaque": "opaque", "straight": "laid on white", "associated": "laid on white"}
        words = [self.stored.said, alpha.get(self.alpha, "")]
        words.append("upright" if self.way != 1 else "")
        words.append("negative" if self.colours == "negative" else "")
        words.append("holds 2 images" if self.pages in {"small first", "small last"} else "")
        return [word for word in words if word]

    def _eight_bits(self) -> NDArray[np.uint8]:
        return self.picture.rgb() if self.colours == "rgb" else self.picture.grey()

    def _data(self) -> NDArray[np.generic]:
        values = self._eight_bits()
        if self.alpha == "associated":
            values = multiplied(values, self.picture.alpha())
        if self.colours == "negative":
            values = 255 - values
        data = self.stored.of(values)
        if self.alpha == "none":
            return data
        alpha = np.full_like(self.picture.grey(), 255)
        if self.alpha != "opaque":
            alpha = self.picture.alpha()
        return np.dstack([data, self.stored.of(alpha)])

    def _photometric(self) -> str:
        return {"rgb": "rgb", "grey": "minisblack", "negative": "miniswhite"}[self.colours]

    def _metadata(self, dimensions: int) -> dict[str, object] | None:
        if self.kind == "plain":
            return None
        axes = "YX" if dimensions == 2 else "SYX" if self.planar else "YXS"
        told: dict[str, object] = {"axes": axes}
        if self.size is not None and self.kind == "ome":
            told |= {"PhysicalSizeX": self.size, "PhysicalSizeY": self.size}
        return told


@st.composite
def tiffs(draw: st.DrawFn) -> Tiff:
    """Draw a file that tifffile can write and whose pixels are known."""
    kind = draw(st.sampled_from(["plain", "plain", "shaped", "ome"]))
    colours = draw(st.sampled_from(["rgb", "rgb", "grey", "negative"]))
    of = draw(stored(("uint16", "int16", "int32", "uint32"), ("float32", "float64", "float16")))
    if colours == "negative":
        # Of a negative only the type, or the bits of a sample, can tell what is black.
        of = draw(st.sampled_from([Stored(), Stored("uint16", 65535), Stored("bool", 1)]))
    elif colours == "grey" and draw(st.integers(0, 9)) == 0:
        of = Stored("bool", 1)
    if of.dtype == "float16" and kind == "ome":
        kind = "plain"  # OME has no such type
    alphas = ["none", "none", "opaque", "straight", "associated"]
    alpha = "none" if of.dtype == "bool" else draw(st.sampled_from(alphas))
    if colours == "negative":
        alpha = "none"
    tile = draw(st.sampled_from([None, None, (16, 16), (16, 32), (48, 16)]))
    compression = "none" if of.dtype == "bool" else draw(st.sampled_from(_LOSSLESS))
    predictor = compression in {"zlib", "lzw", "zstd"} and draw(st.booleans())
    predictor = predictor and of.dtype != "float16"
    pages = draw(st.sampled_from(["one", "one", "small first", "small last", "pyramid"]))
    return Tiff(
        draw(pictures),
        of,
        colours,
        alpha,
        planar=(colours == "rgb" or alpha != "none") and draw(st.booleans()),
        tile=None if of.dtype == "bool" else tile,
        rows=draw(st.sampled_from([None, 1, 3, 8])),
        compression=compression,
        predictor=predictor,
        order=draw(st.sampled_from("<>")),
        big=draw(st.booleans()),
        way=draw(ways),
        kind=kind,
        pages=pages if kind == "plain" or pages == "pyramid" else "one",
        size=draw(st.sampled_from([None, 0.25, 0.5, 1.0])),
    )


def packed(values: NDArray[np.uint8], bits: int) -> bytes:
    """Return rows of values of a few bits, each row from a byte of its own."""
    each = ((values[..., None].astype(int) >> np.arange(bits)[::-1]) & 1).reshape(len(values), -1)
    return np.packbits(each.astype(np.uint8), axis=1).tobytes()


def raw_tiff(
    path: Path, data: bytes, shape: tuple[int, int], tags: dict[int, tuple[int, list[int]]], e: str
) -> None:
    """Write one strip with any tags: number → (3 or 4 for 16 or 32 bits, values)."""
    tags = {
        256: (4, [shape[1]]),
        257: (4, [shape[0]]),
        259: (3, [1]),
        273: (4, [0]),
        278: (4, [shape[0]]),
        279: (4, [len(data)]),
        **tags,
    }
    start, entries, blobs = 8 + 2 + 12 * len(tags) + 4, b"", b""
    late = sum(
        len(values) * (2 if kind == 3 else 4)
        for kind, values in tags.values()
        if len(values) * (2 if kind == 3 else 4) > 4
    )
    tags[273] = (4, [start + late])
    for number, (kind, values) in sorted(tags.items()):
        raw = struct.pack(f"{e}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(raw) > 4:
            place = struct.pack(f"{e}I", start + len(blobs))
            blobs += raw
        else:
            place = raw.ljust(4, b"\0")
        entries += struct.pack(f"{e}HHI", number, kind, len(values)) + place
    head = (b"II" if e == "<" else b"MM") + struct.pack(f"{e}HIH", 42, 8, len(tags))
    path.write_bytes(head + entries + struct.pack(f"{e}I", 0) + blobs + data)


@dataclass(frozen=True)
class Packed:
    """A grey or indexed image of few or odd bits, as tifffile does not write it."""

    picture: Picture
    bits: int = 4
    colours: str = "grey"
    order: str = "<"
    way: int = 1
    table_bits: int = 16

    def _values(self) -> NDArray[np.uint8]:
        return self.picture.grey() >> (8 - min(8, self.bits))

    def write(self, path: Path) -> None:
        """Write the file."""
        values = self._values().astype(np.uint16)
        if self.bits > 8:
            values = np.rint(self.picture.grey() * ((2**self.bits - 1) / 255)).astype(np.uint16)
        photometric = {"negative": 0, "grey": 1, "indexed": 3}[self.colours]
        tags = {
            258: (3, [self.bits]),
            262: (3, [photometric]),
            277: (3, [1]),
            274: (3, [self.way]),
        }
        if self.colours == "indexed":
            # 16 bits as the standard wants them, or 8 as some programs write.
            table = self._table().astype(int) * (257 if self.table_bits == 16 else 1)
            tags[320] = (3, [int(v) for v in table.T.ravel()])
        raw_tiff(path, packed(values, self.bits), values.shape, tags, self.order)

    def _table(self) -> NDArray[np.uint8]:
        rng = np.random.default_rng(self.picture.seed)
        table = rng.integers(0, 256, (2**self.bits, 3), dtype=np.uint8)
        table[0] = 255
        return table

    def want(self) -> NDArray[np.uint8]:
        """Return the pixels that must be read."""
        values = self._values()
        if self.colours == "indexed":
            rgb = self._table()[values]
        elif self.bits > 8:
            rgb = three(self.picture.grey())
        else:
            rgb = three(np.rint(values * (255 / (2**self.bits - 1))).astype(np.uint8))
        rgb = 255 - rgb if self.colours == "negative" else rgb
        return np.ascontiguousarray(UPRIGHT[self.way](rgb))

    @property
    def said(self) -> list[str]:
        """What notes must say."""
        words = ["upright"] if self.way != 1 else []
        if self.colours == "indexed":
            return [*words, "indexed colours"]
        words += ["negative"] if self.colours == "negative" else []
        if self.bits == 1:
            return [*words, "black and white"]
        return words if self.bits == 8 else [*words, f"{self.bits} bits"]


packed_tiffs = st.builds(
    Packed,
    pictures,
    st.sampled_from([1, 2, 4, 8, 12]),
    st.sampled_from(["grey", "negative", "indexed"]),
    st.sampled_from("<>"),
    ways,
    st.sampled_from([8, 16]),
).filter(lambda one: one.colours != "indexed" or one.bits in {1, 2, 4, 8})


@dataclass(frozen=True)
class OtherColours:
    """RGB as other colours, which gives the pixels but for rounding; or as no colours at all."""

    picture: Picture
    form: str
    order: str = "<"

    def write(self, path: Path) -> None:
        """Write the file."""
        rgb = self.picture.rgb()
        if self.form == "YCbCr":
            turned = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
            tags = {258: (3, [8] * 3), 262: (3, [6]), 277: (3, [3]), 530: (3, [1, 1])}
            raw_tiff(path, turned.tobytes(), rgb.shape[:2], tags, self.order)
        elif self.form == "JPEG":
            # tifffile's own reading of a file is beyond doubt here.
            tifffile.imwrite(path, rgb, photometric="rgb", compression="jpeg", tile=(16, 16))
        elif self.form == "CMYK":
            tifffile.imwrite(path, np.dstack([rgb, rgb[..., 0]]), photometric="separated")
        elif self.form in {"ZYX", "TYX", "CYX"}:
            planes = rgb.transpose(2, 0, 1)
            told = {"metadata": {"axes": self.form}, "photometric": "minisblack"}
            tifffile.imwrite(path, planes, imagej=True, byteorder=self.order, **told)
        elif self.form == "pages":
            with tifffile.TiffWriter(path, byteorder=self.order) as file:
                for plane in (rgb, 255 - rgb):
                    file.write(plane, photometric="rgb", metadata=None, contiguous=False)
        else:
            tifffile.imwrite(path, rgb, photometric="minisblack", planarconfig="contig")

    @property
    def within(self) -> int | None:
        """How many grey levels it may be off; None if it must be refused."""
        return {"YCbCr": 3, "JPEG": 255}.get(self.form)


other_colours = st.builds(
    OtherColours,
    pictures,
    st.sampled_from(["YCbCr", "JPEG", "CMYK", "ZYX", "TYX", "CYX", "pages", "samples"]),
    st.sampled_from("<>"),
)
