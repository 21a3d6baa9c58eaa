"""Session files of earlier versions, brought to the present one a version at a time.

| version | what it is |
|---|---|
| 0 | a ``summary.json`` by itself: the inputs of one result and its numbers, no arrays |
| 1 | a zip of ``session.json`` and arrays: all steps, with the numbers of their results |

Whoever changes what `session_file` writes raises `VERSION`, adds a function here that makes a file
of the version before into one of the new one, and keeps a file of the old version in
``tests/core/saved/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

VERSION = 1
FORMAT = "napari-vslp session"

Told = dict[str, Any]


def migrated(told: Mapping[str, Any], version: int) -> Told:
    """Return the JSON of a session of an earlier version as one of the present version.

    Raises
    ------
    LookupError, TypeError, ValueError
        If it is not what that version wrote.
    """
    present = dict(told)
    for old in range(version, VERSION):
        present = MIGRATIONS[old](present)
    return present


def _from_summary(told: Told) -> Told:
    """Make the summary of one result a session of one step."""
    inputs = told["inputs"]
    image = inputs.get("image", {})
    result = {
        "inputs": inputs,
        "labels_sha256": str(told.get("labels_sha256", "")),
        "versions": dict(told.get("versions", {})),
        "weights": str(told.get("weights", "")),
        "arrays": False,
    }
    return {
        "format": FORMAT,
        "version": 1,
        "signed": "",
        "image": {"sha256": image.get("sha256", ""), "region": inputs.get("region")},
        "now": 0,
        "steps": [{"title": "", "inputs": inputs, "result": 0}],
        "results": [result],
    }


MIGRATIONS: dict[int, Callable[[Told], Told]] = {0: _from_summary}
