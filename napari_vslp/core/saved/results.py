"""A result as plain JSON values and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_vslp.core.files.inputs_file import (
    inputs_as_json,
    inputs_of_json,
    settings_of_json,
    tissue_as_json,
    tissue_of,
)
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.saved.archive import Array, ArrayOf
from napari_vslp.core.segmentation import EvidenceMap, Segmentation, TermMap, labels_hash
from napari_vslp.core.tissues import Tissue

# (h, w) or (K, h, w) arrays that every result has.
_MAPS = ("confidence", "spread", "margin", "gap_map")


def result_as_json(result: Segmentation) -> dict[str, Any]:
    """Return all of a result but its arrays: what was asked and reached, and what it rests on."""
    return {
        "inputs": inputs_as_json(result.inputs),
        "tissues": [tissue_as_json(t) for t in result.tissues],
        "labels_sha256": labels_hash(result.labels),
        "prices": [float(price) for price in result.prices],
        "shares": [float(share) for share in result.shares],
        "objective": float(result.objective),
        "bound": float(result.bound),
        "gap": float(result.gap),
        "iterations": int(result.iterations),
        "seconds": float(result.seconds),
        "region": [int(edge) for edge in result.region],
        "image_shape": [int(side) for side in result.image_shape],
        "settings": result.settings.as_dict(),
        "weights": result.weights_hash,
        "start_only": bool(result.start_only),
        "terms": {name: [float(t.total), t.title] for name, t in result.terms.items()},
        "evidence": {
            name: [e.title, float(e.low), float(e.high)] for name, e in result.evidence.items()
        },
        "smoothness_scores": [
            [float(weight), float(mean), float(error)]
            for weight, (mean, error) in result.smoothness_scores.items()
        ],
        "notes": list(result.notes),
        "versions": dict(result.versions),
    }


def result_arrays(result: Segmentation) -> dict[str, Array]:
    """Return the arrays of a result by their names in a file."""
    arrays: dict[str, Array] = {"labels": np.asarray(result.labels, np.uint8)}
    for name in _MAPS:
        arrays[name.replace("_", "-")] = np.asarray(getattr(result, name), np.float32)
    # By number: the name of a term is whatever its package calls it.
    for number, term in enumerate(result.terms.values()):
        arrays[f"term-{number}"] = np.asarray(term.map, np.float32)
    for number, one in enumerate(result.evidence.values()):
        arrays[f"evidence-{number}"] = np.asarray(one.map, np.float32)
    return arrays


def result_of_json(told: Mapping[str, Any], array: ArrayOf) -> Segmentation:
    """Return the result that `result_as_json` told.

    Parameters
    ----------
    told
        Its JSON values.
    array
        Name → array, as `result_arrays` named them.

    Raises
    ------
    VslpError, LookupError, TypeError, ValueError
        If anything is missing or does not fit the rest.
    """
    inputs = inputs_of_json(told["inputs"])
    tissues = tuple(tissue_of(one) for one in told["tissues"])
    top, left, bottom, right = (int(edge) for edge in told["region"])
    shape = (bottom - top, right - left)

    def read(name: str, leading: tuple[int, ...] = ()) -> Array:
        found = array(name)
        kind = np.uint8 if name == "labels" else np.float32
        if found.shape != (*leading, *shape) or found.dtype != kind:
            raise ValueError(f"“{name}” does not fit its image")
        return found

    count = len(tissues)
    labels = read("labels")
    _check(inputs, tissues, labels, told)
    height, width = (int(side) for side in told["image_shape"])
    return Segmentation(
        inputs=inputs,
        tissues=tissues,
        labels=labels,
        confidence=read("confidence", (count,)),
        spread=read("spread"),
        terms={
            str(name): TermMap(read(f"term-{i}"), float(total), str(title))
            for i, (name, (total, title)) in enumerate(told["terms"].items())
        },
        margin=read("margin"),
        gap_map=read("gap-map"),
        prices=_numbers(told["prices"], count),
        objective=float(told["objective"]),
        bound=float(told["bound"]),
        gap=float(told["gap"]),
        shares=_numbers(told["shares"], count),
        iterations=int(told["iterations"]),
        seconds=float(told["seconds"]),
        region=(top, left, bottom, right),
        image_shape=(height, width),
        settings=settings_of_json(told["settings"]),
        weights_hash=str(told["weights"]),
        start_only=bool(told["start_only"]),
        evidence={
            str(name): EvidenceMap(read(f"evidence-{i}"), str(title), float(low), float(high))
            for i, (name, (title, low, high)) in enumerate(told["evidence"].items())
        },
        smoothness_scores={
            float(weight): (float(mean), float(error))
            for weight, mean, error in told["smoothness_scores"]
        },
        notes=tuple(str(note) for note in told["notes"]),
        versions={str(name): str(version) for name, version in told["versions"].items()},
    )


def _check(
    inputs: Inputs, tissues: tuple[Tissue, ...], labels: Array, told: Mapping[str, Any]
) -> None:
    """Raise `ValueError` if the labels are not those that were saved, or of other tissues."""
    if len(tissues) != len(inputs.tissues) or int(labels.max(initial=0)) > len(tissues):
        raise ValueError("the labels are of other tissues")
    if labels_hash(labels) != told["labels_sha256"]:
        raise ValueError("the labels are not those that were saved")


def _numbers(told: Any, count: int) -> Array:  # noqa: ANN401 - JSON
    found = np.array([float(value) for value in told], np.float64)
    if found.shape != (count,):
        raise ValueError("there are not as many numbers as tissues")
    return found
