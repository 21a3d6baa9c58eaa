"""A segmentation in numbers, as plain JSON values."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_vslp.core.files.inputs_file import inputs_as_json
from napari_vslp.core.segmentation import Segmentation, labels_hash
from napari_vslp.export.contract import RGB, Exporter


def summary(result: Segmentation) -> dict[str, Any]:
    """Return what was asked, what was reached and everything needed to do it again.

    Fractions lie in [0, 1], energies and prices are in nats, positions in px of the whole image.
    """
    areas = result.areas_mm2()
    return {
        "asked": {name: [float(low), float(high)] for name, (low, high) in result.asked.items()},
        "reached": {name: float(share) for name, share in result.reached.items()},
        "energy": _energy(result),
        "gap": float(result.gap),
        "iterations": int(result.iterations),
        "seconds": float(result.seconds),
        "prices": {
            tissue.name: float(price)
            for tissue, price in zip(result.tissues, result.prices, strict=True)
        },
        "areas_mm2": areas,
        "pixel_size_um": list(result.pixel_size_um) if result.pixel_size_um else None,
        "region": [int(edge) for edge in result.region],
        "image_shape": [int(side) for side in result.image_shape],
        "clicks": [asdict(click) for click in result.clicks],
        "start_only": bool(result.start_only),
        "notes": list(result.notes),
        "settings": result.settings.as_dict(),
        "inputs": inputs_as_json(result.presented),
        "labels_sha256": labels_hash(result.labels),
        "seed": int(result.settings.seed),
        "weights": result.weights_hash,
        "versions": dict(result.versions),
    }


def _energy(result: Segmentation) -> dict[str, float]:
    energy = result.energy
    return {
        "learned": 0.0,  # said of every result, with or without a learned regulariser
        **{name: float(total) for name, total in energy.terms.items()},
        "total": float(energy.total),
        "objective": float(energy.objective),
        "bound": float(energy.bound),
    }


class SummaryJson(Exporter):
    """The summary as JSON."""

    name = "summary.json"
    title = "Numbers, JSON"
    suffixes = (".json",)
    default = True

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the summary."""
        text = json.dumps(summary(result), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
        return [path]


summary_json = SummaryJson()
