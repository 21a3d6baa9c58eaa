"""The bags of a cohort in memory, and the patches with labels that are drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset, Sampler

from napari_vslp.confidence.names import WHITE, kind_of
from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple
from napari_vslp.learning.cohort import Bag, Cohort, shares
from napari_vslp.learning.contract import Event
from napari_vslp.learning.proportions.losses import IGNORED
from napari_vslp.raster.contract import open_raster
from napari_vslp.raster.tissue_mask import white_background

_LEAST_TISSUE = 0.02
_LEAST_SIDE = 32
# As in `confidence`: from here on a cell counts as white.
_WHITE_CELL = 0.5


@dataclass(frozen=True)
class BagImage:
    """One bag.

    Attributes
    ----------
    pixels
        (3, H, W) uint8, RGB; H and W divisible by 4.
    tissue
        (H/4, W/4) bool: the cells that the shares speak of.
    lower, upper
        (K,) float64: the interval of each learnt tissue's share of those cells.
    bag
        The row of the table that it comes from.
    """

    pixels: Tensor
    tissue: Tensor
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bag: Bag


@dataclass(frozen=True)
class Bags:
    """All bags of a cohort.

    Attributes
    ----------
    tissues
        Names of the K tissues that are learnt.
    white
        Names of those that the pixel rule for white background finds instead.
    items
        The bags; those of white background alone are left out.
    """

    tissues: tuple[str, ...]
    white: tuple[str, ...]
    items: tuple[BagImage, ...]

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and highest shares, each (N, K)."""
        return np.stack([b.lower for b in self.items]), np.stack([b.upper for b in self.items])


def load_bags(cohort: Cohort, job: Job | None = None) -> Bags:
    """Read the images of a cohort into memory, a byte a channel.

    White background is not learnt: a pixel rule finds it better. Where the table names it, the
    shares of the other tissues become shares of what is left.

    Parameters
    ----------
    cohort : Cohort
        From `read_cohort`.
    job : Job, optional
        Looked at after every image.

    Returns
    -------
    Bags
        In the order of the table.

    Raises
    ------
    VslpError
        If an image cannot be read, is too small, or no two tissues are left to learn.
    """
    job = job or Job()
    learnt = [k for k, name in enumerate(cohort.tissues) if kind_of(name) != WHITE]
    white = [k for k in range(len(cohort.tissues)) if k not in learnt]
    if len(learnt) < 2:
        raise VslpError(
            "White background is found without training, and only one tissue is left to learn: "
            "name at least two tissues in the table."
        )
    lower, upper = _of_tissue(*shares(cohort), learnt, white)
    items = []
    for index, bag in enumerate(cohort.bags):
        job.check()
        done = index / len(cohort.bags)
        job.report(Event(stage="Reading the images", fraction=done, kind="reading"))
        read = _read(bag, has_white=bool(white), lower=lower[index], upper=upper[index])
        if float(read.tissue.float().mean()) >= _LEAST_TISSUE:
            items.append(read)
    if not items:
        raise VslpError("All images are white background: there is nothing to learn from.")
    names = cohort.tissues
    return Bags(tuple(names[k] for k in learnt), tuple(names[k] for k in white), tuple(items))


