"""The one file format of trained networks: safetensors with a JSON card in its metadata."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.card import ModelCard, read_card, write_card
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter

Segmenter = HybridSegmenter | TimmSegmenter

BUNDLED = Path(__file__).parents[1] / "weights" / "vslp-hybrid-gland.safetensors"
_ZIP, _PICKLE = b"PK", b"\x80"


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
    tensors = {name: value.contiguous() for name, value in module.state_dict().items()}
    partial = path.with_name(f".{path.name}.partial")
    try:
        # safetensors' own writer would leave a file that nobody else in the group can read.
        partial.write_bytes(save(tensors, metadata=write_card(card)))
        partial.replace(path)
    except OSError as error:
        raise VslpError(
            f"The model could not be written to {path}; choose a folder that exists, has room "
            "and may be written to."
        ) from error


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
    _refuse_other_kinds(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise VslpError(
            f"The model file {path.name} is damaged or incomplete; fetch or train it again."
        ) from error
    card = read_card(path.name, metadata)
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
        raise VslpError(f"The file {path} cannot be read; check that it exists.") from error


def _refuse_other_kinds(path: Path) -> None:
    """Tell a missing file and a pickle apart from a damaged one, by the first bytes alone."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise VslpError(
            f"There is no readable model file at {path}; check the path or choose another file."
        ) from error
    # Safetensors begin with the length of a header in braces, and any length may be 0x80.
    if start.startswith((_PICKLE, _ZIP)) and not start.endswith(b"{"):
        raise VslpError(
            f"{path.name} is a PyTorch pickle, which could run any program when opened; convert "
            "it to .safetensors where you trust it."
        )


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
            f"The weights in {path.name} do not fit the network that it describes; fetch or train "
            "it again."
        ) from error
    return module.float().requires_grad_(requires_grad=False).eval()
