"""The images of a cohort with their masks, shares and cases, checked before anything slow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.proportions import nearest_shares
from napari_vslp.evaluation.masks import IGNORED, Labels, find_mask, read_mask
from napari_vslp.learning.cohort import Bag, Cohort
from napari_vslp.learning.table import Table, meaning, read_table
from napari_vslp.raster.contract import Raster, check_region, open_raster

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One image of the cohort with its mask.

    Attributes
    ----------
    name
        File name, with the region if it is not the whole image.
    image, mask
        Where they lie.
    region
        Top, left, bottom, right (px); None for the whole image.
    shares
        (K,) what is typed: the table's shares, or the middle of its intervals; they sum to 1.
    certain
        Whether the table states shares rather than intervals.
    case
        Patient or slide, from the column “case”; the image itself where there is none.
    row
        Line of the table.
    number
        Which row it is, from 2: seeds its random numbers, whatever comments stand between.
    tissues
        Names of the K tissues.
    """

    name: str
    image: Path
    mask: Path
    region: Box | None
    shares: Vector
    certain: bool
    case: str
    row: int
    number: int
    tissues: tuple[str, ...]

    def read(self, labels: Mapping[int, int] | None) -> tuple[Raster, Box, Labels]:
        """Return the image, the region and the mask of that region.

        Parameters
        ----------
        labels
            As in `masks.read_mask`.

        Raises
        ------
        VslpError
            If the image or the mask cannot be used.
        """
        raster = open_raster(self.image)
        region = check_region(self.region, raster.shape)
        top, left, bottom, right = region
        truth = read_mask(self.mask, raster.shape, self.tissues, labels)[top:bottom, left:right]
        if (truth == IGNORED).all():
            raise VslpError(
                f"The mask “{self.mask}” holds none of the values that --labels names: add them "
                "there or take the image out of the table."
            )
        return raster, region, truth


def samples_of(
    cohort: Cohort, masks: Path, *, limit: int | None = None, seed: int = 0
) -> tuple[Sample, ...]:
    """Pair the images of a cohort with their masks.

    Parameters
    ----------
    masks
        The folder of the masks.
    limit
        How many images are drawn at random; None for all.
    seed
        Of the draw.

    Raises
    ------
    VslpError
        If the folder or a mask is missing, or no image is to be measured.
    """
    if not masks.is_dir():
        raise VslpError(f"There is no folder “{masks}”: name the folder of the masks.")
    if limit is not None and limit < 1:
        raise VslpError("--limit must be at least 1: leave it out to measure all images.")
    bags = _drawn(cohort.bags, limit, seed)
    table = read_table(cohort.path)
    cases, numbers = _cases(table), _numbers(table)
    return tuple(
        _sample(bag, masks, cases.get(bag.row), numbers[bag.row], cohort.tissues) for bag in bags
    )


def check_samples(samples: Sequence[Sample], labels: Mapping[int, int] | None, job: Job) -> None:
    """Read all images and masks once, so that the last one does not fail after an hour's work."""
    for index, sample in enumerate(samples):
        job.check()
        job.report(Progress("Checking the masks", index / len(samples)))
        raster, region, _ = sample.read(labels)
        raster.read(region)


def _drawn(bags: tuple[Bag, ...], limit: int | None, seed: int) -> tuple[Bag, ...]:
    if limit is None or limit >= len(bags):
        return bags
    chosen = np.random.default_rng(seed).choice(len(bags), limit, replace=False)
    return tuple(bags[i] for i in sorted(chosen.tolist()))


def _sample(
    bag: Bag, masks: Path, case: str | None, number: int, tissues: tuple[str, ...]
) -> Sample:
    lower, upper = np.array(bag.lower), np.array(bag.upper)
    name = bag.image.name
    if bag.region is not None:
        name = f"{name} [{', '.join(map(str, bag.region))}]"
    return Sample(
        name=name,
        image=bag.image,
        mask=find_mask(masks, bag.image, bag.mask),
        region=bag.region,
        shares=nearest_shares((lower + upper) / 2, lower, upper),
        certain=bool((upper - lower).max() < 1e-6),
        case=case or str(bag.image),
        row=bag.row,
        number=number,
        tissues=tissues,
    )


def _numbers(table: Table) -> dict[int, int]:
    """Return line → number of a row; of a table with nothing but rows it is its line."""
    return {row.line: number for number, row in enumerate(table.rows, 2)}


def _cases(table: Table) -> dict[int, str]:
    meanings = [meaning(name) for name in table.header]
    if "case" not in meanings:
        return {}
    column = meanings.index("case")
    return {row.line: row.cells[column] for row in table.rows if row.cells[column]}
