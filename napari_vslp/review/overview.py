"""All that the audit shows of a result, made once in the working thread."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import FloatMap, Segmentation
from napari_vslp.review.doubt import doubt
from napari_vslp.review.histogram import EnergyByTissue, energy_by_tissue
from napari_vslp.review.regions import Region, doubtful_regions


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
