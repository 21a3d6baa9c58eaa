"""Folders that several processes share, and files that a user names: opened as what they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
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


_LOCK = ".lock"


def user_folder(variable: str, usual: Path) -> Path:
    """Return the folder that an environment variable names, or else the usual one.

    Parameters
    ----------
    variable : str
        Such as ``"VSLP_CACHE"``; empty counts as not set.
    usual : Path
        Where platformdirs puts such a folder.

    Raises
    ------
    VslpError
        If the variable names the home of a user whom this computer does not know.
    """
    chosen = os.environ.get(variable, "").strip()
    if not chosen:
        return usual
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise VslpError(
            f"{variable} names “{chosen}”, but this computer knows no such user: name another "
            "folder."
        ) from error


@contextmanager
def locked(folder: Path, wait_s: float) -> Iterator[bool]:
    """Keep other processes and threads that ask for it from changing a folder meanwhile.

    Parameters
    ----------
    folder : Path
        Is there; a file ``.lock`` is left in it.
    wait_s : float
        How long to wait for another one (s).

    Yields
    ------
    bool
        Whether nobody else holds the folder; False if that did not come true in time.

    Raises
    ------
    OSError
        If the folder may not be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
