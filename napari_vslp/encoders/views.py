"""The eight flips and rotations of an image, and what an encoder computes from each, tile by tile.

The flips and rotations of a square form the dihedral group D₄ of order 8 and have exact inverses.
An average over all of them commutes with each of them, because a flipped image only visits the
same eight views in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.encoder import Encoder, EncoderOutput
from napari_vslp.encoders.reduction import Reduction, fit_reduction, unit_length
from napari_vslp.encoders.tiling import (
    OVERLAP,
    STRIDE,
    Tile,
    blend,
    pad_to_multiple,
    tiles_of,
)

STAGE = "Reading the tissue"
_FITTED_TILES = 9
# Of features that the first view need not compute again: all nine tiles of the bundled network.
_KEPT_BYTES = 144 * 1024**2
# Nobody knows an image's magnification for certain, so the head also judges it reduced and
# enlarged, which helps at the training's own scale and more at others (docs/accuracy.md).
ZOOMS = (2 / 3, 1.5)
_LOWEST = 1e-6


@dataclass(frozen=True)
class View:
    """One flip or rotation: a mirror first, if any, then quarter turns.

    Attributes
    ----------
    turns
        Counter-clockwise quarter turns, 0…3.
    mirrored
        Whether left and right are swapped before the turns.
    """

    turns: int
    mirrored: bool

    def apply(self, image: Tensor) -> Tensor:
        """Return the view of an image.

        Parameters
        ----------
        image : Tensor
            Shape (…, H, W), any type.

        Returns
        -------
        Tensor
            Shape (…, H, W), or (…, W, H) after an odd number of turns.
        """
        return (image.flip(-1) if self.mirrored else image).rot90(self.turns, (-2, -1))

    def undo(self, image: Tensor) -> Tensor:
        """Return the image of a view: ``view.undo(view.apply(image))`` is ``image``, bit by bit.

        Parameters
        ----------
        image : Tensor
            Shape (…, H, W), any type; may be a map at a stride that divides the image's size.
        """
        turned = image.rot90(-self.turns, (-2, -1))
        return turned.flip(-1) if self.mirrored else turned


IDENTITY = View(0, mirrored=False)
VIEWS = tuple(View(turns, mirrored) for mirrored in (False, True) for turns in range(4))


def views(augmentation: bool) -> tuple[View, ...]:
    """Return all eight views, the untransformed one first, or that one alone."""
    return VIEWS if augmentation else (IDENTITY,)


@dataclass(frozen=True)
class TiledEncoder:
    """Encodes views of one image with tiles of a given size.

    Attributes
    ----------
    encoder
        The network.
    tile
        Side of a tile (px), a multiple of what the encoder asks for.
    job
        Its cancel token is checked before every layer; progress is reported after every view.
    seed
        Which tiles of a large image the reduction is fitted to.
    """

    encoder: Encoder
    tile: int
    job: Job
    seed: int = 0

    def encode_views(self, image: Tensor, views: Sequence[View]) -> tuple[Tensor, Tensor | None]:
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
        zooms = ZOOMS if self.encoder.tissues and len(views) > 1 else ()
        work = len(views) * (1 + sum(zoom**2 for zoom in zooms))
        reduction, known = self._fit(image)
        dimensions = reduction.basis.shape[1]
        vectors, heads = [], []
        for index, view in enumerate(views):
            read = self._reducing(reduction, known if view == IDENTITY else {})
            reduced = view.undo(self._blended(view.apply(image), read))
            vectors.append(unit_length(reduced[:dimensions]).half())
            heads.append(reduced[dimensions:].half())
            self.job.report(Progress(STAGE, (index + 1) / work))
            known.clear()
        if not self.encoder.tissues:
            return torch.stack(vectors), None
        done, others = float(len(views)), []
        for zoom in zooms:
            others.append(self._zoomed(image, views, zoom))
            done += len(views) * zoom**2
            self.job.report(Progress(STAGE, done / work))
        return torch.stack(vectors), _fused(torch.stack(heads), others)

    @property
    def _overlap(self) -> int:
        return min(OVERLAP, self.tile // 2)

    def _fit(self, image: Tensor) -> tuple[Reduction, dict[Tile, EncoderOutput]]:
        """Fit the reduction; return the first of the outputs too, lest they be computed twice."""
        padded = self._padded(image)
        tiles = tiles_of((padded.shape[-2], padded.shape[-1]), self.tile, self._overlap)
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(tiles), generator=generator)[:_FITTED_TILES]
        known: dict[Tile, EncoderOutput] = {}

        def outputs() -> Iterator[EncoderOutput]:
            room = _KEPT_BYTES
            for index in sorted(chosen.tolist()):
                output = self._encode(tiles[index], padded)
                room -= output.features.nbytes
                if room >= 0:
                    known[tiles[index]] = output
                yield output

        return fit_reduction(outputs()), known

    def _zoomed(self, image: Tensor, views: Sequence[View], zoom: float) -> Tensor:
        """Return log-probabilities (K, H/4, W/4) as the head gives them at another magnification.

        The finer grid of an enlarged image is averaged back to stride 4.
        """
        sides = [max(1, round(side * zoom / STRIDE)) * STRIDE for side in image.shape[-2:]]
        resized = functional.interpolate(image, size=sides, mode="bicubic", antialias=zoom < 1)
        resized = resized.clamp_(0, 1)
        logs = [
            view.undo(self._blended(view.apply(resized), self._predict).clamp_min(_LOWEST).log())
            for view in views
        ]
        cells = [side // STRIDE for side in image.shape[-2:]]
        mean = torch.stack(logs).mean(0)[None]
        return functional.interpolate(mean, size=cells, mode="bilinear", antialias=True)[0]

    def _blended(self, image: Tensor, read: Callable[[Tile, Tensor], Tensor]) -> Tensor:
        """Return (C, H/4, W/4): what is computed from each tile, blended."""
        padded = self._padded(image)
        shape = (padded.shape[-2], padded.shape[-1])
        tiles = tiles_of(shape, self.tile, self._overlap)
        found = blend(tiles, shape, lambda tile: read(tile, padded), self._overlap)
        return found[:, : image.shape[-2] // STRIDE, : image.shape[-1] // STRIDE]

    def _reducing(
        self, reduction: Reduction, known: Mapping[Tile, EncoderOutput]
    ) -> Callable[[Tile, Tensor], Tensor]:
        """Return how a tile becomes (d + K, h, w): components, then probabilities."""

        def read(tile: Tile, image: Tensor) -> Tensor:
            output = known[tile] if tile in known else self._encode(tile, image)
            parts = [reduction.apply(output.features[0])]
            if output.probabilities is not None:
                parts.append(output.probabilities[0])
            return torch.cat(parts)

        return read

    def _predict(self, tile: Tile, image: Tensor) -> Tensor:
        """Return the head's probabilities (K, h, w) of a tile."""
        self.job.check()
        found = self.encoder.predict(tile.cut(image), self.job)
        if found is None:
            raise ValueError("an encoder without a head predicts nothing")
        # Copied: what was made in torch's inference mode may not be blended in place.
        return found[0].clone()

    def _padded(self, image: Tensor) -> Tensor:
        multiple = self.encoder.multiple
        return pad_to_multiple(image, multiple, smallest=2 * multiple)

    def _encode(self, tile: Tile, image: Tensor) -> EncoderOutput:
        self.job.check()
        return self.encoder.encode(tile.cut(image), self.job)


def _fused(heads: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return the geometric mean of each view's probabilities with those of other magnifications.

    Parameters
    ----------
    heads : Tensor
        (V, K, h, w) float16 in the simplex.
    others : sequence of Tensor
        Log-probabilities, (K, h, w) float32 each.

    Returns
    -------
    Tensor
        (V, K, h, w) float16 in the simplex.
    """
    if not others:
        return heads
    logs = heads.float().clamp_min(_LOWEST).log_() + torch.stack(list(others)).sum(0)
    return (logs / (1 + len(others))).softmax(1).half()
