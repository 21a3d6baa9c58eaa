"""The embedding of one image: its features and head probabilities in every view, and the white.

All of stage 1 that no click changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.encoders.devices import is_out_of_memory
from napari_vslp.encoders.encoder import Encoder
from napari_vslp.encoders.reading.plan import steps_of
from napari_vslp.encoders.reading.stepwise import Reading
from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple
from napari_vslp.raster.tissue_mask import white_background

# After one view at two magnifications; one alone changes half as many labels again later.
FIRST_LOOK = 2
WORTH_S = 0.3


@dataclass(frozen=True)
class ImageEmbedding:
    """What an encoder computed from an image in V views.

    A pixel of the image takes (2d + 2KV) / 16 + 2 bytes: with four views, d = 32 and a head of
    two tissues 7, and while reading 20 bytes more, besides 39 for the image and its enlargement.

    Attributes
    ----------
    vectors
        (1, d, h, w) float16 at stride 4, of length 1 in each cell: the mean over the views.
    head
        (V, K, h, w) float16 in the simplex: the head's probabilities in each view, turned back;
        None without a head.
    white
        (H, W) float16 in [0, 1]: how surely a pixel is white background.
    shape
        H and W (px).
    head_tissues
        Names of the head's tissues.
    weights_hash
        SHA-256 of the encoder's weights.
    notes
        What the user should know, such as a fallback to the processor.
    stride
        4: h = ⌈H/4⌉, w = ⌈W/4⌉.
    """

    vectors: Tensor
    head: Tensor | None
    white: NDArray[np.float16]
    shape: tuple[int, int]
    head_tissues: tuple[str, ...]
    weights_hash: str
    notes: tuple[str, ...] = ()
    stride: int = STRIDE

    def __post_init__(self) -> None:
        """Leave the history of gradients behind: nothing here is trained."""
        object.__setattr__(self, "vectors", self.vectors.detach())
        if self.head is not None:
            object.__setattr__(self, "head", self.head.detach())

    @property
    def views(self) -> int:
        """V: how many views the head judges; 1 without a head."""
        return 1 if self.head is None else len(self.head)


@dataclass
class Reader:
    """Reads one image, and knows what to do when a memory is full.

    Attributes
    ----------
    image
        RGB, shape (H, W, 3), uint8.
    encoder
        From `load_encoder`; its device is left for smaller tiles, then for the processor, where
        its memory is full.
    augmentation
        Whether it is read in more than one view and magnification.
    seed
        Which tiles of a large image the principal components are fitted to.
    """

    image: NDArray[np.uint8]
    encoder: Encoder
    augmentation: bool = True
    seed: int = 0
    _attempts: Iterator[tuple[Reading, str]] = field(init=False, repr=False)
    _reading: Reading = field(init=False, repr=False)
    _notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _white: NDArray[np.float16] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with the first way."""
        self._attempts = self._ways(_padded(self.image))
        self._reading, _ = next(self._attempts)

    @property
    def done(self) -> bool:
        """Whether nothing is left to read."""
        return self._reading.done

    @property
    def steps_done(self) -> int:
        """How many steps were read."""
        return self._reading.steps_done

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes; None as long as nobody knows."""
        return self._reading.seconds_left

    def advance(self, job: Job) -> None:
        """Read one step more.

        Raises
        ------
        Cancelled
            If the job is told to stop; what was read is kept.
        VslpError
            If even the processor's memory is too small.
        """
        while True:
            try:
                self._reading.advance(job)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._go_on_with_less(job)
            else:
                return

    def embedding(self, job: Job) -> ImageEmbedding:
        """Return the embedding that the steps so far give; there must be one.

        Raises
        ------
        Cancelled
            If the job is told to stop.
        """
        if self._white is None:
            self._white = white_background(self.image, job).astype(np.float16)
        vectors, head = self._reading.result()
        shape = (self.image.shape[0], self.image.shape[1])
        told = (self.encoder.tissues, self.encoder.weights_hash, self._notes)
        return ImageEmbedding(vectors, head, self._white, shape, *told)

    def _go_on_with_less(self, job: Job) -> None:
        another = next(self._attempts, None)
        if another is None:
            raise VslpError(
                "The memory is full: segment a smaller region, or switch augmentation off."
            )
        self._reading, note = another
        self._notes = (*self._notes, note)
        job.say(note)

    def _ways(self, pixels: Tensor) -> Iterator[tuple[Reading, str]]:
        """Yield ways that need less and less memory, with what to tell the user."""
        encoder, tile = self.encoder, self.encoder.tile
        steps = steps_of(self.augmentation, head=bool(encoder.tissues))
        yield Reading(pixels, encoder, tile, steps, self.seed), ""
        small = max(1, tile // 2 // encoder.multiple) * encoder.multiple
        where = "memory" if encoder.device.type == "cpu" else "GPU"
        told = f"The {where} is full; going on with smaller tiles."
        yield Reading(pixels, encoder, small, steps, self.seed), told
        if encoder.device.type != "cpu":
            moved = encoder.to(torch.device("cpu"))
            told = "The GPU is full; going on with the processor, which is slower."
            yield Reading(pixels, moved, tile, steps, self.seed), told


def compute_embedding(
    image: NDArray[np.uint8],
    encoder: Encoder,
    augmentation: bool = True,
    *,
    job: Job | None = None,
    seed: int = 0,
) -> ImageEmbedding:
    """Compute the embedding of an image, in one view or in all views and magnifications.

    Parameters
    ----------
    image, encoder, augmentation, seed
        As in `Reader`.
    job : Job, optional
        Cancel token and progress.

    Returns
    -------
    ImageEmbedding
        On the CPU.

    Raises
    ------
    Cancelled
        If the job is told to stop.
    VslpError
        If even the processor's memory is too small.
    """
    return finish(Reader(image, encoder, augmentation, seed), job or Job())


def finish(
    reader: Reader, job: Job, on_step: Callable[[ImageEmbedding], None] | None = None
) -> ImageEmbedding:
    """Read the rest of an image.

    Parameters
    ----------
    reader
        Fresh, or stopped at any place.
    job
        Cancel token and progress.
    on_step
        Told what there is on the way, where it is worth a look: from the second step on, if the
        rest takes long enough.

    Returns
    -------
    ImageEmbedding
        The same, bit for bit, whoever looked or stopped.
    """
    while not reader.done:
        reader.advance(job)
        worth = reader.steps_done >= FIRST_LOOK and (reader.seconds_left or 0.0) >= WORTH_S
        if on_step is not None and worth and not reader.done:
            on_step(reader.embedding(job))
    return reader.embedding(job)


def _padded(image: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, 4h, 4w) in [0, 1]: flips then move whole cells of stride 4."""
    channels = torch.from_numpy(image.transpose(2, 0, 1).copy())
    return pad_to_multiple(channels[None].float() / 255, STRIDE)
