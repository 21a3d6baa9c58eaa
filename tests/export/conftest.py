"""A result with all that makes exports fail: odd names, holes, islands, absent tissues."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.segmentation import Segmentation, TermMap
from napari_vslp.core.tissues import Tissue, coloured

NAMES = (
    "Drüsengewebe",
    "肿瘤细胞",
    'the "odd" one, it\'s',
    "=1+1",
    "+CD3: pos",
    "<b>&amp;",
    "@absent",
    "-stroma",
    "rest",
)
ABSENT = 7  # the label that no pixel has


def _labels() -> np.ndarray:
    labels = np.ones((30, 40), np.uint8)
    labels[:, 34:] = 0  # only part of the region was segmented
    labels[2:12, 2:12] = 2
    labels[4:10, 4:10] = 3  # a hole that is filled
    labels[5:9, 5:9] = 2  # an island in the hole
    labels[6, 6] = 0  # a hole of nothing in the island
    labels[15, 5] = labels[16, 6] = labels[17, 5] = 4  # pixels that touch at corners
    labels[15:19, 12:16] = 5
    labels[16, 13] = labels[17, 14] = 6  # holes that touch at a corner
    labels[22:26, 3:7] = 8
    labels[25, 6] = 1
    labels[23, 4] = labels[24, 5] = 1  # holes that touch each other and the outside at corners
    labels[0, 0] = labels[29, 33] = labels[29, 0] = 9  # islands of one pixel in the corners
    return labels


@pytest.fixture
def awkward(result) -> Segmentation:
    """Return a result of nine tissues on a region of a 40 × 60 image with oblong pixels."""
    labels = _labels()
    shares = np.bincount(labels.ravel(), minlength=10)[1:] / (labels > 0).sum()
    wanted = [Tissue(name, float(share), 0.05) for name, share in zip(NAMES, shares, strict=True)]
    wanted[1] = Tissue(NAMES[1])
    tissues = tuple(coloured(wanted))
    rng = np.random.default_rng(5)
    maps = rng.random((4, 30, 40)).astype(np.float32)
    return replace(
        result,
        inputs=Inputs(
            ImageReference("slide.svs", "/s/slide.svs", "c0ffee", (40, 60), 0, (0.5, 0.25)),
            tissues,
            region=result.region,
        ),
        tissues=tissues,
        labels=labels,
        confidence=rng.dirichlet(np.ones(9), (30, 40)).transpose(2, 0, 1).astype(np.float32),
        margin=maps[0],
        terms={
            "fidelity": TermMap.of(maps[1], "doubt: numbers"),
            "regularisation": TermMap.of(maps[2], "doubt: boundary"),
        },
        gap_map=maps[3],
        prices=np.linspace(-0.4, 0.4, 9),
        shares=shares,
    )
