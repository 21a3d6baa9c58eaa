"""A learned regulariser: its file, safetensors with a JSON card, and itself bound to one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.tensor_file import read_tensors, write_tensors
from napari_vslp.core.settings import TOTAL_VARIATION, Settings
from napari_vslp.energy.blindspot import corrected
from napari_vslp.energy.problem import Array
from napari_vslp.energy.terms.contract import TermContext
from napari_vslp.energy.terms.tdv import TDV, Frame, TDVShape

FORMAT = "napari-vslp regulariser 1"
_KEY, _KIND = "napari-vslp", "regulariser"
# Larger networks than anyone would train; a damaged card must not fill the memory.
_MOST_CHANNELS, _MOST_BLOCKS, _MOST_SCALES = 256, 8, 6
_MOST_BYTES = 1024**3
# Corrected log-odds are shown to the network in units of this (nats), cut at ±1.
ODDS_UNIT = 4.0


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
        Whether it guesses blind spots better than the best total variation, by more than two
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
    header = {"format": FORMAT, **asdict(card)}
    write_tensors(path, network.state_dict(), _KEY, header, kind=_KIND)


def load_regulariser(path: Path) -> tuple[TDV, RegulariserCard]:
    """Read network and card, executing nothing that the file contains.

    Raises
    ------
    VslpError
        If the file is missing, damaged, of another kind or of another version.
    """
    tensors, header = read_tensors(path, _KEY, kind=_KIND, most_bytes=_MOST_BYTES)
    card = _card(path.name, header)
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


def _card(name: str, header: Any) -> RegulariserCard:  # noqa: ANN401 - JSON
    if header is None:
        raise VslpError(
            f"{name} is no regulariser of napari-vslp: name a file that “napari-vslp regulariser” "
            "wrote."
        )
    try:
        found: dict[str, Any] = dict(header)
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


class Learned:
    """The regulariser from a file as a `contract.Term`; which file is a field of `Settings`."""

    name: ClassVar[str] = "learned"
    title: ClassVar[str] = "doubt: shapes"

    def active(self, settings: Settings) -> bool:
        """Whether a file is named."""
        return settings.regulariser != TOTAL_VARIATION

    def bind(self, context: TermContext) -> BoundTDV:
        """Return the regulariser bound to an image; its file is read again when it has changed.

        Raises
        ------
        VslpError
            If the file cannot be used.
        """
        return _bind(Path(context.settings.regulariser), context)


def _bind(path: Path, context: TermContext) -> BoundTDV:
    network, card = _load(path, path.stat().st_mtime_ns if path.is_file() else 0)
    told: tuple[str, ...] = ()
    if not card.accepted:
        told = (f"{path.name} did no better than plain smoothness when it was tested.",)
    return BoundTDV(
        network,
        card.strength,
        image=context.image,
        evidence=corrected(context.confidence, context.mask),
        inside=context.mask,
        device=context.device,
        notes=told,
    )


@lru_cache(maxsize=2)
def _load(path: Path, written: int) -> tuple[TDV, RegulariserCard]:  # noqa: ARG001 - part of the key
    return load_regulariser(path)


class BoundTDV:
    """s·R(u | I, c) of one image; a `contract.BoundTerm`.

    Parameters
    ----------
    network
        The regulariser.
    strength
        s ≥ 0.
    image
        (H, W, 3) uint8 RGB.
    evidence
        c̃, (K, H, W) float32: confidences from `blindspot.corrected`, 1/K where held out.
    inside
        (H, W) bool tissue mask.
    device
        Where the network runs.
    notes
        What the user should know of it, in sentences.
    """

    def __init__(
        self,
        network: TDV,
        strength: float,
        *,
        image: NDArray[np.uint8],
        evidence: Array,
        inside: NDArray[np.bool_],
        device: str = "cpu",
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._network = network.to(device)
        self._strength = strength
        self._device = device
        self._frame = Frame(inside, network.shape.multiple, device)
        with torch.inference_mode():
            self._seen = network.look(self._shown(network.shape, image, evidence))

    def value(self, u: Array) -> Array:
        """Return s·Σ_k r(u_k), (H, W) float32 (nats)."""
        with torch.inference_mode():
            parts = [self._one(u, k) for k in range(len(u))]
        return self._numpy(torch.stack(parts).sum(0))

    def value_and_gradient(self, u: Array) -> tuple[Array, Array]:
        """Return the same and s·∇R(u), (K, H, W) float32 (nats)."""
        energies, gradients = [], []
        with torch.inference_mode():
            # One tissue after the other: the features of a single one fill memory enough.
            for k in range(len(u)):
                energy, gradient = self._network.energy_and_gradient(
                    self._tensor(u[k : k + 1]), self._seen_of(k), self._frame
                )
                energies.append(energy[0])
                gradients.append(gradient[0])
        return self._numpy(torch.stack(energies).sum(0)), self._numpy(torch.stack(gradients))

    def _one(self, u: Array, k: int) -> Tensor:
        frame = self._frame
        spread = frame.spread(self._tensor(u[k : k + 1]))[:, None]
        return frame.crop(self._network.energy(spread, self._seen_of(k))[:, 0])[0]

    def _seen_of(self, k: int) -> Tensor | float:
        if isinstance(self._seen, float) or len(self._seen) == 1:
            return self._seen
        return self._seen[k : k + 1]

    def _shown(self, shape: TDVShape, image: NDArray[np.uint8], evidence: Array) -> Tensor | None:
        if not shape.shown:
            return None
        maps = []
        if shape.image:
            colours = torch.from_numpy(normalised(image)).to(self._device)
            maps.append(self._frame.spread(colours)[None])
        if shape.confidence:
            odds = torch.from_numpy(shown_odds(evidence)).to(self._device)
            maps.append(self._frame.spread(odds)[:, None])
        rows = max(len(one) for one in maps)
        return torch.cat([one.expand(rows, -1, -1, -1) for one in maps], dim=1)

    def _tensor(self, values: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _numpy(self, values: Tensor) -> Array:
        return np.ascontiguousarray((self._strength * values).cpu().numpy())


def normalised(image: NDArray[np.uint8]) -> Array:
    """Return the colours centred and scaled per image, (3, H, W) float32: no stain's own tint."""
    colours = image.astype(np.float32).transpose(2, 0, 1)
    mean, spread = colours.mean((1, 2), keepdims=True), colours.std((1, 2), keepdims=True)
    return np.ascontiguousarray((colours - mean) / np.maximum(spread, 1.0))


def shown_odds(evidence: Array) -> Array:
    """Return log c̃_k/(1 − c̃_k) + log(K − 1) in units of 4 nats, cut at ±1, (K, H, W) float32.

    It is 0 where a pixel says nothing, whatever K is.
    """
    odds = np.log(evidence / np.maximum(1 - evidence, 1e-6)) + np.log(max(1, len(evidence) - 1))
    shown: Array = np.clip(odds / ODDS_UNIT, -1, 1).astype(np.float32)
    return shown
