"""An encoder: a frozen network on a device, loaded by name, and what it computes from images.

`load_encoder` finds the weights, `Encoder.encode` runs the network on one batch. Every layer checks
the running job's cancel token first, so that Cancel need not wait for the end of a tile.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.progress import Job
from napari_vslp.encoders.devices import choose_device, one_thread_in_forks
from napari_vslp.encoders.fused import for_reading
from napari_vslp.encoders.model_names import model_fingerprint, resolve_model
from napari_vslp.encoders.tiling import STRIDE
from napari_vslp.encoders.timm_network import (
    TimmSegmenter,
    create_timm,
    split_timm_spec,
    state_hash,
)
from napari_vslp.encoders.weights import BUNDLED, Segmenter, file_hash, load_model

# The bundled network takes 0.13 s for such a tile on two processor cores, and was better on lung
# with it (mIoU 0.628) than with the 224 px of its training (0.609).
TILE = 512

_MOST_IN_MEMORY = 2
_MULTIPLE = 32
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

_in_memory: dict[tuple[Any, ...], Encoder] = {}
_lock = threading.Lock()
# One per thread: two windows may share a network in memory and cancel each their own job.
_running_job: ContextVar[Job | None] = ContextVar("running_job", default=None)


@dataclass(frozen=True)
class EncoderOutput:
    """What an encoder computed from a batch of images.

    Attributes
    ----------
    maps
        (N, C, ⌈H/s⌉, ⌈W/s⌉) float32 each, at strides s of the network's own.
    grid
        H/4 and W/4.
    probabilities
        (N, K, H/4, W/4) float32 in the simplex, or None without a head.
    """

    maps: tuple[Tensor, ...]
    grid: tuple[int, int]
    probabilities: Tensor | None

    @property
    def features(self) -> Tensor:
        """(N, D, H/4, W/4) float32: the maps of all strides, upsampled bilinearly to stride 4."""
        return torch.cat([resized(one, self.grid) for one in self.maps], dim=1)

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many of the D channels come from each stride.

        So that none of them dominates, `reduction.Reduction` gives each the same weight.
        """
        return tuple(one.shape[1] for one in self.maps)

    def of(self, index: int) -> EncoderOutput:
        """Return what was computed from one image of the batch."""
        one = slice(index, index + 1)
        head = None if self.probabilities is None else self.probabilities[one]
        return EncoderOutput(tuple(maps[one] for maps in self.maps), self.grid, head)


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
        Side of the tiles that large images are cut into (px).
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

    def encode(self, batch: Tensor, job: Job | None = None) -> EncoderOutput:
        """Return the feature maps and the head's probabilities of images.

        Parameters
        ----------
        batch : Tensor
            RGB, shape (N, 3, H, W), float32 in [0, 1]; H and W divisible by `multiple`.
        job : Job, optional
            Its cancel token is checked before every layer of the network.

        Returns
        -------
        EncoderOutput
            On the encoder's device.

        Raises
        ------
        Cancelled
            If the job is told to stop.
        """
        grid = (batch.shape[-2] // STRIDE, batch.shape[-1] // STRIDE)
        kind = self.device.type if self.device.type in {"cpu", "cuda"} else "cpu"
        exact = torch.autocast(kind, enabled=False)  # whatever the caller has on
        with torch.inference_mode(), exact, _cancellable_by(job or Job()):
            logits, maps = self._forward(self._normalised(batch))
            kept = tuple(one.float() for _, one in maps)
            return EncoderOutput(kept, grid, _probabilities(logits, grid))

    def to(self, device: torch.device) -> Encoder:
        """Return a copy of the encoder on a device."""
        return replace(self, module=copy.deepcopy(self.module).to(device), device=device)

    def _forward(self, image: Tensor) -> tuple[Tensor | None, list[tuple[int, Tensor]]]:
        found: tuple[Tensor | None, list[tuple[int, Tensor]]]
        found = self.module.forward_with_features(image)  # type: ignore[operator]
        return found

    def _normalised(self, batch: Tensor) -> Tensor:
        batch = batch.to(self.device)
        mean, std = (batch.new_tensor(v)[:, None, None] for v in (self.mean, self.std))
        return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def load_encoder(
    spec: str | Path = "bundled", device: str = "auto", job: Job | None = None
) -> Encoder:
    """Return the encoder of that name on that device; the last two are kept in memory.

    Parameters
    ----------
    spec : str or Path
        ``"bundled"``; the name of a model in the user's library; the path of a ``.safetensors``
        file of this project; an architecture of timm with a local state dict,
        ``"timm:ARCH@/path.safetensors"``; or, downloaded now, ``"timm:ARCH"`` or
        ``"hf-hub:org/name"``.
    device : str
        As in `devices.choose_device`.
    job : Job, optional
        Its cancel token is checked before the weights are read.

    Returns
    -------
    Encoder
        In evaluation mode.

    Raises
    ------
    VslpError
        If the weights are missing, damaged or of another network, or the device does not exist.
    """
    (job or Job()).check()
    one_thread_in_forks()
    spec, chosen = resolve_model(spec), choose_device(device)
    with _lock:
        key = (spec, str(chosen), model_fingerprint(spec))
        found = _in_memory.pop(key, None) or _load(spec, chosen)
        _in_memory[key] = found
        while len(_in_memory) > _MOST_IN_MEMORY:
            _in_memory.pop(next(iter(_in_memory)))
    return found


def make_interruptible(module: nn.Module) -> None:
    """Let every layer of a network check the running job's cancel token before it computes."""
    for layer in module.modules():
        if next(layer.children(), None) is None:
            layer.register_forward_pre_hook(_check_job)


def _load(spec: str, device: torch.device) -> Encoder:
    if spec.startswith(("timm:", "hf-hub:")):
        encoder = _load_timm(spec)
    else:
        encoder = _load_own(BUNDLED if spec == "bundled" else Path(spec).expanduser())
    # Measured on two processor cores: a tenth to a third less time than in the default layout.
    encoder.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    module = for_reading(encoder.module, device)
    make_interruptible(module)
    return replace(encoder, module=module, device=device)


def _load_own(path: Path) -> Encoder:
    module, card = load_model(path)
    cpu, multiple = torch.device("cpu"), _multiple(module)
    names = (path.stem, file_hash(path), card.tissues)
    size = card.microns_per_pixel
    return Encoder(*names, module, card.mean, card.std, cpu, multiple, _tile(multiple), size)


def _load_timm(spec: str) -> Encoder:
    name, local = split_timm_spec(spec)
    module, config = create_timm(name, local)
    hashed = file_hash(local) if local else state_hash(module)
    mean, std = config.get("mean", _IMAGENET[0]), config.get("std", _IMAGENET[1])
    cpu, multiple = torch.device("cpu"), module.multiple
    return Encoder(name, hashed, (), module, mean, std, cpu, multiple, _tile(multiple))


def _multiple(module: Segmenter) -> int:
    """Return the number that the sides of a network's images must be divisible by (px)."""
    return module.multiple if isinstance(module, TimmSegmenter) else _MULTIPLE


def _tile(multiple: int) -> int:
    return max(1, TILE // multiple) * multiple


def _probabilities(logits: Tensor | None, grid: tuple[int, int]) -> Tensor | None:
    return None if logits is None else resized(logits.float(), grid).softmax(1)


def resized(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return maps (N, C, h, w) at that height and width, bilinearly."""
    if maps.shape[-2:] == grid:
        return maps
    return functional.interpolate(maps, size=grid, mode="bilinear", align_corners=False)


@contextmanager
def _cancellable_by(job: Job) -> Iterator[None]:
    """Make a job the one that interruptible networks of this thread obey.

    Raises
    ------
    Cancelled
        From inside the network's pass, as soon as the job is told to stop.
    """
    token = _running_job.set(job)
    try:
        yield
    finally:
        _running_job.reset(token)


def _check_job(_layer: nn.Module, _inputs: Any) -> None:  # noqa: ANN401
    job = _running_job.get()
    if job is not None:
        job.check()
