"""Paths as they are typed."""

from __future__ import annotations

from pathlib import Path

from napari_vslp.core.errors import VslpError


def given_path(text: str) -> Path:
    """Return a path; an empty one is a mistake, often of a script, never the current folder.

    Raises
    ------
    VslpError
        If nothing is written.
    """
    if not text.strip():
        raise VslpError("A path is empty: name a file or a folder, or “.” for the current one.")
    return Path(text)
