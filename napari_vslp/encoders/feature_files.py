"""Features as files: one safetensors file a key, never more than a given size in all.

A file is written under another name and then renamed, so that a reader in another process sees it
whole or not at all, and of two writers the last one wins. What was not used for longest goes first;
the time of last use is the file's time of change, because many disks do not note readings.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.core.folders import locked
from napari_vslp.core.tensor_file import DamagedFileError
from napari_vslp.encoders.feature_format import read_features, size_of, write_features
from napari_vslp.encoders.features import Features

CAP = 2 * 1024**3

_FILE = re.compile(r"[0-9a-f]{64}\.safetensors")
# Names under which this module and safetensors write before they rename.
_LEFT_OVER = re.compile(r"\.(tmp.*|.*\.partial)")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class FeatureFiles:
    """The folder of a cache.

    Attributes
    ----------
    folder
        Made when the first file is written, for its owner alone.
    cap
        How large all files together may become (bytes); none is larger than a quarter of it.
    """

    folder: Path
    cap: int = CAP

    def get(self, key: str) -> Features | None:
        """Return what was kept under a key; a damaged file is removed and counts as none.

        Parameters
        ----------
        key : str
            64 hexadecimal digits.
        """
        path = self._path(key)
        try:
            found = read_features(path, key, self.cap)
        except DamagedFileError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        except VslpError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return found

    def put(self, key: str, features: Features) -> str:
        """Keep features under a key and make room for them.

        Returns
        -------
        str
            A sentence if the disk did not take them, else empty; nothing is raised, because a
            segmentation is worth more than its cache.
        """
        if size_of(features) > self.cap // 4:
            return ""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_features(self._path(key), key, features)
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
