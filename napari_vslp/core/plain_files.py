"""Opening files that people name: folders, pipes and missing ones end in one sentence."""

from __future__ import annotations

import stat
from pathlib import Path

from napari_vslp.core.errors import VslpError


def check_plain(path: Path) -> None:
    """Make sure that a path is a file that ends: reading a pipe would wait for ever.

    Raises
    ------
    VslpError
        If it is missing, a folder, a pipe or a device, or may not be looked at.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError as error:
        raise VslpError(f"There is no file “{path}”: check its name.") from error
    except (OSError, ValueError) as error:
        raise VslpError(f"“{path}” cannot be opened ({_reason(error)}).") from error
    if stat.S_ISDIR(kind):
        raise VslpError(f"“{path}” is a folder: name a file in it.")
    if not stat.S_ISREG(kind):
        raise VslpError(f"“{path}” is a pipe or a device: save its contents as a file first.")


def read_start(path: Path, length: int) -> bytes:
    """Return the first bytes of a file.

    Raises
    ------
    VslpError
        As in `check_plain`, or if the file may not be read.
    """
    check_plain(path)
    try:
        with path.open("rb") as stream:
            return stream.read(length)
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
