"""Reading an image with an encoder, step by step: each step refines what the ones before gave.

A reading can be stopped within any step and goes on from the tile where it stopped. Whether and
where it was stopped, and whether anybody looked in between, changes no bit of what it ends with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.encoder import Encoder, EncoderOutput
from napari_vslp.encoders.reading.clock import Clock
from napari_vslp.encoders.reading.plan import NEEDED, RESTLESS, SETTLED, Step, View
from napari_vslp.encoders.reading.reduction import Reduction, fit_reduction, unit_length
from napari_vslp.encoders.tiling import (
    OVERLAP,
    STRIDE,
    Canvas,
    Tile,
    reflected,
    round_up,
    tiles_of,
)

STAGE = "Reading the tissue"
_FITTED_TILES = 9
# More at once is no quicker a pixel, and Cancel would wait for it.
_BATCH_PIXELS = 512 * 512
_LOWEST = 1e-6

Piece = tuple[int, Tile]


@dataclass
class Reading:
    """What an encoder sees of one image, so far.

    Attributes
    ----------
    image
        RGB, shape (1, 3, H, W), float32 in [0, 1]; H and W divisible by 4.
    encoder
        The network.
    tile
        Largest side of a tile (px), a multiple of what the encoder asks for.
    steps
        Views and magnifications, in order; the first one is of the image as it is.
    seed
        Which tiles of a large image the reduction is fitted to.
    """

    image: Tensor
    encoder: Encoder
    tile: int
    steps: tuple[Step, ...]
    seed: int = 0
    _next: int = field(default=0, init=False)
    _under_way: _Pass | None = field(default=None, init=False, repr=False)
    _reduction: Reduction | None = field(default=None, init=False, repr=False)
    _vectors: Tensor = field(default=torch.zeros(()), init=False, repr=False)
    _heads: list[Tensor] = field(default_factory=list, init=False, repr=False)
    _others: dict[float, tuple[Tensor, int]] = field(default_factory=dict, init=False, repr=False)
    _labels: Tensor | None = field(default=None, init=False, repr=False)
    _settled: bool = field(default=False, init=False)
    _clock: Clock = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Count what there is to do."""
        pixels = [self._pixels(step) for step in self.steps]
        self._clock = Clock(sum(pixels[:NEEDED]), sum(pixels[NEEDED:]))

    @property
    def done(self) -> bool:
        """Whether every step was read, or the last one changed hardly any label."""
        return self._settled or self._next == len(self.steps)

    @property
    def steps_done(self) -> int:
        """How many steps were read."""
        return self._next

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes; None as long as nobody knows."""
        return self._clock.left

    @torch.inference_mode()
    def advance(self, job: Job) -> None:
        """Read the next step, or the rest of the one that was stopped.

        Raises
        ------
        Cancelled
            If the job is told to stop; what was read is kept.
        """
        step = self.steps[self._next]
        if self._under_way is None:
            self._under_way = _Pass(self._at(step.zoom), step.views, self.encoder, self.tile)
        reader = self._under_way
        self._clock.start()
        self._report(job)
        while reader.waiting:
            job.check()
            output, pieces = reader.read(job)
            self._take(step, output, pieces)
            self._clock.count(sum(tile.height * tile.width for _, tile in pieces))
            self._report(job)
        if step.zoom == 1 and self._reduction is None:
            self._fit(reader)
        self._keep(step, reader)
        self._under_way, self._next = None, self._next + 1
        self._compare()
        if self.done:
            job.report(Progress(STAGE, 1.0, seconds_left=0.0))

    def result(self) -> tuple[Tensor, Tensor | None]:
        """Return the features and the head's probabilities from the steps so far.

        Returns
        -------
        tuple of Tensor and Tensor or None
            (1, d, H/4, W/4) float16, the mean over the views, of length 1 per cell, and
            (V, K, H/4, W/4) float16 in the simplex, one for each view of the image as it is, each
            the geometric mean with other magnifications; both on the CPU.
        """
        vectors = unit_length(self._vectors).half()[None]
        if not self._heads:
            return vectors, None
        others = [total / count for total, count in self._others.values()]
        return vectors, _fused(torch.stack(self._heads), others)

    def _compare(self) -> None:
        """Look how many of the head's labels the last step changed, and whether to go on."""
        _, head = self.result()
        if head is None:
            return
        labels, before = head.float().mean(0).argmax(0).to(torch.uint8), self._labels
        self._labels = labels
        if before is None:
            return
        changed = float((labels != before).float().mean())
        self._settled = self._next >= NEEDED and changed < SETTLED
        self._clock.goes_on = changed >= RESTLESS.get(self._next, SETTLED)

    def _report(self, job: Job) -> None:
        job.report(Progress(STAGE, self._clock.fraction, seconds_left=self._clock.left))

    def _pixels(self, step: Step) -> int:
        shape = self._resized_shape(step.zoom)
        return sum(
            tile.height * tile.width
            for view in step.views
            for tile in _grid(view.shape_of(shape), self.encoder.multiple, self.tile)[1]
        )

    def _resized_shape(self, zoom: float) -> tuple[int, int]:
        height, width = (max(1, round(side * zoom / STRIDE)) * STRIDE for side in self._shape)
        return height, width

    @property
    def _shape(self) -> tuple[int, int]:
        return self.image.shape[-2], self.image.shape[-1]

    def _at(self, zoom: float) -> Tensor:
        if zoom == 1:
            return self.image
        size = self._resized_shape(zoom)
        found = functional.interpolate(self.image, size=size, mode="bicubic", antialias=zoom < 1)
        return found.clamp_(0, 1)

    def _take(self, step: Step, output: EncoderOutput, pieces: Sequence[Piece]) -> None:
        """Put what was computed from a batch of tiles where it belongs."""
        reader = self._under_way
        if reader is None:
            raise ValueError("no step is under way")
        if output.probabilities is not None:
            for (view, tile), one in zip(pieces, output.probabilities, strict=True):
                # Copied: what was made in torch's inference mode is blended in place.
                reader.heads[view].add(tile, one.clone())
        if step.zoom != 1:
            return
        if self._reduction is None:
            # The components are fitted to the first view; until then its maps wait.
            reader.kept += [(pieces[i], output.of(i)) for i in range(len(pieces))]
            return
        reduced = self._reduction.apply(output)
        for (view, tile), one in zip(pieces, reduced, strict=True):
            reader.vectors[view].add(tile, one)

    def _fit(self, reader: _Pass) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(len(reader.kept), generator=generator)[:_FITTED_TILES]
        self._reduction = fit_reduction(reader.kept[i][1] for i in sorted(chosen.tolist()))
        for (view, tile), output in reader.kept:
            reader.vectors[view].add(tile, self._reduction.apply(output)[0])

    def _keep(self, step: Step, reader: _Pass) -> None:
        """Turn back what a step gave and add it to the steps before."""
        heads = reader.turned_back(reader.heads) if self.encoder.tissues else []
        if step.zoom == 1:
            self._heads += [one.half() for one in heads]
            for one in reader.turned_back(reader.vectors):
                self._vectors = self._vectors + unit_length(one)
            return
        # The finer grid of an enlarged image is averaged back to stride 4.
        total = torch.stack(heads).clamp_min_(_LOWEST).log_().sum(0)
        size = [side // STRIDE for side in self._shape]
        total = functional.interpolate(total[None], size=size, mode="bilinear", antialias=True)[0]
        before, count = self._others.get(step.zoom, (torch.zeros(()), 0))
        self._others[step.zoom] = before + total, count + len(heads)


class _Pass:
    """One step under way: the tiles of some views of an image that wait to be read.

    Parameters
    ----------
    image
        (1, 3, H, W) at the step's magnification.
    views, encoder, tile
        As in `Step` and `Reading`.
    """

    def __init__(self, image: Tensor, views: Sequence[View], encoder: Encoder, tile: int) -> None:
        self.image, self.views, self.encoder = image, views, encoder
        shape = (image.shape[-2], image.shape[-1])
        grids = [_grid(view.shape_of(shape), encoder.multiple, tile) for view in views]
        overlap = _overlap(tile)
        self.heads = [Canvas(padded, overlap) for padded, _ in grids]
        self.vectors = [Canvas(padded, overlap) for padded, _ in grids]
        # Views of one tile after the other, so that batches hold tiles of one size.
        pieces = [(v, t) for v, (_, tiles) in enumerate(grids) for t in tiles]
        self.waiting = sorted(pieces, key=lambda piece: (piece[1].height, piece[1].width))
        self.kept: list[tuple[Piece, EncoderOutput]] = []

    def read(self, job: Job) -> tuple[EncoderOutput, list[Piece]]:
        """Compute one batch of tiles; only then do they wait no more."""
        first = self.waiting[0][1]
        most = max(1, _BATCH_PIXELS // (first.height * first.width))
        size = (first.height, first.width)
        batch = [p for p in self.waiting[:most] if (p[1].height, p[1].width) == size]
        output = self.encoder.encode(torch.cat([self._cut(*piece) for piece in batch]), job)
        del self.waiting[: len(batch)]
        return output, batch

    def _cut(self, index: int, tile: Tile) -> Tensor:
        """Return a tile of a view, which is continued by reflection after it was turned."""
        view = self.views[index]
        height, width = view.shape_of((self.image.shape[-2], self.image.shape[-1]))
        rows = reflected(tile.top, tile.top + tile.height, height)
        columns = reflected(tile.left, tile.left + tile.width, width)
        return view.part(self.image, rows, columns)

    def turned_back(self, canvases: Sequence[Canvas]) -> list[Tensor]:
        """Return each view's map (C, H/4, W/4), without what was padded."""
        cells = (self.image.shape[-2] // STRIDE, self.image.shape[-1] // STRIDE)
        found = []
        for view, canvas in zip(self.views, canvases, strict=True):
            height, width = view.shape_of(cells)
            found.append(view.undo(canvas.average()[:, :height, :width]))
        return found


def _overlap(tile: int) -> int:
    return min(OVERLAP, tile // 2)


def _grid(shape: tuple[int, int], multiple: int, tile: int) -> tuple[tuple[int, int], list[Tile]]:
    """Return the size to which an image is padded, and its tiles."""
    height, width = (round_up(max(side, 2 * multiple), multiple) for side in shape)
    # Tiles start on multiples of 16 px, whatever the encoder's multiple is.
    return (height, width), tiles_of((height, width), tile, _overlap(tile), fit=multiple)


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
