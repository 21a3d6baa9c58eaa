"""What an exporter is: one kind of output of a segmentation, on the registry `EXPORTERS`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import Segmentation

RGB = NDArray[np.uint8]


@dataclass(frozen=True)
class NoOptions:
    """The options of an exporter that has none."""


class Exporter(Protocol):
    """One kind of output; whoever inherits from it states only what differs.

    Attributes
    ----------
    name
        As ``--write`` knows it; with an ending, also the name of its file among the results.
    title
        What the window calls it.
    suffixes
        Endings of its file, the first one by default; none if it writes several files to a
        folder.
    layer_types
        napari's types of the layers it can be made from, such as ``("labels",)``; none if it
        needs a result.
    folder
        Whether what it writes under its name is a folder, such as an OME-Zarr.
    default
        Whether it is written unless told otherwise.
    Options
        A dataclass of `core.options`.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    layer_types: tuple[str, ...] = ()
    folder: bool = False
    default: bool = False
    Options: type[Any] = NoOptions

    def files(self) -> Sequence[str]:
        """Return the names that it may write in a folder of results."""
        named = self.name.endswith(self.suffixes)
        return (self.name if named else self.name + self.suffixes[0],)

    def write(
        self,
        result: Segmentation,
        image: RGB,
        path: Path,
        options: Any,  # noqa: ANN401 - of its own class
    ) -> list[Path]:
        """Write the output.

        Parameters
        ----------
        result
            What `napari_vslp.segment` returned.
        image
            (h, w, 3) uint8, the region that was segmented.
        path
            The file; the folder if there are no `suffixes`.
        options
            An instance of `Options`.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        ...
