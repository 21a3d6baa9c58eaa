"""Folders of the user's that several processes share: where they lie, and who may change them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_vslp.core.errors import VslpError

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
