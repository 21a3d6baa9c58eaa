"""Embeddings as files: one tensor file a key, never more than a given size in all.

A file is written under another name and then renamed, so that a reader in another process sees it
whole or not at all, and of two writers the last one wins. What was not used for longest goes first;
the time of last use is the file's time of change, because many disks do not note readings.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import locked
from napari_vslp.core.files.tensor_file import DamagedFileError, read_tensors, write_tensors
from napari_vslp.encoders.embedding import ImageEmbedding

CAP = 2 * 1024**3

_FILE = re.compile(r"[0-9a-f]{64}\.safetensors")
_ENTRY, _KIND = "napari_vslp_features", "features"
# Names under which this module and safetensors write before they rename.
_LEFT_OVER = re.compile(r"\.(tmp.*|.*\.partial)")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class EmbeddingCache:
    """A folder of embeddings.

    Attributes
    ----------
    folder
        Made when the first file is written, for its owner alone.
    cap
        How large all files together may become (bytes); none is larger than a quarter of it.
    """

    folder: Path
    cap: int = CAP

    def get(self, key: str) -> ImageEmbedding | None:
        """Return what was kept under a key; a damaged file is removed and counts as none.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        """
        path = self._path(key)
        try:
            found = read_embedding(path, key, self.cap)
        except DamagedFileError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        except VslpError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return found

    def put(self, key: str, embedding: ImageEmbedding) -> str:
        """Keep an embedding under a key and make room for them.

        Returns
        -------
        str
            A sentence if the disk did not take it, else empty; nothing is raised, because a
            segmentation is worth more than its cache.
        """
        if _size_of(embedding) > self.cap // 4:
            return ""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_embedding(self._path(key), key, embedding)
        except (OSError, VslpError):
            return (
                f"{self.folder} is full or may not be written to: the image cannot be remembered "
                "and will be read again next time."
            )
        self._make_room(self._path(key))
        return ""

    def usage(self) -> tuple[int, int]:
        """Return the number of files and their size (bytes)."""
        files = self._files()
        return len(files), sum(size for _, size, _ in files)

    def clear(self) -> None:
        """Remove all files of the cache, and nothing else.

        Raises
        ------
        OSError
            If one of them cannot be removed.
        """
        for _, _, path in self._files():
            path.unlink(missing_ok=True)
        self._sweep(older_than_s=0.0)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of each file, the oldest first."""
        found = []
        for path in self._named(_FILE):
            # Another process may have removed it meanwhile.
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        return sorted(found)

    def _named(self, pattern: re.Pattern[str]) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if pattern.fullmatch(path.name)]
        except OSError:
            return []

    def _make_room(self, kept: Path) -> None:
        """Remove what was not used for longest until the cap holds; one process does it at a time.

        Two at once would each remove as much as both together should.
        """
        with contextlib.suppress(OSError), locked(self.folder, wait_s=0) as mine:
            if not mine:
                return
            files = self._files()
            total = sum(size for _, size, _ in files)
            for _, size, path in files:
                if total <= self.cap:
                    break
                if path != kept:
                    with contextlib.suppress(OSError):
                        path.unlink()
                        total -= size
            self._sweep(older_than_s=_DAY_S)

    def _sweep(self, older_than_s: float) -> None:
        """Remove what a program that was killed while it wrote has left behind."""
        for path in self._named(_LEFT_OVER):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime >= older_than_s:
                    path.unlink()


def write_embedding(path: Path, key: str, embedding: ImageEmbedding) -> None:
    """Write an embedding with the key that it is found by, readable for its owner alone.

    Raises
    ------
    VslpError
        If the disk does not take it.
    """
    tensors = _tensors(embedding)
    header = {
        "key": key,
        "digest": _digest(tensors),
        "shape": embedding.shape,
        "head_tissues": embedding.head_tissues,
        "weights_hash": embedding.weights_hash,
        "stride": embedding.stride,
    }
    write_tensors(path, tensors, _ENTRY, header, kind=_KIND, private=True)


def read_embedding(path: Path, key: str, most_bytes: int) -> ImageEmbedding:
    """Read a file that `write_embedding` wrote under that key.

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
        return ImageEmbedding(
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


def _size_of(embedding: ImageEmbedding) -> int:
    """Return what an embedding takes on disk (bytes), without the few of the header."""
    return sum(one.nbytes for one in _tensors(embedding).values())


def _tensors(embedding: ImageEmbedding) -> dict[str, Tensor]:
    tensors = {"vectors": embedding.vectors, "white": torch.from_numpy(embedding.white)}
    if embedding.head is not None:
        tensors["head"] = embedding.head
    return {name: one.contiguous() for name, one in tensors.items()}


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return a SHA-256: a flipped bit would otherwise pass for what the network computed."""
    digest = hashlib.sha256()
    for name, one in sorted(tensors.items()):
        digest.update(f"{name} {tuple(one.shape)} {one.dtype}".encode())
        digest.update(one.numpy().data)
    return digest.hexdigest()
