"""Arrays of every library, type and order of axes are read right; all else is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_vslp.raster.contract import open_raster
from tests.fuzz.harness import Refused, end_of, fuzz
from tests.fuzz.looking import check_read
from tests.fuzz.pictures import Picture, Stored, on_white, pictures, stored, three

AREA = "arrays"
HOLDERS = (
    "plain",
    "other end",
    "Fortran",
    "strided",
    "read-only",
    "list",
    "masked",
    "masked in part",
    "dask",
    "torch",
    "memory view",
    "object with shape",
)
_NOT_IN_TORCH = {"uint32", "uint64"}


@dataclass(frozen=True)
class Held:
    """One array in one order of axes, of one library."""

    picture: Picture
    stored: Stored
    samples: int = 3
    layout: str = "last"
    holder: str = "plain"
    opaque: bool = False

    def make(self) -> Any:
        """Return the array."""
        shown = self.picture.rgb() if self.samples > 2 else self.picture.grey()[:, :, None]
        array = self.stored.of(shown)
        if self.samples in {2, 4}:
            alpha = self.stored.of(
                np.full_like(self._alpha(), 255) if self.opaque else self._alpha()
            )
            array = np.dstack([array, alpha])
        if self.layout == "first":
            array = array.transpose(2, 0, 1)
        elif self.layout == "flat":
            array = array[:, :, 0]
        elif self.layout == "ones before":
            array = array[None, None]
        return self._held(np.ascontiguousarray(array))

    def _alpha(self) -> np.ndarray:
        return self.picture.alpha()

    def _held(self, array: np.ndarray) -> Any:  # noqa: C901 - one line for each library
        if self.holder == "other end":
            return array.astype(array.dtype.newbyteorder(">"))
        if self.holder == "Fortran":
            return np.asfortranarray(array)
        if self.holder == "strided":
            doubled = np.repeat(np.repeat(array, 2, axis=-1), 2, axis=-2)
            return doubled[..., ::2, ::2]
        if self.holder == "read-only":
            array.flags.writeable = False
        if self.holder == "list":
            return array.tolist() if array.dtype.kind in "bi" else array
        if self.holder == "masked":
            return np.ma.masked_array(array, np.zeros(array.shape, bool))
        if self.holder == "masked in part":
            return np.ma.masked_array(array, self._hidden(array))
        if self.holder == "dask":
            import dask.array as da

            return da.from_array(array, chunks=tuple(max(1, side // 2) for side in array.shape))
        if self.holder == "torch" and array.dtype.name not in _NOT_IN_TORCH:
            import torch

            return torch.from_numpy(array)
        if self.holder == "memory view":
            return memoryview(array)
        return _Lazy(array) if self.holder == "object with shape" else array

    def _hidden(self, array: np.ndarray) -> np.ndarray:
        rows = np.zeros((self.picture.height, self.picture.width), bool)
        rows[1, 2] = rows[2, 1] = True
        if self.layout == "flat":
            return rows
        if self.layout == "first":
            return np.broadcast_to(rows, array.shape)
        return np.broadcast_to(rows[:, :, None], array.shape)

    def want(self) -> np.ndarray:
        """Return the pixels that must be read."""
        shown = self.picture.rgb() if self.samples > 2 else three(self.picture.grey())
        rgb = self.stored.seen(shown)
        if self.samples in {2, 4} and not self.opaque:
            rgb = on_white(rgb, self.stored.seen(self._alpha()))
        if self.holder == "masked in part":
            rgb = rgb.copy()
            rgb[1, 2] = rgb[2, 1] = 255
        return rgb

    @property
    def said(self) -> list[str]:
        """What notes must say."""
        words = [self.stored.said] if self.stored.said else []
        words += ["channels came first"] if self.layout == "first" and self.samples > 1 else []
        words += ["Masked"] if self.holder == "masked in part" else []
        if self.samples in {2, 4}:
            # Where a masked array hides colours it hides alpha.
            hidden = self.holder == "masked in part"
            words += ["opaque" if self.opaque and not hidden else "laid on white"]
        return words


class _Lazy:
    """An array of a library that nobody knows: shape, dtype, slicing."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, where: Any) -> np.ndarray:
        return self._array[where]


@st.composite
def held(draw):
    of = draw(st.one_of(stored(), st.just(Stored("bool", 1))))
    samples = draw(st.integers(1, 4))
    # Two planes before rows and columns are as well two images: they are refused.
    layouts = ["last", "ones before", *(["flat"] if samples == 1 else [])]
    layouts += ["first"] if samples != 2 else []
    layout, holder = draw(st.sampled_from(layouts)), draw(st.sampled_from(HOLDERS))
    if holder == "list" and np.dtype(of.dtype).kind in "bi":
        of = Stored("int64", 65535) if of.dtype != "bool" else of
    if holder == "memory view" and of.dtype == "float16":
        holder = "plain"
    return Held(draw(pictures), of, samples, layout, holder, draw(st.booleans()))


@fuzz(AREA)
@given(held(), st.integers(0, 99))
def test_an_array_is_read_as_it_is(one, seed):
    within = 1 if one.samples in {2, 4} else 0
    check_read(one.make, one.want(), within=within, said=one.said, box_seed=seed)


DTYPES = st.one_of(
    hnp.scalar_dtypes(),
    hnp.byte_string_dtypes(max_len=3),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.array_dtypes(),
    st.just(np.dtype(object)),
)
ANY_ARRAY = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=9))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.complex_numbers(),
    st.builds(object),
)
THINGS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=8,
)


@fuzz("any objects")
@given(st.one_of(ANY_ARRAY, THINGS))
def test_whatever_is_given_is_read_whole_as_by_boxes_or_refused(thing):
    raster = end_of(lambda: open_raster(thing))
    if isinstance(raster, Refused):
        return
    whole = end_of(raster.read)
    if isinstance(whole, Refused):
        return
    assert whole.dtype == np.uint8
    assert whole.shape == (*raster.shape, 3)
    corner = open_raster(thing).read((0, 0, 1, 1))
    assert np.array_equal(corner, whole[:1, :1])
