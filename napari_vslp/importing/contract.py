"""What an importer is: one way to read a file, on the registry `IMPORTERS`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, Inputs, Paint
from napari_vslp.core.registries import IMPORTERS
from napari_vslp.core.tissues import Click, Tissue


@dataclass(frozen=True)
class Imported:
    """What a file says of an image: an edit, for `Session.apply`.

    Attributes
    ----------
    told
        What was found, in a sentence.
    tissues, clicks, paint, region
        Take the place of those that there are; None leaves them.
    """

    told: str
    tissues: tuple[Tissue, ...] | None = None
    clicks: tuple[Click, ...] | None = None
    paint: Paint | None = None
    region: Box | None = None
    title: str = "import a file"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with what was found."""
        found = {
            name: value
            for name in ("tissues", "clicks", "paint", "region")
            if (value := getattr(self, name)) is not None
        }
        return replace(inputs, **found)


class Importer(Protocol):
    """One way to read a file; whoever inherits from it states only what differs.

    Attributes
    ----------
    name
        As ``--import NAME:FILE`` knows it.
    title
        What the window calls it.
    suffixes
        Endings of the files that it reads.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]

    def read(self, path: Path, inputs: Inputs) -> Imported:
        """Read a file.

        Parameters
        ----------
        path
            The file.
        inputs
            What is said so far; the image's shape is known.

        Returns
        -------
        Imported
            The edit of these inputs.

        Raises
        ------
        VslpError
            With one sentence, if the file is damaged, is of another image or names a tissue that
            is not in the table.
        """
        ...


def importer_for(text: str) -> tuple[Importer, Path]:
    """Return importer and file of ``NAME:FILE``, or of a file alone, by its ending.

    Raises
    ------
    VslpError
        If nothing reads files of this ending.
    """
    name, colon, rest = text.partition(":")
    if colon and name in IMPORTERS:
        return IMPORTERS.get(name), Path(rest)
    for importer in IMPORTERS:
        if text.lower().endswith(importer.suffixes):
            return importer, Path(text)
    known = ", ".join(sorted({end for one in IMPORTERS for end in one.suffixes}))
    raise VslpError(f"“{text}” cannot be imported: name a file that ends with one of {known}.")


def count(number: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{number} {what}{'' if number == 1 else 's'}"
