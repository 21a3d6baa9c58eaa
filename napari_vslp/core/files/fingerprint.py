"""By what a file or a folder that was written is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_FOLDER = "folder:"  # no file's fingerprint begins so


def fingerprint(path: Path, without: str = "") -> str:
    """Return the SHA-256 of a file, or of all that lies in a folder with the names of it.

    Parameters
    ----------
    path
        A file or a folder.
    without
        Name of a file in the folder itself that does not count.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if not path.is_dir():
        return _of_file(path)
    found = hashlib.sha256()
    for inner in files_in(path):
        name = inner.relative_to(path).as_posix()
        if name != without:
            # A link is known by where it leads: what lies there is not part of the folder.
            told = f"-> {inner.readlink()}" if inner.is_symlink() else _of_file(inner)
            found.update(f"{name}\0{told}\n".encode(errors="surrogateescape"))
    return _FOLDER + found.hexdigest()


def files_in(folder: Path) -> Iterator[Path]:
    """Give the files and links in a folder and below it, in the same order everywhere."""
    for inner in sorted(folder.rglob("*")):
        if inner.is_symlink() or not inner.is_dir():
            yield inner


def is_plain(path: Path) -> bool:
    """Return whether a path is a file or folder itself: no link, pipe or device."""
    return not path.is_symlink() and (path.is_file() or path.is_dir())


def _of_file(path: Path) -> str:
    if not path.is_file():  # a pipe would be waited for without end
        return "no file"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
