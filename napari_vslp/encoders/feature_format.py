"""Features as one safetensors file: vectors, head and white, and in the header what they are of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from napari_vslp.core.tensor_file import DamagedFileError, read_tensors, write_tensors
from napari_vslp.encoders.features import Features

_ENTRY, _KIND = "napari_vslp_features", "features"


def write_features(path: Path, key: str, features: Features) -> None:
    """Write features with the key that they are found by, readable for their owner alone.

    Raises
    ------
    VslpError
        If the disk does not take them.
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
    write_tensors(path, tensors, _ENTRY, header, kind=_KIND, private=True)


def size_of(features: Features) -> int:
    """Return what features take on disk (bytes), without the few of the header."""
    return sum(one.nbytes for one in _tensors(features).values())


def read_features(path: Path, key: str, most_bytes: int) -> Features:
    """Read a file that `write_features` wrote under that key.

    Raises
    ------
    DamagedFileError
        If it is damaged, too large, or of another image.
    VslpError
        If it is not there or may not be read.
    """
    tensors, header = read_tensors(path, _ENTRY, kind=_KIND, most_bytes=most_bytes)
    try:
        if header["key"] != key or header["digest"] != _digest(tensors):
            raise ValueError("its content has changed")
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
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path.name} is not what was written ({error}).") from error


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
