"""The file of a learned regulariser: safetensors with a JSON card, for any number of tissues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_vslp.core.atomic import write_whole
from napari_vslp.core.errors import VslpError
from napari_vslp.energy.terms.tdv import TDV, TDVShape

FORMAT = "napari-vslp regulariser 1"
_KEY = "napari-vslp"
# Larger networks than anyone would train; a damaged card must not fill the memory.
_MOST_CHANNELS, _MOST_BLOCKS, _MOST_SCALES = 256, 8, 6


@dataclass(frozen=True)
class RegulariserCard:
    """What a learned regulariser says of itself.

    Attributes
    ----------
    shape
        Of the network.
    strength
        s, the weight of the learned energy.
    smoothness
        λ of the total variation it was trained beside.
    accepted
        Whether it guesses hidden blocks better than the best total variation, by more than two
        standard errors, on images that it did not learn from.
    figures
        Of that test, by name.
    data
        Where it comes from, in a sentence.
    """

    shape: TDVShape
    strength: float
    smoothness: float
    accepted: bool
    figures: Mapping[str, float] = field(default_factory=dict)
    data: str = ""


def save_regulariser(path: Path, network: TDV, card: RegulariserCard) -> None:
    """Write network and card; the file is there whole or not at all.

    Raises
    ------
    VslpError
        If the folder cannot be written.
    """
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    text = json.dumps({"format": FORMAT, **asdict(card)})
    try:
        write_whole(path, save(tensors, metadata={_KEY: text}))
    except OSError as error:
        raise VslpError(
            f"The regulariser could not be written to {path} ({error.strerror}): choose a folder "
            "that exists and has room."
        ) from error


def load_regulariser(path: Path) -> tuple[TDV, RegulariserCard]:
    """Read network and card, executing nothing that the file contains.

    Raises
    ------
    VslpError
        If the file is missing, damaged, of another kind or of another version.
    """
    if not path.is_file():
        raise VslpError(f"There is no regulariser file at {path}: check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise VslpError(
            f"The regulariser file {path.name} is damaged or incomplete: fetch or train it again."
        ) from error
    card = _card(path.name, text)
    network = TDV(card.shape)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise VslpError(
            f"The weights in {path.name} do not fit what it says of itself: fetch or train it "
            "again."
        ) from error
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise VslpError(f"{path.name} holds weights that are no numbers: train it again.")
    return network.eval().requires_grad_(requires_grad=False), card


def _card(name: str, text: str | None) -> RegulariserCard:
    if text is None:
        raise VslpError(
            f"{name} is no regulariser of napari-vslp: name a file that “napari-vslp regulariser” "
            "wrote."
        )
    try:
        found: dict[str, Any] = json.loads(text)
        kind = found.pop("format", None)
        if kind == FORMAT:
            shape = TDVShape(**found.pop("shape"))
            card = RegulariserCard(shape=shape, **found)
            if _is_sane(card):
                return card
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise VslpError(f"The card of {name} is damaged: fetch or train it again.") from error
    if kind != FORMAT:
        raise VslpError(
            f"{name} is of another version ({kind}) than this program reads ({FORMAT}): update "
            "napari-vslp or train it again."
        )
    raise VslpError(f"The card of {name} holds numbers that cannot be meant: train it again.")


def _is_sane(card: RegulariserCard) -> bool:
    shape = card.shape
    return (
        1 <= shape.channels <= _MOST_CHANNELS
        and 1 <= shape.blocks <= _MOST_BLOCKS
        and 1 <= shape.scales <= _MOST_SCALES
        and 0 <= card.strength <= 1000
        and 0 <= card.smoothness <= 1000
    )
