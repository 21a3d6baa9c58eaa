"""One output where a user asked for it, a file or a folder: whole or not at all.

A folder, such as an OME-Zarr, is written with a manifest in it, by which it is known again: only
one that nobody has changed since is replaced.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import new_partial, partials_of, sweep_partials, unwritable
from napari_vslp.core.files.fingerprint import fingerprint

_MANIFEST, _BEFORE = ".napari-vslp.json", "before"


@contextmanager
def placing(path: Path) -> Iterator[Path]:
    """Give a path of the same name to write, which takes the place of `path` once it is whole.

    Parameters
    ----------
    path
        A file, or a folder if one is written. A file there is replaced.

    Raises
    ------
    VslpError
        If it cannot be written, for example because the disk is full, or if a folder lies there
        that napari-vslp did not write or that was changed since. What was there is then as before.
    """
    check_place(path)
    try:
        _settle(path)
        sweep_partials(path)
        work = new_partial(path)
        work.mkdir()
        try:
            made = work / path.name
            yield made
            if made.is_dir():
                told = {"kind": "folder", "fingerprint": fingerprint(made)}
                (made / _MANIFEST).write_text(json.dumps(told), encoding="utf-8")
            check_place(path)
            _move(made, path, work / _BEFORE)
        finally:
            if not _holds_the_only_copy(work, path):
                shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def check_place(path: Path) -> None:
    """Make sure that nothing of the user's is in the way but a file, which may be replaced.

    Raises
    ------
    VslpError
        If a folder of the user's lies there, or the folder to write to is none.
    """
    if not path.parent.is_dir():
        raise VslpError(
            f"There is no folder “{path.parent}”: make it first, or choose another folder."
        )
    if path.is_dir() and not _is_own(path):
        raise VslpError(
            f"The folder “{path}” would be replaced, but napari-vslp did not write it or it was "
            "changed since: move it away or choose another name."
        )


def _is_own(path: Path) -> bool:
    """Return whether a folder is what `placing` made."""
    if path.is_symlink():
        return False
    try:
        if not (path / _MANIFEST).is_file():  # a pipe would be waited for without end
            return False
        told = json.loads((path / _MANIFEST).read_text("utf-8"))
        written = told["fingerprint"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return bool(fingerprint(path, _MANIFEST) == written)


def _settle(path: Path) -> None:
    """Put in its place what a program was killed in the middle of putting there."""
    for work in partials_of(path):
        if _holds_the_only_copy(work, path):
            new = work / path.name
            (new if new.exists() else work / _BEFORE).replace(path)


def _holds_the_only_copy(work: Path, path: Path) -> bool:
    return (work / _BEFORE).exists() and not os.path.lexists(path)


def _move(made: Path, path: Path, before: Path) -> None:
    """Rename what was made to its place; what lay there comes back if that fails."""
    if not os.path.lexists(made):
        return
    aside = path.is_dir() or (made.is_dir() and os.path.lexists(path))
    if aside:
        path.replace(before)
    try:
        made.replace(path)
    except OSError:
        if aside:
            before.replace(path)
        raise
