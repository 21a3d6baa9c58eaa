"""The labels of a result in its folder, to be held against another result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.inputs_file import inputs_of_json
from napari_vslp.evaluation.masks import stored
from napari_vslp.importing.geojson import read_json
from napari_vslp.review.compare import Labelled


def labelled_in(folder: Path) -> Labelled:
    """Return the labels of the result in a folder.

    Raises
    ------
    VslpError
        If it holds no mask.tif and summary.json of a result.
    """
    told = read_json(folder / "summary.json", "no summary: name a folder of results")
    if not isinstance(told, dict) or not isinstance(told.get("inputs"), dict):
        raise VslpError(f"“{folder}” holds no summary that tells what was said: segment again.")
    inputs = inputs_of_json(told["inputs"])
    labels, names = stored(folder / "mask.tif")
    tissues = tuple((names or {}).get(i + 1, t.name) for i, t in enumerate(inputs.tissues))
    if labels.ndim != 2 or labels.max(initial=0) > len(tissues):
        raise VslpError(f"The mask in “{folder}” does not belong to its summary: segment again.")
    return Labelled(labels.astype(np.uint8), tissues, inputs.pixel_size_um)
