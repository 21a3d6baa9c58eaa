"""The library of trained models: one file each in the user's data folder, known by its name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import replacing
from napari_vslp.core.files.folders import locked
from napari_vslp.encoders.model_names import (
    BUNDLED_NAME,
    ENDING,
    checked_name,
    library_file,
    library_names,
    models_folder,
    resolve_model,
)

if TYPE_CHECKING:
    from napari_vslp.encoders.weights import ModelCard

_SIDE = 64
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class ModelEntry:
    """One model as a list shows it.

    Attributes
    ----------
    name
        What to call it in `Settings.encoder`.
    path
        Its file.
    card
        What the file says of itself; None if that cannot be read.
    problem
        Why it cannot be read, in a sentence; None if it can.
    bundled
        Whether it came with napari-vslp.
    size
        Of the file (bytes).
    """

    name: str
    path: Path
    card: ModelCard | None
    problem: str | None
    bundled: bool
    size: int = 0


def list_models() -> list[ModelEntry]:
    """Return the built-in model and then the user's own; of each file only the header is read.

    Raises
    ------
    VslpError
        If the folder is there but cannot be read; a damaged file is listed with its problem.
    """
    return [find_model(name) for name in (BUNDLED_NAME, *library_names())]


def find_model(spec: str | Path) -> ModelEntry:
    """Return a model by its name or path; of its file only the header is read.

    Parameters
    ----------
    spec : str or Path
        ``"bundled"``, a name of the library or a path.

    Returns
    -------
    ModelEntry
        With a problem instead of a card, if the file is damaged.

    Raises
    ------
    VslpError
        If there is no such model.
    """
    spec = str(spec)
    from napari_vslp.encoders.weights import read_card

    path = _path(spec)
    card, problem = None, None
    try:
        card = read_card(path)
    except VslpError as error:
        problem = str(error)
    bundled = spec == BUNDLED_NAME
    name = BUNDLED_NAME if bundled else path.stem
    return ModelEntry(name, path, card, problem, bundled, _size(path))


def check_model(spec: str | Path) -> ModelEntry:
    """Load a model and show it an image of 64 × 64 px.

    Parameters
    ----------
    spec : str or Path
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
    encoder = load_encoder(entry.path.absolute(), "cpu")
    side = -(-_SIDE // encoder.multiple) * encoder.multiple
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    output = encoder.encode(noise)
    given = (output.features, output.probabilities)
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
    _check_free(chosen, replace)
    check_model(source)
    with _changing(f"{chosen} cannot be copied to") as folder:
        # Another process may have taken the name while the model was tried out.
        _check_free(chosen, replace)
        with replacing(folder / f"{chosen}{ENDING}") as partial:
            shutil.copyfile(source, partial)
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
    if library_file(name) is None:
        names = ", ".join(library_names()) or "none"
        raise VslpError(f"No model of yours is called “{name}”: there is {names}.")
    with _changing(f"{name} cannot be deleted from") as folder:
        (folder / f"{name}{ENDING}").unlink(missing_ok=True)


def _path(spec: str) -> Path:
    if spec == BUNDLED_NAME:
        from napari_vslp.encoders.weights import BUNDLED

        return BUNDLED
    found = resolve_model(spec)
    if ":" in found and not Path(found).exists():
        raise VslpError(f"“{spec}” is not a model on this computer: give a model's name or file.")
    return Path(found).expanduser()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _check_free(name: str, replace: bool) -> None:
    if library_file(name) is not None and not replace:
        raise VslpError(
            f"There is already a model called “{name}”: choose another name, or ask for it to be "
            "replaced."
        )


@contextmanager
def _changing(what: str) -> Iterator[Path]:
    """Give the folder of models to this process alone; its troubles become a sentence."""
    folder = models_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, _PATIENCE_S) as mine:
            if not mine:
                raise VslpError(
                    f"Another program is changing the models in “{folder}”: try again when it is "
                    "done."
                )
            yield folder
    except OSError as error:
        raise VslpError(
            f"The model {what} “{folder}” ({error.strerror or error}): make room there, change its "
            "permissions, or name another folder in VSLP_MODELS."
        ) from error
