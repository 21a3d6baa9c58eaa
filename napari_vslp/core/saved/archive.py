"""A zip of one JSON object and arrays as .npy, read without trusting anything that it says.

Members are ``session.json`` and ``arrays/NAME.npy``; any other name, which might lead out of a
folder, is refused, and nothing is ever unpacked to the disk. No member is read further than it
says it is long, all of them together may not say more than `MOST_BYTES`, and arrays of Python
objects (pickles) are refused. Members carry no date, so that the same session is the same file.
"""

from __future__ import annotations

import errno
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import replacing
from napari_vslp.core.files.folders import check_plain

Array = NDArray[Any]
ArrayOf = Callable[[str], Array]

MOST_BYTES = 2 * 2**30
_MOST_JSON = 256 * 2**20
_MOST_MEMBERS = 20_000
_MOST_HEADER = 4096  # of an array: its type and its shape
_JSON = "session.json"
_MEMBER = re.compile(r"session\.json|arrays/[a-z0-9-]{1,80}\.npy")
_KINDS = {"|u1", "<f4", "<f8"}
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def write_archive(path: Path, told: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a JSON object and arrays, whole or not at all.

    Parameters
    ----------
    path
        The file; an older one is replaced once the new one is on the disk.
    told
        Plain JSON values.
    arrays
        By names of small letters, digits and hyphens; uint8, float32 or float64.

    Raises
    ------
    OSError
        If the disk does not take it, or it would be larger than what `read_archive` reads; an
        older file is then as it was.
    """
    if sum(values.nbytes for values in arrays.values()) > MOST_BYTES - _MOST_JSON:
        raise OSError(errno.EFBIG, "the session is larger than 2 GB: save it with less paint")
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    with replacing(path) as partial, partial.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(_member(_JSON), text.encode("utf-8", "backslashreplace"))
            for name, values in arrays.items():
                with archive.open(_member(f"arrays/{name}.npy"), "w", force_zip64=True) as to:
                    npy.write_array(to, np.ascontiguousarray(values), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def read_archive(path: Path) -> tuple[Any, ArrayOf]:
    """Read the JSON of an archive, and what reads its arrays.

    Returns
    -------
    object
        What ``session.json`` holds.
    callable
        Name → array; it opens the file again. Raises as this does.

    Raises
    ------
    VslpError
        If the file cannot be opened, is no such archive, or is damaged.
    """
    check_plain(path)
    told = _guarded(path, lambda archive: json.loads(_bytes(archive, _JSON, _MOST_JSON)))

    def array(name: str) -> Array:
        found: Array = _guarded(path, lambda archive: _array(archive, name))
        return found

    return told, array


def damaged(path: Path, why: str) -> VslpError:
    """Return the sentence for a session file that cannot be read."""
    return VslpError(f"“{path}” is no session file or is damaged ({why}): use another copy of it.")


def _guarded(path: Path, read: Callable[[zipfile.ZipFile], Any]) -> Any:  # noqa: ANN401 - JSON or array
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive)
            return read(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        ValueError,
        TypeError,
        SyntaxError,
        TokenError,  # of a header of an array, which NumPy reads as an expression
        EOFError,
        NotImplementedError,
        RuntimeError,  # of a member with a password; RecursionError of nested JSON too
    ) as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise VslpError(f"“{path}” cannot be opened ({error.strerror}).") from error
        raise damaged(path, error.strerror or "it cannot be read") from error


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [one.filename for one in members]
    if len(names) > _MOST_MEMBERS or len(set(names)) < len(names):
        raise ValueError("it holds too many files, or two of one name")
    for one in members:
        if not _MEMBER.fullmatch(one.filename):
            raise ValueError(f"it holds “{one.filename[:80]}”")
        if one.compress_type not in _PLAIN:
            raise ValueError("it is packed in an unknown way")
    if sum(one.file_size for one in members) > MOST_BYTES:
        raise ValueError("it would unpack to more than any session")


def _bytes(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    member = archive.getinfo(name)
    if member.file_size > most:
        raise ValueError(f"“{name}” is too large")
    with archive.open(member) as stream:
        return stream.read(member.file_size + 1)


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    member = archive.getinfo(f"arrays/{name}.npy")
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"“{name}” is of an unknown form")
        shape, fortran, kind = npy.read_array_header_1_0(stream, max_header_size=_MOST_HEADER)
        if kind.str not in _KINDS or fortran:
            raise ValueError(f"“{name}” holds {kind.str}")
        count = 1
        for side in shape:
            count *= int(side)
        if min(shape, default=0) < 0 or count * kind.itemsize > member.file_size:
            raise ValueError(f"“{name}” is cut short")
        content = stream.read(count * kind.itemsize + 1)  # the end, where the checksum is compared
    if len(content) != count * kind.itemsize:
        raise ValueError(f"“{name}” is cut short")
    return np.frombuffer(content, kind).reshape(shape).copy()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # of 1980: a file says when only if somebody typed it
    member.compress_type = zipfile.ZIP_DEFLATED
    return member
