"""A folder of results, which change as a whole and never take a file that is not theirs.

New results are written to a working folder inside the folder. Then a journal is put down, the
files are renamed to their places, and the journal becomes the manifest: what was written, with
the SHA-256 of each file. Whoever comes next finds a journal only where a program was killed in
between, and brings its renames to their end first. A file counts as a result as long as it is
what the manifest says, so one that the user edited is the user's. A result may be a folder itself,
such as an OME-Zarr: it is known by the SHA-256 of all in it, and moved as a whole.

| in the folder | meaning |
|---|---|
| ``.napari-vslp.json`` | the manifest |
| ``.napari-vslp.lock`` | held while results are written; removed afterwards, as is all below |
| ``.napari-vslp.work/new`` | results on their way |
| ``.napari-vslp.work/old`` | what they replace |
| ``.napari-vslp.work/gone`` | folders that are to be removed |
| ``.napari-vslp.work/redo.json`` | the journal: renames to be done |
| ``.napari-vslp.work/undo.json`` | the journal once a rename has failed: renames to be undone |
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import check_folder, unwritable, write_whole
from napari_vslp.core.files.fingerprint import files_in, fingerprint, is_plain

_MANIFEST, _LOCK, _WORK = ".napari-vslp.json", ".napari-vslp.lock", ".napari-vslp.work"
_WAIT_S = 60.0


@dataclass(frozen=True)
class Manifest:
    """What was written to a folder of results.

    Attributes
    ----------
    kind
        Of results, such as “segmentation”; empty if there are none.
    files
        Name → fingerprint; a folder counts as one.
    replaced, removed
        In a journal: earlier results that have a name of these, and those that have another.
    """

    kind: str = ""
    files: dict[str, str] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def owns(self, path: Path) -> bool:
        """Return whether a file or folder is what was written under its name."""
        written = self.files.get(path.name)
        return written is not None and is_plain(path) and fingerprint(path) == written


def results_in(folder: Path) -> Manifest:
    """Return what was written to a folder; a change that was interrupted is ended first.

    Raises
    ------
    VslpError
        If such a change can be neither ended nor undone.
    """
    if (folder / _WORK).exists():
        try:
            with _locked(folder):
                _settle(folder)
        except OSError as error:
            raise unwritable(folder, error) from error
    return _read(folder / _MANIFEST)


def check_results(
    folder: Path, kind: str, names: Iterable[str], inputs: Sequence[Path] = ()
) -> None:
    """Make sure that results can be written to a folder, before any work is put into them.

    Parameters
    ----------
    folder
        Is made if it does not exist.
    kind
        Of results, as for `writing_results`.
    names
        Of the files that may be written.
    inputs
        Files that are read; none of them may be replaced, even if it is an earlier result.

    Raises
    ------
    VslpError
        If the folder cannot be written, or a file in it is not to be replaced.
    """
    check_folder(folder)
    names, manifest = tuple(names), results_in(folder)
    for path in inputs:
        real, whole = path.resolve(), folder.resolve()
        inside = real.relative_to(whole).parts if real.is_relative_to(whole) else ()
        if inside and inside[0] in {*names, *manifest.files}:
            raise VslpError(
                f"“{path}” is read, and a result would take its place: choose another folder."
            )
    _refuse(folder, kind, names, manifest)


@contextmanager
def writing_results(folder: Path, kind: str) -> Iterator[Path]:
    """Give an empty folder to write results to, which replace the earlier ones once all are there.

    Parameters
    ----------
    folder
        Is made if it does not exist.
    kind
        Of results; a folder holds those of one kind.

    Raises
    ------
    VslpError
        If the folder cannot be written, for example because the disk is full, or a file in it is
        not to be replaced. The earlier results are then as they were.
    """
    check_folder(folder)
    try:
        with _locked(folder):
            _settle(folder)
            new = folder / _WORK / "new"
            new.mkdir(parents=True)
            try:
                yield new
                _replace(folder, kind)
            finally:
                _settle(folder)
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / _LOCK, timeout=_WAIT_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise VslpError(
            f"Another program is writing to “{folder}”: wait for it, or choose another folder."
        ) from error
    try:
        yield
    finally:
        # Whoever waits for a file that is gone makes it anew; Windows removes it by itself.
        with suppress(OSError):
            (folder / _LOCK).unlink()
        lock.release()


def _refuse(folder: Path, kind: str, names: Iterable[str], manifest: Manifest) -> None:
    if manifest.kind not in ("", kind) and any((folder / name).exists() for name in manifest.files):
        raise VslpError(
            f"“{folder}” holds results of another kind ({manifest.kind}): choose another folder."
        )
    for name in names:
        path = folder / name
        if os.path.lexists(path) and not manifest.owns(path):
            raise VslpError(
                f"“{path}” would be replaced, but napari-vslp did not write it or it was changed "
                "since: move it away or choose another folder."
            )


def _replace(folder: Path, kind: str) -> None:
    """Let the results in ``new`` take the place of the earlier ones."""
    work, before = folder / _WORK, _read(folder / _MANIFEST)
    new = sorted((work / "new").iterdir())
    files = {path.name: fingerprint(path) for path in new}
    _refuse(folder, kind, files, before)
    own = [name for name in before.files if before.owns(folder / name)]
    (work / "old").mkdir()
    for name in own:
        if not (folder / name).is_dir():  # a folder is moved there when its turn comes
            _keep(folder / name, work / "old" / name)
    replaced = tuple(name for name in own if name in files)
    removed = tuple(name for name in own if name not in files)
    journal = json.dumps(asdict(Manifest(kind, files, replaced, removed)), indent=1)
    for path in new:
        _flush(path)
    write_whole(work / "redo.json", journal.encode())
    _redo(folder)


def _settle(folder: Path) -> None:
    """End or undo an interrupted change, and remove the working folder."""
    work = folder / _WORK
    if (work / "undo.json").exists():
        _undo(folder)
    elif (work / "redo.json").exists():
        _redo(folder)
    if work.exists():
        shutil.rmtree(work)


def _redo(folder: Path) -> None:
    """Do the renames of the journal that are still to be done; undo all if one of them fails."""
    work = folder / _WORK
    journal = _read(work / "redo.json")
    try:
        for name in journal.files:
            if (work / "new" / name).exists():
                _move(work / "new" / name, folder / name, work / "old" / name)
        for name in journal.removed:
            _remove(folder / name, work / "old" / name)
        (work / "redo.json").replace(folder / _MANIFEST)
    except OSError:
        (work / "redo.json").replace(work / "undo.json")
        _undo(folder)
        raise


def _undo(folder: Path) -> None:
    work = folder / _WORK
    journal = _read(work / "undo.json")
    (work / "gone").mkdir(exist_ok=True)
    for name in (*journal.replaced, *journal.removed):
        if (work / "old" / name).exists():
            _move(work / "old" / name, folder / name, work / "gone" / name)
    for name in journal.files.keys() - set(journal.replaced):
        # What is no longer in “new” took its place.
        if not (work / "new" / name).exists():
            _remove(folder / name, work / "gone" / name)
    (work / "undo.json").unlink()


def _move(path: Path, place: Path, aside: Path) -> None:
    """Rename a file or folder to a place; a folder that lies there steps aside first."""
    if place.is_dir():
        place.replace(aside)
    elif path.is_dir():
        place.unlink(missing_ok=True)
    path.replace(place)


def _remove(path: Path, aside: Path) -> None:
    """Remove a file, or let a folder step aside to where it will be removed."""
    if path.is_dir():
        path.replace(aside)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Let the disk have a file now: renames then take microseconds, and a power cut loses none."""
    for one in files_in(path) if path.is_dir() else (path,):
        with one.open("r+b") as file:
            os.fsync(file.fileno())


def _keep(path: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(path)
    except OSError:  # a disk without hard links, such as a memory stick's
        shutil.copy2(path, kept)


def _read(path: Path) -> Manifest:
    """Return a manifest; one that is missing, damaged or names files elsewhere counts as empty."""
    try:
        if not path.is_file():  # a pipe would be waited for without end
            return Manifest()
        told = json.loads(path.read_text("utf-8"))
        found = Manifest(
            str(told["kind"]), dict(told["files"]), tuple(told["replaced"]), tuple(told["removed"])
        )
        names = (*found.files, *found.replaced, *found.removed)
        plain = all(name == Path(name).name for name in names)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Manifest()
    return found if plain else Manifest()
