"""Networks, model files and embeddings that several tests of the encoders make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_vslp.encoders.cache import cache_folder
from napari_vslp.encoders.embedding import ImageEmbedding
from napari_vslp.encoders.encoder import Encoder, make_interruptible
from napari_vslp.encoders.library import list_models
from napari_vslp.encoders.model_names import models_folder
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.weights import ModelCard, save_model

TWO = HybridArguments(tissues=2, width=16, depth=1, heads=2, decoder_width=8)
THREE = replace(TWO, tissues=3)
PLAIN = ("shape", "head_tissues", "weights_hash", "notes", "stride")
GREY = (0.5, 0.5, 0.5)
CARD = ModelCard(
    tissues=("tumour", "stroma", "Lücke"),
    colours=((1, 2, 3), (4, 5, 6), (7, 8, 9)),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.4, 0.3),
    microns_per_pixel=0.25,
    data="made up of nothing, at great length and in many words, for a test",
    licence="CC0",
    attribution="nobody",
    figures={"dice": 0.5},
    seed=3,
    seconds=1.5,
    machine="a test",
    arguments=THREE,
)


def make_encoder(module: nn.Module, tile: int = 512) -> Encoder:
    """Return a network of two tissues as an encoder on the processor."""
    make_interruptible(module)
    tissues = ("other", "gland")
    return Encoder(
        "made up", "abc", tissues, module.eval(), GREY, GREY, torch.device("cpu"), 32, tile
    )


def write_model(path: Path, seed: int = 0, **spoilt: float) -> Path:
    """Write a small network of three tissues, some parameters filled with one value."""
    torch.manual_seed(seed)
    module = HybridSegmenter(THREE).eval()
    for name, value in spoilt.items():
        module.get_parameter(name.replace("__", ".")).data.fill_(value)
    save_model(path, module, CARD)
    return path


def model_names() -> list[str]:
    return [entry.name for entry in list_models()]


def model_files() -> list[str]:
    """Return the names of all files in the folder but the lock."""
    return sorted(path.name for path in models_folder().iterdir() if path.name != ".lock")


def made_embedding(seed: int = 0, side: int = 8, head: bool = True) -> ImageEmbedding:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.rand(1, 4, side, side, generator=generator).half()
    white = np.zeros((4 * side, 4 * side), np.float16)
    tissues = ("other", "gland") if head else ()
    shape = (4 * side, 4 * side)
    return ImageEmbedding(
        vectors, vectors[:, :2].clone() if head else None, white, shape, tissues, "abc"
    )


def same(one: ImageEmbedding, other: ImageEmbedding) -> bool:
    heads = (one.head, other.head)
    return (
        torch.equal(one.vectors, other.vectors)
        and (heads[0] is heads[1] is None or torch.equal(*heads))
        and np.array_equal(one.white, other.white)
        and one.white.dtype == other.white.dtype
        and all(getattr(one, name) == getattr(other, name) for name in PLAIN)
    )


def stored() -> list[Path]:
    folder = cache_folder()
    assert folder is not None
    return sorted(folder.glob("*.safetensors"))
