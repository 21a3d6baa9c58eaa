"""Writing whole or not at all: a failed run leaves what was there before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_vslp.errors import VslpError


def check_folder(folder: Path) -> None:
    """Make sure that results can be written to a folder, before any work is put into them.

    Raises
    ------
    VslpError
        If the folder can be neither made nor written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to, and move its files to `folder` once all are written.

    The staging folder lies inside `folder`, so that each move is a rename on the same disk.

    Raises
    ------
    VslpError
        If the folder cannot be written, for example because the disk is full.
    """
    check_folder(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".vslp-") as name:
            stage = Path(name)
            yield stage
            for path in sorted(stage.iterdir()):
                path.replace(folder / path.name)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> VslpError:
    reason = error.strerror or type(error).__name__
    return VslpError(f"Results cannot be written to “{folder}” ({reason}): choose another folder.")
