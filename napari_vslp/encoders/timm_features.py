"""Any model of timm as a source of feature maps: a hub's name, or an architecture with a file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tensor_file import tensor_names
from napari_vslp.encoders.hub import offline_if_cut_off
from napari_vslp.encoders.torchvision_shim import import_timm

_WANTED = (4, 8, 16)
_MOST_MAPS = 4


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
    _try_out(name, module)
    return module, dict(getattr(body, "pretrained_cfg", None) or {})


def state_hash(module: nn.Module) -> str:
    """Return the SHA-256 of a network's weights, for those that came without a file of ours."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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
        with offline_if_cut_off() if file is None else nullcontext():
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


def _try_out(name: str, module: TimmFeatures) -> None:
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
