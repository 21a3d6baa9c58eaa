"""A learned regulariser bound to one image: numpy in, numpy out, as the solver wants it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.energy.blindspot import corrected
from napari_vslp.energy.problem import Array
from napari_vslp.energy.terms.regulariser_file import RegulariserCard, load_regulariser
from napari_vslp.energy.terms.tdv import TDV, TDVShape
from napari_vslp.energy.terms.tdv_frame import Frame

# Corrected log-odds are shown to the network in units of this (nats), cut at ±1.
ODDS_UNIT = 4.0


def bind(
    path: Path,
    image: NDArray[np.uint8],
    confidence: Array,
    inside: NDArray[np.bool_],
    device: str = "cpu",
) -> tuple[BoundTDV, tuple[str, ...]]:
    """Return a regulariser's file bound to an image, and what the user should know of it.

    Parameters
    ----------
    path
        Of the file; it is read again when it has changed.
    confidence
        c, (K, H, W) float32.

    Raises
    ------
    VslpError
        If the file cannot be used.
    """
    network, card = _load(path, path.stat().st_mtime_ns if path.is_file() else 0)
    told: tuple[str, ...] = ()
    if not card.accepted:
        told = (f"{path.name} did no better than plain smoothness when it was tested.",)
    evidence = corrected(confidence, inside)
    return BoundTDV(
        network, card.strength, image=image, evidence=evidence, inside=inside, device=device
    ), told


@lru_cache(maxsize=2)
def _load(path: Path, written: int) -> tuple[TDV, RegulariserCard]:  # noqa: ARG001 - part of the key
    return load_regulariser(path)


class BoundTDV:
    """s·R(u | I, c) of one image; a `napari_vslp.energy.terms.linearised.LearnedTerm`.

    Parameters
    ----------
    network
        The regulariser.
    strength
        s ≥ 0.
    image
        (H, W, 3) uint8 RGB.
    evidence
        c̃, (K, H, W) float32: confidences from `hidden_blocks.corrected`, 1/K where hidden.
    inside
        (H, W) bool tissue mask.
    device
        Where the network runs.
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
    ) -> None:
        self._network = network.to(device)
        self._strength = strength
        self._device = device
        self._frame = Frame(inside, network.shape.multiple, device)
        with torch.inference_mode():
            self._seen = network.look(self._shown(network.shape, image, evidence))

    def energy(self, u: Array) -> Array:
        """Return s·Σ_k r(u_k), (H, W) float32 (nats)."""
        with torch.inference_mode():
            parts = [self._one(u, k) for k in range(len(u))]
        return self._numpy(torch.stack(parts).sum(0))

    def energy_and_slope(self, u: Array) -> tuple[Array, Array]:
        """Return the same and s·∇R(u), (K, H, W) float32 (nats)."""
        energies, slopes = [], []
        with torch.inference_mode():
            # One tissue after the other: the features of a single one fill memory enough.
            for k in range(len(u)):
                energy, slope = self._network.energy_and_gradient(
                    self._tensor(u[k : k + 1]), self._seen_of(k), self._frame
                )
                energies.append(energy[0])
                slopes.append(slope[0])
        return self._numpy(torch.stack(energies).sum(0)), self._numpy(torch.stack(slopes))

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
