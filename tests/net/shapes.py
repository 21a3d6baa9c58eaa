"""A learned regulariser, made up: only this file knows how one is written."""

from __future__ import annotations

from pathlib import Path


def learn_shapes(path: Path) -> None:
    """Write a small learned regulariser, as ``napari-vslp regulariser`` would after learning."""
    import torch

    from napari_vslp.energy.terms.regulariser import RegulariserCard, save_regulariser
    from napari_vslp.energy.terms.tdv import TDV, TDVShape

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TDV(TDVShape(channels=4))
    card = RegulariserCard(network.shape, strength=0.5, smoothness=2.0, accepted=True)
    save_regulariser(path, network, card)
