"""The one file format of trained networks: safetensors with a JSON card in its metadata."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tensor_file import read_tensors, write_tensors
from napari_vslp.encoders.card import ENTRY, ModelCard, card_from_json, card_to_json
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter

Segmenter = HybridSegmenter | TimmSegmenter

BUNDLED = Path(__file__).parents[1] / "weights" / "vslp-hybrid-gland.safetensors"


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
    write_tensors(path, module.state_dict(), ENTRY, card_to_json(card))


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
    tensors, header = read_tensors(path, ENTRY)
    card = card_from_json(path.name, header)
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