def _of_tissue(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    learnt: Sequence[int],
    white: Sequence[int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn shares of the image into shares of its tissue: p_k / (1 − p_white), as intervals."""
    if not white:
        return lower, upper
    # Widest where the white share is itself an interval, exact where it is a number.
    most = np.clip(1 - lower[:, white].sum(axis=1, keepdims=True), 1e-6, 1)
    least = np.clip(1 - upper[:, white].sum(axis=1, keepdims=True), 1e-6, 1)
    low, high = np.clip(lower[:, learnt] / most, 0, 1), np.clip(upper[:, learnt] / least, 0, 1)
    # A table that says nothing but white says nothing of what tissue there is all the same.
    return low, np.where(high.sum(axis=1, keepdims=True) < 1 - 1e-6, 1, high)


def _read(
    bag: Bag, *, has_white: bool, lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> BagImage:
    rgb = open_raster(bag.image).read(bag.region)
    if min(rgb.shape[:2]) < _LEAST_SIDE:
        raise VslpError(
            f"The image of row {bag.row}, {bag.image.name}, is only {rgb.shape[0]} × "
            f"{rgb.shape[1]} px: leave out images below {_LEAST_SIDE} px."
        )
    pixels = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
    pixels = pad_to_multiple(pixels[None], STRIDE)[0]
    height, width = pixels.shape[-2] // STRIDE, pixels.shape[-1] // STRIDE
    tissue = torch.ones(height, width, dtype=torch.bool)
    if has_white:
        sure = torch.from_numpy(white_background(rgb))[None, None]
        pooled = functional.avg_pool2d(pad_to_multiple(sure, STRIDE), STRIDE)[0, 0]
        tissue = pooled < _WHITE_CELL
    return BagImage(pixels, tissue, lower, upper, bag)


Patch = tuple[Tensor, Tensor]
Draw = tuple[int, int]
_TRIES = 4
_LEAST_LABELLED = 0.05


class Patches(Dataset[Patch]):
    """Squares of the bags' pixels with the labels of their cells.

    Parameters
    ----------
    bags : sequence of BagImage
        Where patches come from.
    labels : sequence of Tensor
        One (H/4, W/4) int8 a bag.
    side : int
        Of a patch (px), a multiple of 4.
    """

    def __init__(self, bags: Sequence[BagImage], labels: Sequence[Tensor], side: int) -> None:
        self.side = side
        # Small images are continued by reflection, their labels with them.
        self._images = [_at_least(bag.pixels, side) for bag in bags]
        self._labels = [_at_least(one[None], side // STRIDE)[0] for one in labels]

    @property
    def areas(self) -> Tensor:
        """Patches that fit into each bag, (N,) float64: how often it is drawn."""
        return torch.tensor([one[0].numel() / self.side**2 for one in self._images]).double()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: Draw) -> Patch:
        """Return (3, side, side) uint8 and (side/4, side/4) int8."""
        index, seed = draw
        generator = torch.Generator().manual_seed(seed)
        image, labels = self._images[index], self._labels[index]
        cells = self.side // STRIDE
        for _ in range(_TRIES):
            top, left = (_corner(n, cells, generator) for n in labels.shape)
            cut = labels[top : top + cells, left : left + cells]
            if float((cut != IGNORED).float().mean()) >= _LEAST_LABELLED:
                break
        rows = slice(top * STRIDE, top * STRIDE + self.side)
        columns = slice(left * STRIDE, left * STRIDE + self.side)
        return image[:, rows, columns], cut


class Draws(Sampler[Draw]):
    """Which bag each patch of an epoch comes from, and the seed of its place.

    Parameters
    ----------
    areas : Tensor
        (N,): a bag is drawn in proportion; every bag once before any comes again if all are alike.
    count : int
        Patches an epoch.
    seed : int
        Of the draws.
    epoch : callable
        Returns the number of the epoch that begins.
    """

    def __init__(self, areas: Tensor, count: int, seed: int, epoch: Callable[[], int]) -> None:
        self._expected = areas / areas.mean()
        self._count, self._seed, self._epoch = count, seed, epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Draw]:
        """Draw without replacement, in passes that go on from epoch to epoch."""
        first = self._epoch() * self._count
        order: list[int] = []
        number = -1
        for place in range(first, first + self._count):
            # Passes are as long as there are bags, so an epoch may begin in the midst of one.
            if place // len(self._expected) != number or not order:
                number = place // len(self._expected)
                order = self._shuffled(number)
            yield order[place % len(self._expected)], self._seed * 1_000_003 + place

    def _shuffled(self, number: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed * 7_919 + number)
        if float(self._expected.max() - self._expected.min()) < 1e-6:
            return torch.randperm(len(self._expected), generator=generator).tolist()
        count = len(self._expected)
        return torch.multinomial(self._expected, count, True, generator=generator).tolist()


def _at_least(maps: Tensor, side: int) -> Tensor:
    rows, columns = (_mirrored(length, side) for length in maps.shape[-2:])
    return maps[..., rows, :][..., columns].contiguous()


def _mirrored(length: int, least: int) -> Tensor:
    """Return 0 … n−1, n−1 … 0, …: with its border twice, so that cells fall on cells."""
    steps = torch.arange(max(length, least)) % (2 * length)
    return torch.minimum(steps, 2 * length - 1 - steps)


def _corner(length: int, wanted: int, generator: torch.Generator) -> int:
    return int(torch.randint(length - wanted + 1, (1,), generator=generator))
