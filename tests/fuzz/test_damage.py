"""Damaged files: what is cut off is never made up, and whatever else happens is said in time."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.raster.contract import open_raster
from tests.fuzz.harness import Refused, end_of, folder, fuzz
from tests.fuzz.test_pictures import deep, saved
from tests.fuzz.tiffs import other_colours, packed_tiffs, tiffs

AREA = "damaged images"
# Reading more of a file that claims to be huge takes no other way, only time.
_MOST = 4_000_000
writers = st.one_of(tiffs(), packed_tiffs, other_colours, saved(), deep).filter(
    lambda one: getattr(one, "format", "") != "object"
)


@dataclass(frozen=True)
class Damage:
    """One change of a file's bytes; places are fractions of its length."""

    kind: str = "cut"
    at: float = 0.5
    length: int = 1
    value: int = 0

    def of(self, data: bytes) -> bytes:
        """Return the damaged bytes."""
        at = min(len(data) - 1, int(self.at * len(data)))
        end = min(len(data), at + self.length)
        if self.kind == "cut":
            return data[:at]
        if self.kind == "head lost":
            return data[at:]
        if self.kind == "hole":
            return data[:at] + bytes([self.value]) * (end - at) + data[end:]
        if self.kind == "flip":
            return data[:at] + bytes([data[at] ^ (1 << self.value % 8)]) + data[at + 1 :]
        if self.kind == "out":
            return data[:at] + data[end:]
        return data[:at] + bytes([self.value]) * self.length + data[at:]


# Half of all places lie in the first hundredth, where headers are.
place = st.one_of(st.floats(0, 1), st.floats(0, 0.1))
damages = st.builds(
    Damage,
    st.sampled_from(["head lost", "hole", "flip", "flip", "out", "in"]),
    place,
    st.integers(1, 64),
    st.integers(0, 255),
)


def _written(one: object, place: Path) -> Path:
    path = place / "one.img"
    name = getattr(one, "format", None) or getattr(one, "form", None)
    if name in {"png", "jp2", "ppm", "gif", "webp", "bmp"}:
        path = place / f"one.{name}"
    one.write(path)
    return path


@fuzz("cut images")
@given(writers, place)
def test_a_file_that_was_cut_off_is_refused_unless_all_pixels_are_there(one, at):
    with folder() as place_:
        path = _written(one, place_)
        before = end_of(lambda: open_raster(path).read())
        path.write_bytes(Damage("cut", at).of(path.read_bytes()))
        after = end_of(lambda: open_raster(path).read())
        if not isinstance(after, Refused):
            assert not isinstance(before, Refused), before
            assert np.array_equal(before, after), "pixels were made up"


@fuzz(AREA)
@given(writers, st.lists(damages, min_size=1, max_size=3))
def test_a_damaged_file_is_read_or_refused_in_one_sentence(one, changes):
    with folder() as place_:
        path = _written(one, place_)
        data = path.read_bytes()
        for change in changes:
            data = change.of(data) or b"\0"
        path.write_bytes(data)
        raster = end_of(lambda: open_raster(path))
        if isinstance(raster, Refused) or np.prod(raster.shape) > _MOST:
            return
        whole = end_of(raster.read)
        if isinstance(whole, Refused):
            return
        assert whole.shape == (*raster.shape, 3)
        height, width = raster.shape
        box = (height // 2, width // 2, height, width)
        part = end_of(lambda: open_raster(path).read(box))
        assert not isinstance(part, Refused), part
        assert np.array_equal(part, whole[box[0] :, box[1] :])


STARTS = (
    b"",
    b"II*\0",
    b"MM\0*",
    b"II+\0\x08\0\0\0",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"P6 ",
    b"P5\n4 4\n65535\n",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
    b"PK\x03\x04",
    b"%PDF-1.7",
    pickle.dumps({"a": 1}),
)


@fuzz("any bytes")
@given(st.sampled_from(STARTS), st.binary(max_size=200), st.sampled_from(["x.tif", "x.png", "x"]))
def test_any_bytes_are_read_or_refused_in_one_sentence(start, rest, name):
    with folder() as place_:
        (path := place_ / name).write_bytes(start + rest)
        raster = end_of(lambda: open_raster(path))
        if not isinstance(raster, Refused) and np.prod(raster.shape) <= _MOST:
            end_of(raster.read)
