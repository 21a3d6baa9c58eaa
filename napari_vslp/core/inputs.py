"""Everything that was said about one image: the one state that is edited, undone and saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue, check_clicks, check_tissues

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class ImageReference:
    """Which image is meant.

    Attributes
    ----------
    name
        What its layer or file is called.
    path
        Its file; empty for an array.
    sha256
        Of the RGB pixels that were segmented; empty until they were read.
    shape
        Height and width (px).
    level
        Of a pyramid; 0 is the finest.
    pixel_size_um
        Height and width of a pixel (µm); None if unknown.
    """

    name: str = ""
    path: str = ""
    sha256: str = ""
    shape: tuple[int, int] = (0, 0)
    level: int = 0
    pixel_size_um: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Paint:
    """Pixels painted with tissues, held as the box around them.

    Attributes
    ----------
    shape
        Height and width of the whole image (px).
    box
        Top, left, bottom, right (px) of what is painted.
    codes
        (bottom − top, right − left) uint8, read-only: 0 free, s + 1 painted with `owners[s]`.
    owners
        Ids of tissues. A place in it is never given to another tissue, so that undo needs no
        renumbering.
    """

    shape: tuple[int, int]
    box: Box
    codes: NDArray[np.uint8]
    owners: tuple[str, ...]

    @classmethod
    def of(
        cls,
        painted: NDArray[np.integer],
        owners: Sequence[str],
        shape: tuple[int, int] | None = None,
    ) -> Paint | None:
        """Return the paint of a whole image (H, W), or None if nothing is painted.

        Parameters
        ----------
        painted
            (H, W) integers: 0 free, s + 1 painted with `owners[s]`.
        owners
            Ids of tissues.
        shape
            Height and width that the image has (px), to be checked.

        Raises
        ------
        VslpError
            If a pixel is painted with a tissue that is not there, or the sizes differ.
        """
        whole = np.asarray(painted)
        if whole.dtype.kind not in "bui":
            raise VslpError(
                f"The painted corrections are of type {whole.dtype}: give whole numbers, 0 for "
                "free pixels."
            )
        if whole.ndim != 2 or (shape is not None and whole.shape != shape):
            raise VslpError(
                f"The painted corrections are {_size(whole.shape)}, the image "
                f"{_size(shape or ())}: paint on a layer of the image's size."
            )
        if whole.size and not 0 <= int(whole.min()) <= int(whole.max()) <= len(owners):
            raise VslpError("Some pixels are painted with a tissue that is no longer in the table.")
        rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
        if not rows.size:
            return None
        box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        codes = np.array(whole[box[0] : box[2], box[1] : box[3]], np.uint8)
        codes.flags.writeable = False
        return cls((int(whole.shape[0]), int(whole.shape[1])), box, codes, tuple(owners))

    def whole(self) -> NDArray[np.uint8]:
        """Return the codes of the whole image, (H, W) uint8."""
        painted = np.zeros(self.shape, np.uint8)
        top, left, bottom, right = self.box
        painted[top:bottom, left:right] = self.codes
        return painted

    def by_position(self, tissues: Sequence[Tissue]) -> NDArray[np.uint8]:
        """Return (H, W) uint8: 0 free, i + 1 painted with `tissues[i]`."""
        place = {tissue.id: index + 1 for index, tissue in enumerate(tissues)}
        table = np.array([0, *(place.get(owner, 0) for owner in self.owners)], np.uint8)
        painted: NDArray[np.uint8] = table[self.whole()]
        return painted

    def without(self, tissue: str) -> Paint | None:
        """Return the paint with the pixels of one tissue free again; None if none is left."""
        if tissue not in self.owners:
            return self
        painted = self.whole()
        painted[painted == self.owners.index(tissue) + 1] = 0
        return Paint.of(painted, self.owners)

    @cached_property
    def _identity(self) -> tuple[object, ...]:
        return self.shape, self.box, self.codes.tobytes(), self.owners

    def __eq__(self, other: object) -> bool:
        """Return whether the same pixels are painted with the same tissues."""
        return isinstance(other, Paint) and self._identity == other._identity

    def __hash__(self) -> int:
        """Return the hash of what is painted."""
        return hash(self._identity)


@dataclass(frozen=True)
class Inputs:
    """What was said about one image; it never changes, edits make another one.

    Attributes
    ----------
    image
        Which image is meant.
    tissues
        With ids, proportions and colours.
    clicks
        By tissue id, in pixels of the whole image.
    paint
        Pixels that keep their tissue; None if none is painted.
    region
        Top, left, bottom, right (px) of what is segmented; None for the whole image.
    options
        Of this image.
    """

    image: ImageReference = field(default_factory=ImageReference)
    tissues: tuple[Tissue, ...] = ()
    clicks: tuple[Click, ...] = ()
    paint: Paint | None = None
    region: Box | None = None
    options: Settings = field(default_factory=Settings)

    @property
    def pixel_size_um(self) -> tuple[float, float] | None:
        """Height and width of a pixel (µm); None if unknown."""
        return self.image.pixel_size_um

    def tissue(self, tissue: str) -> Tissue | None:
        """Return the tissue of an id, or None."""
        return next((t for t in self.tissues if t.id == tissue), None)

    @property
    def solved_by(self) -> tuple[object, ...]:
        """What a result belongs to: all but names, colours, locks and µm, which only dress it."""
        table = tuple((t.id, t.value, t.interval) for t in self.tissues)
        where = (self.image.shape, self.image.level)
        return table, self.clicks, self.paint, self.region, where, self.options

    def check(self) -> None:
        """Raise `VslpError`, with one sentence, if these inputs cannot be segmented."""
        check_tissues(self.tissues, self.options.trust)
        check_clicks(self.clicks, self.tissues, self.image.shape)
        if self.paint is not None and self.paint.shape != self.image.shape:
            raise VslpError(
                f"The painted corrections are {_size(self.paint.shape)}, the image "
                f"{_size(self.image.shape)}: paint on a layer of the image's size."
            )


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) + " px"
