"""The default colours are true over tissue, and docs/colours.md says what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import colours
from napari_vslp.core.tissues import PALETTE
from napari_vslp.demo import tumour_nest


@pytest.mark.parametrize("vision", colours.VISIONS)
@pytest.mark.parametrize("stain", colours.STAINS)
def test_every_colour_over_tissue_is_nearest_to_its_own_swatch(stain, vision):
    palette = np.array(PALETTE, float)
    for index in range(len(PALETTE)):
        own, other = colours.told_apart(palette, index, stain, vision)
        assert own < other, PALETTE[index]


def test_the_page_holds_the_table():
    page = Path(__file__).parents[2] / "docs" / "colours.md"
    assert colours.table() in page.read_text(encoding="utf-8")


def test_the_demo_has_colours_of_the_palette():
    assert {t.colour for t in tumour_nest().tissues} <= set(PALETTE)
