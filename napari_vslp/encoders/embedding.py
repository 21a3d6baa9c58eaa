"""The embedding of one image: its features and head probabilities in every view, and the white.

All of stage 1 that no click changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.encoders.devices import is_out_of_memory
from napari_vslp.encoders.encoder import Encoder
from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple
from napari_vslp.encoders.views import TiledEncoder, views
from napari_vslp.raster.tissue_mask import white_background


@dataclass(frozen=True)
class ImageEmbedding:
    """What an encoder computed from an image in V views.

    A pixel of the image takes V (2d + 2K) / 16 + 2 bytes: with eight views, d = 32 and a head of
    two tissues 36, and while reading 8 bytes more, besides 12 for the image itself.

    Attributes
    ----------
    vectors
        (V, d, h, w) float16 at stride 4, of length 1 in each cell; views turned back.
    head
        (V, K, h, w) float16 in the simplex: the head's probabilities; None without a head.
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


def compute_embedding(
    image: NDArray[np.uint8],
    encoder: Encoder,
    augmentation: bool = True,
    *,
    job: Job | None = None,
    seed: int = 0,
) -> ImageEmbedding:
    """Compute the embedding of an image, in one view or in all eight.

    Parameters
    ----------
    image : ndarray
        RGB, shape (H, W, 3), uint8.
    encoder : Encoder
        From `load_encoder`; its device is left for smaller tiles, then for the processor, where
        its memory is full.
    augmentation : bool
        Whether all eight flips and rotations are encoded.
    job : Job, optional
        Cancel token and progress.
    seed : int
        Which tiles of a large image the principal components are fitted to.

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
    job = job or Job()
    chosen = views(augmentation)
    pixels = _padded(image)
    notes: list[str] = []
    for tiled, note in _attempts(encoder, job, seed):
        if note:
            job.say(note)
            notes.append(note)
        try:
            vectors, head = tiled.encode_views(pixels, chosen)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            continue
        white = white_background(image, job).astype(np.float16)
        shape = (image.shape[0], image.shape[1])
        return ImageEmbedding(
            vectors, head, white, shape, encoder.tissues, encoder.weights_hash, tuple(notes)
        )
    raise VslpError("The memory is full: segment a smaller region, or switch augmentation off.")


def _padded(image: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, 4h, 4w) in [0, 1]: flips then move whole cells of stride 4."""
    channels = torch.from_numpy(image.transpose(2, 0, 1).copy())
    return pad_to_multiple(channels[None].float() / 255, STRIDE)


def _attempts(encoder: Encoder, job: Job, seed: int) -> Iterator[tuple[TiledEncoder, str]]:
    """Yield ways that need less and less memory, with what to tell the user."""
    yield TiledEncoder(encoder, encoder.tile, job, seed), ""
    small = max(1, encoder.tile // 2 // encoder.multiple) * encoder.multiple
    where = "memory" if encoder.device.type == "cpu" else "GPU"
    yield (
        TiledEncoder(encoder, small, job, seed),
        f"The {where} is full; going on with smaller tiles.",
    )
    if encoder.device.type != "cpu":
        moved = encoder.to(torch.device("cpu"))
        yield (
            TiledEncoder(moved, encoder.tile, job, seed),
            "The GPU is full; going on with the processor, which is slower.",
        )
