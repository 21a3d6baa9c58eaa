"""Writing whole or not at all: a failed run leaves what was there before."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_vslp.core.errors import VslpError


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
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a hidden file beside `path` to write to, which then takes its place.

    A reader in another process sees the old file or the new one, never half of it, and of two
    writers the last one wins. After an error the old file is there as before.

    Raises
    ------
    OSError
        If the file cannot take its place.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def staged(folder: Path, *, stale: Sequence[str] = ()) -> Iterator[Path]:
    """Give an empty folder to write to, and move its files to `folder` once all are written.

    The staging folder lies inside `folder`, so that each move is a rename on the same disk.
    Files named in `stale` that are not written anew are removed at the very end: left by an
    earlier result, they would pass for a part of this one.

    Raises
    ------
    VslpError
        If the folder cannot be written, for example because the disk is full.
    """
    check_folder(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".vslp-") as made:
            stage = Path(made)
            yield stage
            written = sorted(stage.iterdir())
            for path in written:
                path.replace(folder / path.name)
            for name in {*stale} - {path.name for path in written}:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> VslpError:
    reason = error.strerror or type(error).__name__
    return VslpError(f"Results cannot be written to “{folder}” ({reason}): choose another folder.")
