"""The energy by tissue: how much of the doubt each one holds, and how it lies on its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.review.pixels import boundary_map

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
