"""Tissue colours and names as napari's Labels layers want them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from napari.utils.colormaps import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_vslp.core.tissues import Tissue


def label_colours(tissues: Sequence[Tissue]) -> DirectLabelColormap:
    """Return the colour of label i + 1 for tissue i; 0 and all else is clear."""
    colours: dict[int | None, tuple[float, ...] | str] = {
        i + 1: tuple(channel / 255 for channel in tissue.colour) for i, tissue in enumerate(tissues)
    }
    # napari asks for the key None: the colour of labels that the table does not hold.
    return DirectLabelColormap(color_dict={**colours, 0: "transparent", None: "transparent"})


def label_features(tissues: Sequence[Tissue], reached: dict[str, float]) -> pd.DataFrame:
    """Return the names that napari shows for the label under the mouse."""
    return pd.DataFrame(
        {
            "index": range(len(tissues) + 1),
            "tissue": ["not segmented", *(t.name for t in tissues)],
            "share %": [None, *(round(100 * reached.get(t.name, 0.0), 2) for t in tissues)],
        }
    )


def clear_to(name: str, middle: str, high: str) -> Colormap:
    """Return a colour map that lets see through where there is nothing to see."""
    low, mid, top = transform_color([middle, middle, high])
    low[3], mid[3] = 0.0, 0.75
    return Colormap([low, mid, top], name=name, controls=[0.0, 0.4, 1.0])
