"""Patches of the bags with their labels, drawn so that every run of a seed sees the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from napari_vslp.encoders.tiling import STRIDE
from napari_vslp.learning.proportions.bag_images import BagImage
from napari_vslp.learning.proportions.losses import IGNORED

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
        """Draw without replacement, in rounds that go on from epoch to epoch."""
        first = self._epoch() * self._count
        order: list[int] = []
        turn = -1
        for place in range(first, first + self._count):
            # Rounds are as long as there are bags, so an epoch may begin in the midst of one.
            if place // len(self._expected) != turn or not order:
                turn = place // len(self._expected)
                order = self._round(turn)
            yield order[place % len(self._expected)], self._seed * 1_000_003 + place

    def _round(self, turn: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed * 7_919 + turn)
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
