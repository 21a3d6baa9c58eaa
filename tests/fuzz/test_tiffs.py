"""TIFF files of every form are read right, whole and by boxes, or refused in one sentence."""

import numpy as np
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.raster.contract import open_raster
from tests.fuzz.harness import Refused, end_of, folder, fuzz
from tests.fuzz.looking import check_read
from tests.fuzz.tiffs import other_colours, packed_tiffs, tiffs

AREA = "TIFF files"


@fuzz(AREA)
@given(st.one_of(tiffs(), tiffs(), tiffs(), packed_tiffs), st.integers(0, 99))
def test_a_file_that_keeps_the_pixels_is_read_as_they_are(one, seed):
    with folder() as place:
        one.write(path := place / "one.tif")
        alpha = getattr(one, "alpha", "none") in {"straight", "associated"}
        size = getattr(one, "size", None)
        check_read(
            lambda: path,
            one.want(),
            within=1 if alpha else 0,
            said=one.said,
            box_seed=seed,
            size=None if size is None else (size, size),
        )


@fuzz("other TIFF files")
@given(other_colours)
def test_other_colours_are_converted_and_what_is_no_colour_is_refused(one):
    with folder() as place:
        one.write(path := place / "one.tif")
        found = end_of(lambda: open_raster(path).read())
        if one.within is None:
            assert isinstance(found, Refused), one.form
            return
        want = one.picture.rgb()
        if one.form == "JPEG":
            want = tifffile.imread(path)
        assert not isinstance(found, Refused), found
        assert np.abs(found.astype(int) - want).max() <= min(one.within, 4)
