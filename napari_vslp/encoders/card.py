"""What a weights file says of itself, and how it is written into the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.network import HybridArguments
from napari_vslp.encoders.timm_network import TimmArguments

FORMAT = 1
ARCHITECTURE = "vslp-hybrid"
ENTRY = "napari_vslp"
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


def card_to_json(card: ModelCard) -> dict[str, Any]:
    """Return a card as the header of a weights file.

    Parameters
    ----------
    card : ModelCard
        What to say of a network.

    Returns
    -------
    dict
        Values that JSON can hold.
    """
    kind = next(name for name, one in _KINDS.items() if isinstance(card.arguments, one))
    return {"format": FORMAT, "architecture": kind, **asdict(card)}


def card_from_json(name: str, header: Any) -> ModelCard:  # noqa: ANN401 - JSON
    """Return the card in the header of a weights file.

    Parameters
    ----------
    name : str
        The file's name, for the error.
    header : JSON value
        What the file holds; None if it has no header of this program.

    Returns
    -------
    ModelCard
        The checked card.

    Raises
    ------
    VslpError
        If the file is of another program, another version or damaged.
    """
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
    values["tissues"] = tuple(str(name) for name in values["tissues"])
    for name in ("mean", "std"):
        values[name] = tuple(float(part) for part in values[name])
    return ModelCard(**values)
