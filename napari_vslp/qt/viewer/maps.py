"""What of a result is shown as layers: their keys, names, colours and ranges."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import Colormap

from napari_vslp.core.segmentation import FIDELITY, REGULARISATION, FloatMap, Segmentation
from napari_vslp.qt.viewer.colours import clear_to

PREFIX = "Result · "
CONFIDENCE = "confidence in "  # the keys of the tissues' layers
LABELS = "labels"
# key: (name, colour map)
DOUBT = "doubt"
OUTLINE = "outline"  # shapes, not a map
MAPS: dict[str, tuple[str, Colormap | str]] = {
    DOUBT: ("doubt", clear_to("doubt", "#8a3b00", "#fff3a0")),
    FIDELITY: ("doubt: numbers", clear_to("doubt numbers", "#6a0048", "#ff20d0")),
    REGULARISATION: ("doubt: boundary", clear_to("doubt boundary", "#101010", "#ffffff")),
    "margin": ("margin", "gray"),
}
# Only results with a learned regulariser have this one.
LEARNED = "learned"
_LEARNED_TITLE = ("doubt: shapes", clear_to("doubt shapes", "#003a44", "#30e0ff"))
DOUBTS = (
    DOUBT,
    FIDELITY,
    REGULARISATION,
    LEARNED,
)  # clear where there is none, so above the labels


def values_of(result: Segmentation, doubt: FloatMap | None = None) -> dict[str, FloatMap]:
    """Return the map of each key, in the order in which the layers are made.

    Parameters
    ----------
    doubt
        (h, w) float32 in [0, 1]; a passing result has none.
    """
    maps = {name: term.map for name, term in result.terms.items()}
    maps["margin"] = result.margin
    if doubt is not None:
        maps[DOUBT] = doubt
    names = [CONFIDENCE + tissue.name for tissue in result.tissues]
    return maps | dict(zip(names, result.confidence, strict=True))


def title_of(key: str) -> tuple[str, Colormap | str]:
    """Return the name (without the prefix) and the colour map of a key."""
    if key == LEARNED:
        return _LEARNED_TITLE
    return MAPS.get(key) or (f"like {key.removeprefix(CONFIDENCE)}", "inferno")


def limits_of(key: str, values: FloatMap) -> tuple[float, float]:
    """Return the values shown darkest and brightest."""
    if key.startswith(CONFIDENCE):
        return 0.0, 1.0
    if key == DOUBT:
        return 0.3, 1.0  # what is fairly clear stays clear to the eye
    # One pixel in 200 may be brighter than white, or a single one would darken all others.
    high = float(np.percentile(values[::4, ::4], 99.5)) if values.size else 1.0
    return 0.0, max(high, 1e-3)
