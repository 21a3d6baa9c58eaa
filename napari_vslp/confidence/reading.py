"""Read the views of an image with an encoder, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_vslp.confidence.augmentation import View
from napari_vslp.confidence.encoding import Encoded, Encoder
from napari_vslp.confidence.reduction import Reduction, fit, unit
from napari_vslp.confidence.tiling import (
    OVERLAP,
    STRIDE,
    Tile,
    blend,
    pad_to_multiple,
    tiles_of,
)
from napari_vslp.progress import Job, Progress

STAGE = "Reading the tissue"
_FITTED_TILES = 9


@dataclass(frozen=True)
class TileReader:
    """Reads views of one image with tiles of a given size.

    Attributes
    ----------
    encoder
        The network.
    tile
        Side of a tile (px), a multiple of what the encoder asks for.
    job
        Looked at before every layer, and told after every tile.
    seed
        Which tiles of a large image the reduction is fitted to.
    """

    encoder: Encoder
    tile: int
    job: Job
    seed: int = 0

    def read(self, image: Tensor, views: Sequence[View]) -> tuple[Tensor, Tensor | None]:
        """Return the reduced features and the head's probabilities of each view, turned back.

        Parameters
        ----------
        image : Tensor
            RGB, shape (1, 3, H, W), float32 in [0, 1]; H and W divisible by 4.
        views : sequence of View
            At least one.

        Returns
        -------
        tuple of Tensor and Tensor or None
            (V, d, H/4, W/4) float16 of length 1 per cell, and (V, K, H/4, W/4) float16 in the
            simplex, both on the CPU.
        """
        self.job.report(Progress(STAGE, 0.0))
        reduction = self._fit(image)
        dimensions = reduction.basis.shape[1]
        vectors, heads = [], []
        for index, view in enumerate(views):
            seen = view.undo(self._view(view.apply(image), reduction))
            vectors.append(unit(seen[:dimensions]).half())
            heads.append(seen[dimensions:].half())
            self.job.report(Progress(STAGE, (index + 1) / len(views)))
        return torch.stack(vectors), torch.stack(heads) if self.encoder.tissues else None

    @property
    def _overlap(self) -> int:
        return min(OVERLAP, self.tile // 2)

    def _fit(self, image: Tensor) -> Reduction:
        padded = self._padded(image)
        tiles = tiles_of((padded.shape[-2], padded.shape[-1]), self.tile, self._overlap)
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(tiles), generator=generator)[:_FITTED_TILES]
        return fit(self._encode(tiles[i], padded) for i in sorted(chosen.tolist()))

    def _view(self, image: Tensor, reduction: Reduction) -> Tensor:
        """Return (d + K, H/4, W/4): components, then probabilities."""
        padded = self._padded(image)
        shape = (padded.shape[-2], padded.shape[-1])

        def read(tile: Tile) -> Tensor:
            seen = self._encode(tile, padded)
            reduced = reduction.apply(seen.features[0])
            return reduced if seen.probabilities is None else _join(reduced, seen.probabilities)

        found = blend(tiles_of(shape, self.tile, self._overlap), shape, read, self._overlap)
        return found[:, : image.shape[-2] // STRIDE, : image.shape[-1] // STRIDE]

    def _padded(self, image: Tensor) -> Tensor:
        multiple = self.encoder.multiple
        return pad_to_multiple(image, multiple, smallest=2 * multiple)

    def _encode(self, tile: Tile, image: Tensor) -> Encoded:
        self.job.check()
        return self.encoder.encode(tile.cut(image), self.job)


def _join(features: Tensor, probabilities: Tensor) -> Tensor:
    return torch.cat([features, probabilities[0]])
