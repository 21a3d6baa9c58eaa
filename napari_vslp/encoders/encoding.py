"""What an encoder is: a frozen network on a device, and what it makes of images."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.progress import Job
from napari_vslp.encoders.interruption import running
from napari_vslp.encoders.tiling import STRIDE

# The bundled network takes 0.13 s for such a tile on two processor cores, and was better on lung
# with it (mIoU 0.628) than with the 224 px of its training (0.609).
TILE = 512


@dataclass(frozen=True)
class Encoded:
    """What an encoder saw.

    Attributes
    ----------
    features
        (N, D, H/4, W/4) float32: the maps of all strides, upsampled bilinearly to stride 4.
    blocks
        How many of the D channels come from each stride; so that none of them dominates,
        `reduction.Reduction` gives each the same weight.
    probabilities
        (N, K, H/4, W/4) float32 in the simplex, or None without a head.
    """

    features: Tensor
    blocks: tuple[int, ...]
    probabilities: Tensor | None


@dataclass(frozen=True)
class Encoder:
    """A frozen network on a device.

    Attributes
    ----------
    name
        What to call it before a user.
    weights_hash
        SHA-256 of its weights.
    tissues
        Names of its head's tissues; empty without a head.
    module
        Its network, with ``forward_with_features``.
    mean, std
        A channel of an RGB image in 0…1 is normalised by (x − mean) / std.
    device
        Where it computes.
    multiple
        What an image's height and width must be divisible by (px).
    tile
        Side of the tiles it is shown (px).
    microns_per_pixel
        Side of the pixels it was trained on (µm); None if that is not known.
    """

    name: str
    weights_hash: str
    tissues: tuple[str, ...]
    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    multiple: int = 32
    tile: int = TILE
    microns_per_pixel: float | None = None

    def encode(self, batch: Tensor, job: Job | None = None) -> Encoded:
        """Return the features and the head's probabilities of images.

        Parameters
        ----------
        batch : Tensor
            RGB, shape (N, 3, H, W), float32 in [0, 1]; H and W divisible by `multiple`.
        job : Job, optional
            Looked at before every layer of the network.

        Returns
        -------
        Encoded
            At stride 4, on the encoder's device.

        Raises
        ------
        Cancelled
            If the job is told to stop.
        """
        size = [side // STRIDE for side in batch.shape[-2:]]
        with torch.inference_mode(), running(job or Job()):
            logits, maps = self._forward(self._normalised(batch))
            fine = [_resized(one.float(), size) for _, one in maps]
            blocks = tuple(one.shape[1] for one in fine)
            odds = None if logits is None else _resized(logits.float(), size).softmax(1)
            return Encoded(torch.cat(fine, dim=1), blocks, odds)

    def moved(self, device: torch.device) -> Encoder:
        """Return a copy of the encoder on another device."""
        return replace(self, module=copy.deepcopy(self.module).to(device), device=device)

    def _forward(self, image: Tensor) -> tuple[Tensor | None, list[tuple[int, Tensor]]]:
        found: tuple[Tensor | None, list[tuple[int, Tensor]]]
        found = self.module.forward_with_features(image)  # type: ignore[operator]
        return found

    def _normalised(self, batch: Tensor) -> Tensor:
        batch = batch.to(self.device)
        mean, std = (batch.new_tensor(v)[:, None, None] for v in (self.mean, self.std))
        return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def _resized(maps: Tensor, size: list[int]) -> Tensor:
    if list(maps.shape[-2:]) == size:
        return maps
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
