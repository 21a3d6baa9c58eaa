"""The one file format of trained networks: safetensors with a card in its header."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.tensor_file import read_header, read_tensors, write_tensors
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter

Segmenter = HybridSegmenter | TimmSegmenter

BUNDLED = Path(__file__).parents[1] / "weights" / "vslp-hybrid-gland.safetensors"
FORMAT = 1
ARCHITECTURE = "vslp-hybrid"
_ENTRY = "napari_vslp"
_KINDS: Mapping[str, type[HybridArguments] | type[TimmArguments]] = {
    ARCHITECTURE: HybridArguments,
    "vslp-timm": TimmArguments,
}


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says of itself.

    Attributes
    ----------
    tissues
        Names, one per output channel.
    colours
        RGB 0…255, one per tissue.
    mean, std
        A channel of an RGB image in 0…1 is normalised by (x − mean) / std.
    microns_per_pixel
        Resolution of the training images in µm/px; None if nobody knows.
    data, licence, attribution
        What it was trained on, under which terms it may be used, whom to name.
    figures
        Measured figures by name.
    seed, seconds, machine
        How the training can be repeated, and what it took.
    arguments
        Kind and sizes of the network.
    provenance
        How it came to be, by name: the table's hash, the number of bags, versions, the recipe.
    """

    tissues: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    microns_per_pixel: float | None
    data: str
    licence: str
    attribution: str
    figures: Mapping[str, float]
    seed: int
    seconds: float
    machine: str
    arguments: HybridArguments | TimmArguments
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.tissues) == len(self.colours) == self.arguments.tissues:
            raise ValueError("the numbers of tissues, colours and output channels differ")
        if any(len(colour) != 3 for colour in self.colours):
            raise ValueError("a colour is not three numbers")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("the normalisation is not three numbers per figure")


def save_model(path: Path, module: Segmenter, card: ModelCard) -> None:
    """Write a network and its card; the file is there whole or not at all.

    Parameters
    ----------
    path : Path
        File to write, usually ``*.safetensors``; an older one is replaced.
    module : HybridSegmenter or TimmSegmenter
        The trained network.
    card : ModelCard
        What to say of it.

    Raises
    ------
    VslpError
        If the folder cannot be written.
    """
    write_tensors(path, module.state_dict(), _ENTRY, _card_to_json(card))


def load_model(path: Path) -> tuple[Segmenter, ModelCard]:
    """Read a network and its card, executing nothing that the file contains.

    Parameters
    ----------
    path : Path
        A file written by :func:`save_model`.

    Returns
    -------
    tuple of HybridSegmenter or TimmSegmenter, and ModelCard
        The network in evaluation mode with float32 weights on the CPU, and its card.

    Raises
    ------
    VslpError
        If the file is missing, damaged, a pickle, of another program or of another version.
    """
    tensors, header = read_tensors(path, _ENTRY)
    card = _card_from_json(path.name, header)
    return _build(path, card.arguments, tensors), card


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, by which a session names the weights that it used.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    VslpError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VslpError(f"The file {path} cannot be read: check that it exists.") from error


def make_network(arguments: HybridArguments | TimmArguments) -> Segmenter:
    """Return a network of the shape that a card describes, with random weights."""
    if isinstance(arguments, TimmArguments):
        return TimmSegmenter(arguments)
    return HybridSegmenter(arguments)


def read_card(path: Path) -> ModelCard:
    """Return the card of a file that `save_model` wrote; its tensors are not read.

    Raises
    ------
    VslpError
        As `load_model`.
    """
    return _card_from_json(path.name, read_header(path, _ENTRY))


def _build(
    path: Path, arguments: HybridArguments | TimmArguments, tensors: dict[str, Tensor]
) -> Segmenter:
    try:
        # On the meta device the random start costs neither time nor memory, whatever sizes are
        # asked; timm's own models hold tables that no file carries.
        with torch.device("cpu" if isinstance(arguments, TimmArguments) else "meta"):
            module = make_network(arguments)
        module.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise VslpError(
            f"The weights in {path.name} do not fit the network that it describes: fetch or train "
            "it again."
        ) from error
    return module.float().requires_grad_(requires_grad=False).eval()


def _card_to_json(card: ModelCard) -> dict[str, Any]:
    kind = next(name for name, one in _KINDS.items() if isinstance(card.arguments, one))
    return {"format": FORMAT, "architecture": kind, **asdict(card)}


def _card_from_json(name: str, header: Any) -> ModelCard:  # noqa: ANN401 - JSON
    """Return the checked card in the header of a file of that name."""
    if header is None:
        raise VslpError(
            f"{name} holds weights of another program: choose a file that napari-vslp wrote."
        )
    try:
        _check_version(name, header)
        return _card(header)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise VslpError(
            f"The description inside {name} is damaged ({error}): fetch or train it again."
        ) from error


def _check_version(name: str, header: Mapping[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise VslpError(
            f"{name} has format version {header.get('format')}, but this napari-vslp reads "
            f"version {FORMAT}: update napari-vslp or train the model again."
        )
    if header.get("architecture") not in _KINDS:
        known = " and ".join(repr(kind) for kind in _KINDS)
        raise VslpError(
            f"{name} holds a network of the kind {header.get('architecture')!r}, but this "
            f"napari-vslp knows only {known}: choose another file or update napari-vslp."
        )


def _card(header: Mapping[str, Any]) -> ModelCard:
    values = {
        one.name: header[one.name]
        for one in fields(ModelCard)
        # Files of before the field was there lack it.
        if one.name in header or one.default_factory is MISSING
    }
    values["arguments"] = _KINDS[header["architecture"]](**values["arguments"])
    values["colours"] = tuple(tuple(int(part) for part in one) for one in values["colours"])
    values["tissues"] = tuple(_text(name) for name in values["tissues"])
    for name in ("mean", "std"):
        values[name] = tuple(_number(part) for part in values[name])
    for name in ("data", "licence", "attribution", "machine"):
        values[name] = _text(values[name])
    size = values["microns_per_pixel"]
    values["microns_per_pixel"] = None if size is None else _number(size)
    values["seconds"] = _number(values["seconds"])
    # A training that failed may have figures that are none.
    values["figures"] = {_text(k): float(v) for k, v in values["figures"].items()}
    told = values.get("provenance", {})
    values["provenance"] = {_text(k): _text(v) for k, v in told.items()}
    return ModelCard(**values)


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _number(value: Any) -> float:  # noqa: ANN401 - JSON
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
