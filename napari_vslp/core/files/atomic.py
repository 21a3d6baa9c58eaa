"""One file written whole or not at all: a failed or killed write leaves what was there before.

`core.result_folder` does the same for files that belong together.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from napari_vslp.core.errors import VslpError

# A file on its way is written to all the time: one that was not for an hour belongs to nobody.
_ABANDONED_S = 3600.0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a hidden file to write, which takes the place of `path` once it is whole.

    It lies beside `path`, so that taking its place is a rename on the same disk: a reader in
    another process sees the old file or the new one, never half of it, and of two writers the
    last one wins. If the block raises it is removed; if the block writes nothing, `path` stays as
    it is. What killed programs left of earlier writes of `path` is removed too.

    Raises
    ------
    OSError
        If the folder cannot be written, for example because the disk is full.
    """
    sweep_partials(path)
    partial = new_partial(path)
    try:
        yield partial
        if partial.exists():
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def new_partial(path: Path) -> Path:
    """Return the path of a hidden file or folder, not there yet, that is to take a place."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")


def partials_of(path: Path) -> list[Path]:
    """Return the files and folders that were begun to take the place of `path` and have not."""
    return sorted(path.parent.glob(f".{escape(path.name)}.*.partial"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises `OSError` as `replacing` does."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def check_folder(folder: Path) -> None:
    """Make a folder if need be and try whether files can be written to it.

    Raises
    ------
    VslpError
        If the folder can be neither made nor written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> VslpError:
    """Return the sentence for a folder that does not take results."""
    reason = error.strerror or type(error).__name__
    return VslpError(f"Results cannot be written to “{folder}” ({reason}): choose another folder.")


def sweep_partials(path: Path) -> None:
    """Remove what killed programs left of earlier writes of `path`."""
    # Another process may sweep at the same time.
    with suppress(OSError):
        for left in partials_of(path):
            inner = left.rglob("*") if left.is_dir() else ()
            latest = max(one.stat().st_mtime for one in (left, *inner))
            if time.time() - latest < _ABANDONED_S:
                continue
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
