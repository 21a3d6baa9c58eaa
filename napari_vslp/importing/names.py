"""Whose tissue a name in a file is; a name that is none of the table's is never guessed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Tissue, coloured, same_spelling
from napari_vslp.learning.table import key

TOLERANCE = 0.05


def tissue_of(name: str, tissues: Sequence[Tissue], path: Path) -> Tissue:
    """Return the tissue of a name, whatever its capitals.

    Raises
    ------
    VslpError
        If there is none, with the one that may be meant.
    """
    found = next((t for t in tissues if key(t.name) == key(name)), None)
    if found is not None:
        return found
    near = closest(name, [t.name for t in tissues])
    meant = (
        f"did you mean “{near}”? Rename one of them."
        if near
        else "add that tissue or rename it in the file."
    )
    known = ", ".join(t.name for t in tissues)
    raise VslpError(f"“{path.name}” names “{name}”, but the tissues are {known}: {meant}")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelt most like another one; None if none is."""
    by_key = {key(one): one for one in known}
    near = difflib.get_close_matches(key(name), by_key, n=1, cutoff=0.6)
    return by_key[near[0]] if near else None


def table_of(
    shares: Mapping[str, tuple[float | None, float | None]],
    tissues: Sequence[Tissue],
    path: Path,
) -> tuple[Tissue, ...]:
    """Return the table of tissues with the shares of a file.

    Parameters
    ----------
    shares
        Name → (share in [0, 1], half-width); None for an unknown share, and for a half-width to
        be kept. Tissues of the table that it does not name have none of the image.
    tissues
        The table. One that shares no name with the file, and none that is nearly the same, makes
        way for the file's.
    path
        The file, for sentences.

    Raises
    ------
    VslpError
        If a name is not in the table though others are, or is nearly one of them.
    """
    known = {key(t.name) for t in tissues}
    names = [t.name for t in tissues]
    foreign = not any(key(name) in known or closest(name, names) for name in shares)
    if foreign:
        made = [Tissue(same_spelling(name)) for name in shares]
        return tuple(
            _with(tissue, *given)
            for tissue, given in zip(coloured(made), shares.values(), strict=True)
        )
    said = {tissue_of(name, tissues, path).id: given for name, given in shares.items()}
    return tuple(_with(t, *said.get(t.id, (0.0, None))) for t in tissues)


def _with(tissue: Tissue, value: float | None, tolerance: float | None) -> Tissue:
    half = tolerance if tolerance is not None else tissue.tolerance
    # A number from a file is as good as a typed one; a tissue that it does not name is not there.
    typed = bool(value)
    return replace(tissue, value=value, tolerance=half, locked=False, typed=typed, remembered=None)
