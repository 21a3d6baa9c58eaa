"""Results of the real solver on random tissues, without an encoder."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_vslp.confidence.compose import Confidence
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue, coloured
from napari_vslp.pipeline import fuse
from napari_vslp.prepared import Prepared

NAMES = ("gland", "stroma", "tumour", "fat")


class Seen(Prepared):
    """An image whose confidences are given."""

    def confidence_of(self, *_, **__):
        return self.given


def confidences(tissues=3, shape=(64, 80), seed=0, sharpness=1.6):
    """Return (K, h, w) float32: blobs seen through noise."""
    rng = np.random.default_rng(seed)
    logits = np.stack([gaussian_filter(rng.standard_normal(shape), 5) for _ in range(tissues)])
    logits = sharpness * logits / logits.std() + 0.5 * rng.standard_normal(logits.shape)
    share = np.exp(logits)
    return (share / share.sum(0)).astype(np.float32)


def solved(
    confidence=None,
    values=(0.4, 0.35, 0.25),
    tolerance=0.05,
    clicks=(),
    offset=(0, 0),
    pixel_size_um=None,
    white=None,
    **settings,
) -> Segmentation:
    """Return the solver's result for confidences on a region that begins at `offset`."""
    confidence = confidences(len(values)) if confidence is None else confidence
    shape = confidence.shape[1:]
    region = (*offset, offset[0] + shape[0], offset[1] + shape[1])
    features = SimpleNamespace(
        weights_hash="made", white=np.zeros(shape) if white is None else white
    )
    prepared = Seen(
        np.full((*shape, 3), 200, np.uint8), features, region, (region[2] + 3, region[3] + 4)
    )
    spread = np.full(shape, 0.1, np.float32)
    prepared.given = Confidence(confidence, spread, False, False, (), {})
    rows = [Tissue(n, v, tolerance) for n, v in zip(NAMES, values, strict=False)]
    chosen = Settings(edges=False, device="cpu", **settings)
    return fuse(
        prepared, coloured(rows), clicks=clicks, settings=chosen, pixel_size_um=pixel_size_um
    )
