"""Named tensors with a JSON header in one safetensors file: trained networks, embeddings.

Written whole or not at all; read without executing anything that the file contains. torch loads
when tensors are read or written, not with this module.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import replacing

if TYPE_CHECKING:
    from torch import Tensor

# More than any network that a computer for this program could hold.
MOST_BYTES: Final = 16 * 1024**3
# Of JSON text; a header describes the tensors in a few hundred words.
MOST_HEADER_LETTERS: Final = 1024**2
_PICKLE, _ZIP = b"\x80", b"PK"


class DamagedFileError(VslpError):
    """A file that is there and can be read, but is not what this program wrote."""


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    entry: str,
    header: Mapping[str, Any],
    *,
    kind: str = "model",
    private: bool = False,
) -> None:
    """Write tensors and a header; an older file is replaced, by a whole file or not at all.

    Parameters
    ----------
    path : Path
        File to write, in a folder that is there.
    tensors : mapping of str to Tensor
        Of any shapes and types, on any device.
    entry : str
        Name of the header among the file's metadata.
    header : mapping
        What JSON can hold.
    kind : str
        What the file is called in sentences.
    private : bool
        Whether nobody but the owner may read the file (mode 0600); otherwise the system decides.

    Raises
    ------
    VslpError
        If the folder does not take the file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(header, ensure_ascii=False)
    try:
        with replacing(path) as partial:
            # safetensors' writer makes every file private, so the mode is taken from one of ours.
            partial.touch(mode=0o600 if private else 0o666, exist_ok=False)
            mode = stat.S_IMODE(partial.stat().st_mode)
            save_file(whole, partial, metadata={entry: text})
            partial.chmod(mode)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VslpError(
            f"The {kind} could not be written to {path} ({reason}): choose a folder that exists, "
            "has room and may be written to."
        ) from error


def read_header(path: Path, entry: str, *, kind: str = "model") -> Any:  # noqa: ANN401 - JSON
    """Return the header of a file alone, as JSON values; None if it has none of that name.

    Parameters
    ----------
    path, entry, kind
        As in `write_tensors`.

    Raises
    ------
    VslpError
        As `read_tensors`.
    """
    with _opened(path, kind, MOST_BYTES, "numpy") as file:
        text = (file.metadata() or {}).get(entry)
    return _header(path, text)


def tensor_names(path: Path, *, kind: str = "model") -> set[str]:
    """Return the names of a file's tensors; none of them is read.

    Raises
    ------
    VslpError
        As `read_tensors`.
    """
    with _opened(path, kind, MOST_BYTES, "numpy") as file:
        return set(file.keys())


def read_tensors(
    path: Path, entry: str, *, kind: str = "model", most_bytes: int = MOST_BYTES
) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors of a file, on the CPU, and its header as JSON values.

    Parameters
    ----------
    path, entry, kind
        As in `write_tensors`.
    most_bytes : int
        A larger file is refused before it fills the memory.

    Returns
    -------
    tuple of dict and JSON value
        Tensors that stay what they are when the file changes, and None for a file without such a
        header.

    Raises
    ------
    DamagedFileError
        If it is incomplete, a pickle, too large or of another kind.
    VslpError
        If there is no file, or it may not be read.
    """
    with _opened(path, kind, most_bytes, "pt") as file:
        text = (file.metadata() or {}).get(entry)
        # Copied, because the file's pages may change while the tensors are in use.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    return tensors, _header(path, text)


@contextmanager
def _opened(path: Path, kind: str, most_bytes: int, framework: str) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    _check_kind(path, kind, most_bytes)
    damaged = f"The {kind} file {path.name} is damaged or incomplete: fetch or train it again."
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except SafetensorError as error:
        raise DamagedFileError(damaged) from error
    except OSError as error:
        raise VslpError(damaged) from error


def _check_kind(path: Path, kind: str, most_bytes: int) -> None:
    """Refuse what is no regular file, is too large or is a pickle, by its first bytes alone."""
    try:
        status = path.stat()
        # A named pipe would be waited for without end.
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError
        with path.open("rb") as file:
            start = file.read(9)
    except (OSError, ValueError) as error:
        raise VslpError(
            f"There is no readable {kind} file at {path}: check the path or choose another file."
        ) from error
    if status.st_size > most_bytes:
        raise DamagedFileError(
            f"{path.name} is larger than a {kind} can be ({status.st_size / 1e9:.2g} GB): choose "
            "another file."
        )
    # Safetensors begin with the length of a header in braces, and any length may be 0x80.
    if start.startswith((_PICKLE, _ZIP)) and not start.endswith(b"{"):
        raise DamagedFileError(
            f"{path.name} is a PyTorch pickle, which could run any program when opened: convert "
            "it to .safetensors where you trust it."
        )


def _header(path: Path, text: str | None) -> Any:  # noqa: ANN401 - JSON
    if text is None:
        return None
    try:
        if len(text) > MOST_HEADER_LETTERS:
            raise ValueError(f"it has {len(text)} letters")
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"The description inside {path.name} is damaged ({error}): fetch or train it again."
        ) from error
