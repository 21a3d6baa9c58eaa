"""Which model a name means: the built-in one, one of the user's own, a file, or one of timm.

Imports nothing slow, so that the window can list names before torch is loaded.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from pathlib import Path
from typing import Final

import platformdirs

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import user_folder

BUNDLED_NAME: Final = "bundled"
ENDING: Final = ".safetensors"

_ELSEWHERE = ("timm:", "hf-hub:")
_NAME = re.compile(r"\w(?:[\w .()+-]{0,78}[\w)+-])?")
# On Windows these are devices, whatever ending follows.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def models_folder() -> Path:
    """Return the folder of the user's models; VSLP_MODELS names another one."""
    usual = platformdirs.user_data_path("napari-vslp", appauthor=False) / "models"
    return user_folder("VSLP_MODELS", usual)


def library_names() -> list[str]:
    """Return the names of the user's models in alphabetical order; no file is opened.

    Raises
    ------
    VslpError
        If the folder is there but cannot be read.
    """
    folder = models_folder()
    try:
        found = [path for path in folder.iterdir() if path.suffix == ENDING and _is_file(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise VslpError(
            f"The folder of models “{folder}” cannot be read ({error.strerror}): change its "
            "permissions, or name another folder in VSLP_MODELS."
        ) from error
    return sorted((path.stem for path in found if is_name(path.stem)), key=str.casefold)


def is_name(text: str) -> bool:
    """Return whether a model may be called so: a file name that is good on every system."""
    usual = _NAME.fullmatch(text) is not None and _DEVICES.fullmatch(text) is None
    return usual and text.casefold() != BUNDLED_NAME


def checked_name(text: str) -> str:
    """Return a name for a model without its ending, in the one way that accents can be coded.

    Raises
    ------
    VslpError
        If it cannot be a model's name.
    """
    name = unicodedata.normalize("NFC", text.strip()).removesuffix(ENDING)
    if name.casefold() == BUNDLED_NAME:
        raise VslpError("“bundled” is the built-in model: give yours another name.")
    if not is_name(name):
        raise VslpError(
            f"“{name}” cannot be a model's name: use up to 80 letters, digits, spaces, points, "
            "hyphens and brackets, with a letter or digit first."
        )
    return name


def library_file(name: str) -> Path | None:
    """Return the file of one of the user's models, or None if no model has that name."""
    if not is_name(name):
        return None
    path = models_folder() / f"{name}{ENDING}"
    return path if _is_file(path) else None


def resolve_model(spec: str | Path) -> str:
    """Return where a model is to be loaded from.

    A name of the library wins over a file of that name without an ending: what a name means shall
    not depend on the folder in which the program was started.

    Parameters
    ----------
    spec : str or Path
        ``"bundled"``, a name of the library, a path, ``"timm:…"`` or ``"hf-hub:…"``.

    Returns
    -------
    str
        The path of the library's file; everything else comes back as it was.

    Raises
    ------
    VslpError
        If there is no such model and no such file; the sentence lists the names there are.
    """
    spec = str(spec)
    if spec == BUNDLED_NAME or spec.startswith(_ELSEWHERE):
        return spec
    found = library_file(spec)
    if found is not None:
        return str(found)
    if not _exists(spec):
        raise VslpError(
            f"There is no readable model file at {spec} and no model of that name: choose one of "
            f"{', '.join([BUNDLED_NAME, *library_names()])}, or correct the path."
        )
    return spec


def model_fingerprint(spec: str | Path) -> tuple[int, int] | None:
    """Tell a model's file from one that replaces it, without opening it.

    Parameters
    ----------
    spec : str or Path
        As in `resolve_model`.

    Returns
    -------
    tuple of int or None
        When the file was written (ns) and its size (bytes); None where there is no file of the
        user's, so that nobody replaces it.
    """
    spec = str(spec)
    if spec == BUNDLED_NAME or spec.startswith("hf-hub:"):
        return None
    if spec.startswith("timm:"):
        path = Path(spec.partition("@")[2])
    else:
        path = library_file(spec) or Path(spec)
    try:
        status = path.expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return None
    return (status.st_mtime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # In a folder that may not be read, which `library_names` says in a sentence.
        return False


def _exists(spec: str) -> bool:
    try:
        return Path(spec).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        # A name that is too long, holds a zero byte, or begins with an unknown user's ~.
        return False
