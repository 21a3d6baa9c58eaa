"""A source of confidence: the darker a pixel, the likelier the first tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from napari_vslp.core.options import option
from napari_vslp.core.segmentation import EvidenceMap


@dataclass(frozen=True)
class DarknessOptions:
    """How much darkness counts."""

    weight: float = option(
        0.0,
        "Darkness counts",
        "How much a dark pixel speaks for the first tissue",
        flag="--weight",
        low=0.0,
        high=100.0,
    )


class Darkness:
    """Adds weight × darkness to the log-probability of the first tissue, pixel by pixel."""

    name = "darkness"
    title = "Darkness"
    level: Literal["image"] = "image"
    needs = frozenset()
    Options = DarknessOptions

    def active(self, context):
        return context.settings.of(self.name, DarknessOptions).weight > 0

    def __call__(self, belief, context):
        from napari_vslp.confidence.contract import Evidence

        weight = context.settings.of(self.name, DarknessOptions).weight
        dark = (255 - context.image.mean(axis=2, dtype=np.float32)) / 255
        changed = belief.clone()
        changed[0] *= torch.from_numpy(np.exp(weight * dark))
        changed /= changed.sum(0)
        shown = EvidenceMap(dark.astype(np.float32), "darkness")
        return Evidence(changed, maps={"darkness": shown})
