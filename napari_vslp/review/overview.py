"""How doubtful each pixel's tissue is, and all that the audit shows of a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logsumexp

from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.review.histogram import EnergyByTissue, energy_by_tissue
from napari_vslp.review.regions import Region, doubtful_regions

# How much of the margin, which knows the neighbours, is added to what the pixel itself says.
NEIGHBOURS = np.float32(0.5)


def doubt(result: Segmentation) -> FloatMap:
    """Return how doubtful each pixel's tissue is, (h, w) float32 in [0, 1]; 0 where none is shown.

    The chance that another tissue than the shown one is right: 1 / (1 + e^o) with the log-odds
    o = log c_l e^(φ_l) − log Σ_{k≠l} c_k e^(φ_k) + m/2 of the confidences c at the prices φ, which
    take out the network's bias towards a tissue, and half the margin m, which knows the
    neighbours. On glands of the colon it finds wrong pixels better than margin, fidelity or spread
    alone (docs/accuracy.md).
    """
    scores = np.log(result.confidence) + result.prices.astype(np.float32)[:, None, None]
    shown = np.maximum(result.labels.astype(np.intp) - 1, 0)[None]
    own = np.take_along_axis(scores, shown, axis=0)[0]
    if len(scores) == 1:
        return np.zeros_like(own)
    np.put_along_axis(scores, shown, -np.inf, axis=0)
    odds = own - logsumexp(scores, axis=0) + NEIGHBOURS * np.maximum(result.margin, 0)
    found = expit(-odds)
    found[result.labels == 0] = 0
    return np.asarray(found, np.float32)


@dataclass(frozen=True)
class Overview:
    """What is doubtful in a result.

    Attributes
    ----------
    doubt
        (h, w) float32 in [0, 1].
    regions
        Ranked, the one most worth a look first.
    by_tissue
        The energies of each tissue.
    """

    doubt: FloatMap
    regions: tuple[Region, ...]
    by_tissue: EnergyByTissue


def look_over(result: Segmentation, job: Job | None = None) -> Overview:
    """Return what is doubtful in a result.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    found = doubt(result)
    job.check()
    regions = doubtful_regions(result, found)
    job.check()
    return Overview(found, regions, energy_by_tissue(result))
