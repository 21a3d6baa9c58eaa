"""What a list shows of each model, read from the header of its file alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tensor_file import read_header
from napari_vslp.encoders.model_names import BUNDLED_NAME, library_names, resolve_model

if TYPE_CHECKING:
    from napari_vslp.encoders.card import ModelCard


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
    path = _path(spec)
    card, problem = None, None
    try:
        card = _read_card(path)
    except VslpError as error:
        problem = str(error)
    bundled = spec == BUNDLED_NAME
    name = BUNDLED_NAME if bundled else path.stem
    return ModelEntry(name, path, card, problem, bundled, _size(path))


def _path(spec: str) -> Path:
    if spec == BUNDLED_NAME:
        from napari_vslp.encoders.weights import BUNDLED

        return BUNDLED
    found = resolve_model(spec)
    if ":" in found and not Path(found).exists():
        raise VslpError(f"“{spec}” is not a model on this computer: give a model's name or file.")
    return Path(found).expanduser()


def _read_card(path: Path) -> ModelCard:
    from napari_vslp.encoders.card import ENTRY, card_from_json

    return card_from_json(path.name, read_header(path, ENTRY))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
