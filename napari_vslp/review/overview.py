"""Doubt of each pixel, energy of each tissue, and all else that the audit shows of a result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.review.pixels import boundary_map
from napari_vslp.review.regions import Region, doubtful_regions

BINS = 24


@dataclass(frozen=True)
class TissueEnergy:
    """The energy on the pixels that show one tissue.

    Attributes
    ----------
    name
        Of the tissue.
    pixels
        How many show it.
    fidelity, regularisation
        Sums of the energy maps there (nats); the second with the learned part, if there is one.
    share
        (BINS,) float64: fraction of its pixels in each bin of energy; zeros if it has none.
    """

    name: str
    pixels: int
    fidelity: float
    regularisation: float
    share: NDArray[np.float64]

    @property
    def total(self) -> float:
        """Fidelity plus regularisation (nats)."""
        return self.fidelity + self.regularisation


@dataclass(frozen=True)
class EnergyByTissue:
    """The energies of all tissues, with common bins.

    Attributes
    ----------
    tissues
        In the result's order; their energies add up to the result's.
    edges
        (BINS + 1,) float64: borders of the bins (nats per px); the last bin holds all beyond.
    """

    tissues: tuple[TissueEnergy, ...]
    edges: NDArray[np.float64]


def energy_by_tissue(result: Segmentation) -> EnergyByTissue:
    """Return the energies of the pixels that show each tissue.

    The bins reach to the 99th percentile of the energy over all segmented pixels, so that a few
    extreme ones do not press the rest into one bin.
    """
    boundaries = boundary_map(result)
    energy = result.fidelity_map + boundaries
    inside = energy[result.labels > 0]
    high = max(float(np.quantile(inside, 0.99)), 1e-3) if inside.size else 1.0
    edges = np.linspace(0.0, high, BINS + 1)
    bins = np.minimum((energy * (BINS / high)).astype(np.intp), BINS - 1)
    count = len(result.tissues) + 1
    table = np.bincount(
        (result.labels.astype(np.intp) * BINS + bins).ravel(), minlength=count * BINS
    ).reshape(-1, BINS)
    fidelity = _sums(result, result.fidelity_map, count)
    regularisation = _sums(result, boundaries, count)
    tissues = tuple(
        TissueEnergy(
            name=tissue.name,
            pixels=int(table[k].sum()),
            fidelity=float(fidelity[k]),
            regularisation=float(regularisation[k]),
            share=table[k] / max(1, int(table[k].sum())),
        )
        for k, tissue in enumerate(result.tissues, start=1)
    )
    return EnergyByTissue(tissues, edges)


def _sums(result: Segmentation, values: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    sums = np.bincount(result.labels.ravel(), weights=values.ravel(), minlength=count)
    return np.asarray(sums, np.float64)


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
