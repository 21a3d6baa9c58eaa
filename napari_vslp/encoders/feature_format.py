"""Features as one safetensors file: vectors, head and white, and in the header what they are of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_vslp.encoders.features import Features

_ENTRY = "napari_vslp_features"


def write_features(path: Path, key: str, features: Features) -> None:
    """Write features with the key that they are found by.

    Raises
    ------
    OSError, SafetensorError
        If the disk does not take them; part of them may then be there.
    """
    tensors = _tensors(features)
    header = {
        "key": key,
        "digest": _digest(tensors),
        "shape": features.shape,
        "head_tissues": features.head_tissues,
        "weights_hash": features.weights_hash,
        "stride": features.stride,
    }
    save_file(tensors, path, metadata={_ENTRY: json.dumps(header)})


def size_of(features: Features) -> int:
    """Return what features take on disk (bytes), without the few of the header."""
    return sum(one.nbytes for one in _tensors(features).values())


def read_features(path: Path, key: str) -> Features:
    """Read a file that `write_features` wrote under that key.

    Raises
    ------
    OSError
        If it is not there or may not be read.
    SafetensorError, KeyError, TypeError, ValueError
        If it is damaged.
    """
    with safe_open(path, framework="pt") as file:
        header = json.loads((file.metadata() or {})[_ENTRY])
        # Copied, because the file may be replaced while the features are in use.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    if header["key"] != key or header["digest"] != _digest(tensors):
        raise ValueError("the file is not what was written")
    height, width = header["shape"]
    return Features(
        vectors=tensors["vectors"],
        head=tensors.get("head"),
        white=tensors["white"].numpy(),
        shape=(int(height), int(width)),
        head_tissues=tuple(header["head_tissues"]),
        weights_hash=header["weights_hash"],
        stride=int(header["stride"]),
    )


def _tensors(features: Features) -> dict[str, Tensor]:
    tensors = {"vectors": features.vectors, "white": torch.from_numpy(features.white)}
    if features.head is not None:
        tensors["head"] = features.head
    return {name: one.contiguous() for name, one in tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return a SHA-256: a flipped bit would otherwise pass for what the network saw."""
    digest = hashlib.sha256()
    for name, one in sorted(tensors.items()):
        digest.update(f"{name} {tuple(one.shape)} {one.dtype}".encode())
        digest.update(one.numpy().data)
    return digest.hexdigest()
