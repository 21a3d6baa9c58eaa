"""What is being worked on, kept on the disk: one file an open image, offered after a crash.

In the folder lie ``ID.vslp``, the session, and ``ID.lock``, which the process that works on it
holds. The lock goes with the process, however that ends; so a file whose lock is free was left by
a crash, and two windows, in one process or in two, never take each other's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import partials_of
from napari_vslp.core.files.folders import user_folder
from napari_vslp.core.inputs import ImageReference
from napari_vslp.core.saved.session_file import SUFFIX, Identity, read_session, write_session
from napari_vslp.core.session import History


def autosave_folder() -> Path:
    """Return the folder of autosaved sessions: ``VSLP_STATE``, or the user's of this computer."""
    from platformdirs import user_state_path

    usual = user_state_path("napari-vslp", appauthor=False) / "autosave"
    return user_folder("VSLP_STATE", usual)


class Autosave:
    """The autosaved session of one open image; the file is there once `write` was called.

    It may be used by one thread at a time, and not by that which made it alone.

    Parameters
    ----------
    image
        Which image it is of.
    folder
        By default `autosave_folder`.
    """

    def __init__(self, image: ImageReference, folder: Path | None = None) -> None:
        self._folder = folder
        known = sha256(f"{image.path or image.name} {image.shape}".encode("utf-8", "replace"))
        self._image = known.hexdigest()[:16]
        self._id = self._new_id()
        self._lock: FileLock | None = None
        self.path: Path | None = None

    def write(self, history: History, identity: Identity | None = None) -> None:
        """Write the history in place of the last one, whole or not at all.

        Parameters
        ----------
        history, identity
            As for `session_file.write_session`.

        Raises
        ------
        OSError
            If the disk does not take it; what was written last is still there.
        """
        if self.path is None:
            folder = self._folder or autosave_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock_of(folder / f"{self._id}{SUFFIX}")
            self._lock.acquire(timeout=0)
            self.path = folder / f"{self._id}{SUFFIX}"
        write_session(self.path, history, identity, with_results=False)

    def discard(self) -> None:
        """Delete the file: its work is saved elsewhere, or not wanted."""
        if self.path is not None:
            _delete(self.path)
        self.leave()

    def leave(self) -> None:
        """Let the file lie, to be offered to whoever opens a window next."""
        if self.path is not None and self._lock is not None:
            self._lock.release()
            if not self.path.exists():
                _unlink(Path(self._lock.lock_file))
        # What is written from now on is another file: the one left lies until somebody answers.
        self.path, self._lock, self._id = None, None, self._new_id()

    def _new_id(self) -> str:
        return f"{self._image}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Left:
    """A session that a program which ended without saving left behind.

    Attributes
    ----------
    path
        Its file.
    name
        Of its image.
    written
        When (s since 1970).
    """

    path: Path
    name: str
    written: float

    def claimed(self, act: Callable[[], None]) -> bool:
        """Do something while no other window can take this one; False if another one has it."""
        lock = _lock_of(self.path)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            return False
        try:
            if not self.path.exists():
                return False
            act()
        finally:
            lock.release()
            if not self.path.exists():
                _unlink(Path(lock.lock_file))
        return True

    def discard(self) -> bool:
        """Delete it; False if another window has taken it meanwhile."""
        return self.claimed(lambda: _delete(self.path))


def left_behind(folder: Path | None = None) -> list[Left]:
    """Return the sessions that nobody works on any more, newest first.

    Files that cannot be read are left alone, and not offered.
    """
    try:
        found = sorted((folder or autosave_folder()).glob(f"*{SUFFIX}"))
    except OSError:
        return []
    offered: list[Left] = []
    for path in found:
        with suppress(VslpError, OSError):
            one = Left(path, "", path.stat().st_mtime)
            one.claimed(lambda one=one: offered.append(_named(one)))  # type: ignore[misc]
    return sorted(offered, key=lambda one: -one.written)


def _named(left: Left) -> Left:
    image = read_session(left.path).history.inputs.image
    return Left(left.path, image.name or Path(image.path).name, left.written)


def _lock_of(path: Path) -> FileLock:
    return FileLock(path.with_suffix(".lock"), thread_local=False)


def _delete(path: Path) -> None:
    for one in (path, *partials_of(path)):
        _unlink(one)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
