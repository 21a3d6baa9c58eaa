"""The library of trained models: one file each in the user's data folder, known by its name."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.model_entries import ModelEntry, find_model, list_models
from napari_vslp.encoders.model_names import (
    BUNDLED_NAME,
    ENDING,
    checked_name,
    library_file,
    library_names,
    models_folder,
    resolve_model,
)

__all__ = [
    "ModelEntry",
    "add_model",
    "check_model",
    "find_model",
    "list_models",
    "models_folder",
    "remove_model",
    "resolve_model",
]

_SIDE = 64


def check_model(spec: str) -> ModelEntry:
    """Load a model and show it an image of 64 × 64 px.

    Parameters
    ----------
    spec : str
        As in `find_model`.

    Returns
    -------
    ModelEntry
        A model that can be used.

    Raises
    ------
    VslpError
        If there is no such model, its file is damaged, or it gives no finite numbers.
    """
    import torch

    from napari_vslp.encoders.encoder import load_encoder

    entry = find_model(spec)
    encoder = load_encoder(str(entry.path.absolute()), "cpu")
    side = -(-_SIDE // encoder.multiple) * encoder.multiple
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    seen = encoder.encode(noise)
    given = (seen.features, seen.probabilities)
    if not all(numbers is not None and bool(numbers.isfinite().all()) for numbers in given):
        raise VslpError(
            f"The model “{entry.name}” answers with numbers that are not finite: its training "
            "failed, so train it again or fetch it again."
        )
    return entry


def add_model(path: str | Path, name: str | None = None, replace: bool = False) -> ModelEntry:
    """Check a file as `check_model` does and copy it into the library, whole or not at all.

    Parameters
    ----------
    path : str or Path
        A file written by `weights.save_model`.
    name : str, optional
        What to call it; by default as the file.
    replace : bool
        Whether a model that has the name already gives way.

    Returns
    -------
    ModelEntry
        The copy.

    Raises
    ------
    VslpError
        If the file cannot be used, the name cannot be one or is taken, or the folder cannot be
        written.
    """
    source = Path(path).expanduser().absolute()
    chosen = checked_name(source.stem if name is None else name)
    if library_file(chosen) is not None and not replace:
        raise VslpError(
            f"There is already a model called “{chosen}”: choose another name, or ask for it to be "
            "replaced."
        )
    check_model(str(source))
    folder = models_folder()
    partial = folder / f".{uuid.uuid4().hex}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, partial)
            partial.replace(folder / f"{chosen}{ENDING}")
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise VslpError(
            f"The model cannot be copied to “{folder}” ({error.strerror or error}): make room "
            "there or name another folder in VSLP_MODELS."
        ) from error
    return find_model(chosen)


def remove_model(name: str) -> None:
    """Delete one of the user's models.

    Raises
    ------
    VslpError
        If it is the built-in one, there is none of that name, or it cannot be deleted.
    """
    if name == BUNDLED_NAME:
        raise VslpError("The built-in model is part of napari-vslp and cannot be removed.")
    path = library_file(name)
    if path is None:
        names = ", ".join(library_names()) or "none"
        raise VslpError(f"No model of yours is called “{name}”: there is {names}.")
    try:
        path.unlink()
    except OSError as error:
        raise VslpError(
            f"“{path}” cannot be deleted ({error.strerror}): close what uses it, or change its "
            "permissions."
        ) from error
