"""What of a result is shown as layers: their keys, names, colours and ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from napari.utils.colormaps import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_vslp.core.segmentation import FIDELITY, REGULARISATION, FloatMap, Segmentation
from napari_vslp.core.tissues import Tissue

PREFIX = "Result · "
LABELS, DOUBT, MARGIN = "labels", "doubt", "margin"
LINES = "lines"  # the labels where the overlay draws
OUTLINE = "outline"  # shapes, not a map
# Terms, evidence and tissues go by names of their own, which these keep apart.
TERM, EVIDENCE, CONFIDENCE = "term ", "evidence ", "confidence in "


@dataclass(frozen=True)
class MapLayer:
    """One map of a result as an image layer.

    Attributes
    ----------
    title
        Its name, without the prefix.
    values
        (h, w) float32.
    colours
        Its colour map.
    limits
        Values shown darkest and brightest.
    above
        Whether it lies above the labels: it is clear where there is nothing to see.
    low, high
        What the darkest and the brightest mean, in a word or two.
    unit
        Of the values.
    """

    title: str
    values: FloatMap
    colours: Colormap | str
    limits: tuple[float, float]
    above: bool = False
    low: str = ""
    high: str = ""
    unit: str = ""


def clear_to(name: str, middle: str, high: str) -> Colormap:
    """Return a colour map that lets see through where there is nothing to see."""
    low, mid, top = transform_color([middle, middle, high])
    low[3], mid[3] = 0.0, 0.75
    return Colormap([low, mid, top], name=name, controls=[0.0, 0.4, 1.0])


_DOUBT = clear_to("doubt", "#8a3b00", "#fff3a0")
_TERMS = {
    FIDELITY: clear_to("doubt numbers", "#6a0048", "#ff20d0"),
    REGULARISATION: clear_to("doubt boundary", "#101010", "#ffffff"),
}
_TITLES = {FIDELITY: "doubt about numbers", REGULARISATION: "doubt about boundaries"}
COST, PART = "nats per pixel", "per cent"
_OTHER_TERMS = clear_to("doubt shapes", "#003a44", "#30e0ff")


def maps_of(result: Segmentation, doubt: FloatMap | None = None) -> dict[str, MapLayer]:
    """Return the maps of a result by their keys, in the order in which the layers are made.

    Parameters
    ----------
    doubt
        (h, w) float32 in [0, 1]; a passing result has none.
    """
    maps = {}
    for name, term in result.terms.items():
        colours = _TERMS.get(name, _OTHER_TERMS)
        title, limits = term_title(name, term.title), _limits(term.map)
        maps[TERM + name] = MapLayer(
            title, term.map, colours, limits, True, "costs nothing", "costs much", COST
        )
    maps[MARGIN] = MapLayer(
        "how clear", result.margin, "gray", _limits(result.margin), False, "close", "clear", COST
    )
    if doubt is not None:
        # What is fairly clear stays clear to the eye.
        maps[DOUBT] = MapLayer("doubt", doubt, _DOUBT, (0.3, 1.0), True, "sure", "a toss-up", PART)
    for tissue, values in zip(result.tissues, result.confidence, strict=True):
        key, title = CONFIDENCE + tissue.id, f"looks like {tissue.name}"
        maps[key] = MapLayer(title, values, "inferno", (0.0, 1.0), False, "unlike", "like", PART)
    for name, shown in result.evidence.items():
        limits = (shown.low, shown.high)
        maps[EVIDENCE + name] = MapLayer(shown.title, shown.map, "viridis", limits)
    return maps


def term_title(name: str, title: str) -> str:
    """Return what the window calls a term of the energy, without a colon."""
    return _TITLES.get(name, title.replace(": ", " about "))


def _limits(values: FloatMap) -> tuple[float, float]:
    # One pixel in 200 may be brighter than white, or a single one would darken all others.
    high = float(np.percentile(values[::4, ::4], 99.5)) if values.size else 1.0
    return 0.0, max(high, 1e-3)


def label_colours(tissues: Sequence[Tissue]) -> DirectLabelColormap:
    """Return the colour of label i + 1 for tissue i; 0 and all else is clear."""
    colours: dict[int | None, tuple[float, ...] | str] = {
        i + 1: tuple(channel / 255 for channel in tissue.colour) for i, tissue in enumerate(tissues)
    }
    # napari asks for the key None: the colour of labels that the table does not hold.
    return DirectLabelColormap(color_dict={**colours, 0: "transparent", None: "transparent"})


def label_features(result: Segmentation) -> pd.DataFrame:
    """Return the names and shares that napari shows for the label under the mouse."""
    return pd.DataFrame(
        {
            "index": range(len(result.tissues) + 1),
            "tissue": ["not segmented", *(t.name for t in result.tissues)],
            "share %": [None, *(round(100 * float(share), 2) for share in result.shares)],
        }
    )
