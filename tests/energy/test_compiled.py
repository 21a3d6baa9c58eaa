"""Compiled loops are kept on disk where there is a place, and work where there is none."""

import numba
import numpy as np

from napari_vslp.energy.engines.kernels import compiled


def total(row):
    """Add up a row."""
    found = 0.0
    for value in row:
        found += value
    return found


def test_loops_are_compiled_where_nothing_can_be_kept(monkeypatch):
    njit, asked = numba.njit, []
    njit(total)(np.arange(5.0))  # numba itself compiles a little on its first call

    def without_a_place(**options):
        asked.append(options.pop("cache", False))
        if asked[-1]:
            raise RuntimeError("cannot cache function 'total': no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", without_a_place)
    assert compiled(total)(np.arange(5.0)) == 10
    assert asked == [True, False]
