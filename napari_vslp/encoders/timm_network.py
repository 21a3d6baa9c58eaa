"""timm's models: imported and fetched, cut down to their feature maps, with a decoder on top.

`create_timm` gives any model of timm as a source of feature maps; `TimmSegmenter` is one with a
light decoder, as one network that can be trained and saved.
"""

from __future__ import annotations

import hashlib
import importlib
import math
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.tensor_file import tensor_names
from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple

_WANTED = (4, 8, 16)
_MOST_MAPS = 4
_NMS_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A torch.library.Library withdraws its operators when it is collected, so it must live on.
_kept_alive: list[object] = []


def import_timm() -> ModuleType:
    """Return the module ``timm``, mending torchvision's missing operators where needed.

    timm imports torchvision, and PyPI's torchvision is built for a CUDA torch: beside a CPU torch
    its compiled operators do not load, and its import ends in ``RuntimeError: operator
    torchvision::nms does not exist``. Nothing here calls these operators, so declaring their
    schemas is enough.

    Returns
    -------
    ModuleType
        The imported ``timm``.

    Raises
    ------
    RuntimeError
        If torchvision fails for any other reason.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _declare_missing_operators()
    return importlib.import_module("timm")


class TimmFeatures(nn.Module):
    """A timm model cut down to its feature maps; it has no tissue head.

    Parameters
    ----------
    body : torch.nn.Module
        Created with ``features_only=True``, which timm builds from ``forward_intermediates``
        where a model has that instead.
    """

    def __init__(self, body: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.body = body
        strides = [int(stride) for stride in body.feature_info.reduction()]
        wanted = [i for i, stride in enumerate(strides) if stride in _WANTED]
        # A plain vision transformer has one stride, such as 14, at every depth.
        self.chosen = wanted[-_MOST_MAPS:] or list(range(len(strides)))[-_MOST_MAPS:]
        self.strides = [strides[i] for i in self.chosen]
        # Swin transformers give (N, H, W, C).
        self.channels_last = "NHWC" in str(getattr(body, "output_fmt", ""))
        self.multiple = math.lcm(32, *self.strides)

    def forward_with_features(self, image: Tensor) -> tuple[None, list[tuple[int, Tensor]]]:
        """Return no logits, and the maps with their strides (px).

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), sides divisible by ``multiple``.
        """
        maps = self.body(image)
        chosen = [maps[i] for i in self.chosen]
        if self.channels_last:
            chosen = [one.permute(0, 3, 1, 2) for one in chosen]
        return None, list(zip(self.strides, chosen, strict=True))


@dataclass(frozen=True)
class TimmArguments:
    """What fixes the shape of a :class:`TimmSegmenter`, as written into its weights file."""

    name: str
    tissues: int = 2
    decoder_width: int = 64

    def __post_init__(self) -> None:
        # As in HybridArguments: the figures may come from a stranger's file.
        if type(self.tissues) is not int or type(self.decoder_width) is not int:
            raise ValueError("a size of the network is no whole number")
        if any(not 1 <= size <= 4096 for size in (self.tissues, self.decoder_width)):
            raise ValueError("a size of the network is out of range")
        if not import_timm().is_model(self.name):
            raise ValueError(f"timm has no architecture {self.name!r}")


class TimmSegmenter(nn.Module):
    """A timm encoder whose maps are projected, summed at stride 4 and refined into scores.

    Parameters
    ----------
    arguments : TimmArguments
        Architecture and numbers of tissues and channels.
    features : TimmFeatures, optional
        The encoder with its weights; one with random weights if not given.
    """

    def __init__(self, arguments: TimmArguments, features: TimmFeatures | None = None) -> None:
        super().__init__()
        self.arguments = arguments
        self.features = features or TimmFeatures(_random_body(arguments.name))
        self.features.requires_grad_(requires_grad=True)
        self.multiple = self.features.multiple
        width = arguments.decoder_width
        self.project = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))
            for channels in _channels(self.features)
        )
        self.refine = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(width, arguments.tissues, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of an image, one per tissue, at a quarter of its resolution.

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point, any H and W.

        Returns
        -------
        Tensor
            Logits, shape (N, K, ⌈H/4⌉, ⌈W/4⌉).
        """
        return self.forward_with_features(image)[0]

    def forward_with_features(self, image: Tensor) -> tuple[Tensor, list[tuple[int, Tensor]]]:
        """Return the logits, and the encoder's maps with their strides (px).

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point.
        """
        padded = pad_to_multiple(image, self.multiple)
        _, maps = self.features.forward_with_features(padded)
        size = [side // STRIDE for side in padded.shape[-2:]]
        fused = sum(
            functional.interpolate(project(one), size=size, mode="bilinear", align_corners=False)
            for project, (_, one) in zip(self.project, maps, strict=True)
        )
        logits: Tensor = self.head(self.refine(fused))
        height, width = image.shape[-2:]
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        kept = [(s, one[..., : -(-height // s), : -(-width // s)]) for s, one in maps]
        return logits[..., :rows, :columns], kept


def split_timm_spec(spec: str) -> tuple[str, Path | None]:
    """Return the name and the local file, if any, in ``timm:ARCH[@FILE]`` or ``hf-hub:NAME``.

    Raises
    ------
    VslpError
        If nothing stands behind the @ of an architecture.
    """
    if not spec.startswith("timm:"):
        # A hub's name may carry a revision after its own @.
        return spec, None
    name, at, file = spec.removeprefix("timm:").partition("@")
    if at and not file:
        raise VslpError(f"“{spec}” names no file after @: write timm:ARCH@/path.safetensors.")
    return name, Path(file).expanduser() if file else None


def create_timm(name: str, file: Path | None = None) -> tuple[TimmFeatures, dict[str, Any]]:
    """Build a timm model with its weights, from a local file or else downloaded.

    Parameters
    ----------
    name : str
        Architecture (``vit_small_patch16_224``) or hub name (``hf-hub:org/model``).
    file : Path, optional
        A ``.safetensors`` state dict; without one timm downloads or takes from its cache.

    Returns
    -------
    tuple of TimmFeatures and dict
        The network in evaluation mode on the CPU, and timm's configuration with mean and std.

    Raises
    ------
    VslpError
        If the name is unknown, the file does not fit, or the hub cannot be reached.
    """
    if not name.startswith("hf-hub:") and not import_timm().is_model(name):
        raise VslpError(f"timm has no architecture “{name}”: correct its name.")
    if file is not None:
        _check_file(name, file)
    body = _create(name, file)
    module = TimmFeatures(body).requires_grad_(requires_grad=False).eval()
    _check_forward(name, module)
    return module, dict(getattr(body, "pretrained_cfg", None) or {})


def state_hash(module: nn.Module) -> str:
    """Return the SHA-256 of a network's weights, for those that came without a file of ours."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _declare_missing_operators() -> None:
    """Declare the schemas of ``nms`` and ``qnms`` and forget the half-imported modules."""
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _NMS_SCHEMAS:
        library.define(schema)
    _kept_alive.append(library)
    for name in [name for name in sys.modules if name.split(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[name]


def _check_file(name: str, file: Path) -> None:
    """Refuse what timm would unpickle, or would load in part and leave the rest to chance."""
    there = tensor_names(file)
    needed = import_timm().create_model(name, pretrained=False, num_classes=0).state_dict()
    if not there >= needed.keys():
        raise VslpError(_does_not_fit(name, file))


def _create(name: str, file: Path | None) -> Any:  # noqa: ANN401
    create = partial(
        import_timm().create_model,
        name,
        pretrained=True,
        features_only=True,
        pretrained_cfg_overlay=None if file is None else {"file": str(file)},
    )
    try:
        with _offline_if_unreachable() if file is None else nullcontext():
            return _of_any_size(create)
    except OSError as error:
        raise VslpError(
            f"“{name}” is not on this computer and could not be downloaded: connect to the "
            "internet, check the name and your access, or choose the bundled encoder."
        ) from error
    except (RuntimeError, KeyError, ValueError) as error:
        raise VslpError(_does_not_fit(name, file)) from error


def _of_any_size(create: Callable[..., Any]) -> Any:  # noqa: ANN401
    try:
        # Vision transformers need it; whatever else knows it is none the worse.
        return create(dynamic_img_size=True)
    except TypeError:
        return create()


def _does_not_fit(name: str, file: Path | None) -> str:
    if file is None:
        return f"“{name}” cannot be used as an encoder: choose another model or the bundled one."
    return f"The weights in {file.name} are not those of {name}: choose the file's architecture."


def _check_forward(name: str, module: TimmFeatures) -> None:
    """Refuse at once a model that would fail at the first tile."""
    side = 2 * module.multiple
    try:
        with torch.inference_mode():
            _, maps = module.forward_with_features(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError) as error:
        raise VslpError(
            f"“{name}” reads images of one size only: choose another model or the bundled one."
        ) from error
    if any(one.ndim != 4 or one.shape[-1] * stride != side for stride, one in maps):
        raise VslpError(f"“{name}” gives no feature maps: choose another model.")


def _random_body(name: str) -> Any:  # noqa: ANN401
    create = import_timm().create_model
    return _of_any_size(partial(create, name, pretrained=False, features_only=True))


def _channels(features: TimmFeatures) -> list[int]:
    channels = features.body.feature_info.channels()
    return [int(channels[i]) for i in features.chosen]


@contextmanager
def _offline_if_unreachable() -> Iterator[None]:
    """Let the hub's client use its cache alone where the hub's name cannot be resolved."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or _is_unreachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _is_unreachable(endpoint: str) -> bool:
    if getproxies():
        # Behind a proxy only the proxy knows names.
        return False
    try:
        socket.getaddrinfo(urlsplit(endpoint).hostname, 443)
    except OSError:
        return True
    return False
