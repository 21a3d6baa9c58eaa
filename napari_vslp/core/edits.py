"""The edits of `Inputs`: each is a small value that makes new inputs from old ones.

An edit has a title, for “Undo …”, and is applied by `Session.apply` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from napari_vslp.core import sliders
from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, Inputs, Paint
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue


class Edit(Protocol):
    """What `Session.apply` takes."""

    @property
    def title(self) -> str:
        """What was done, in a word or two: “move a share”."""

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs after the edit; the same ones where it changes nothing."""


def place_of(inputs: Inputs, tissue: str) -> int | None:
    """Return the row of the tissue of this id, or None if it is gone."""
    return next((i for i, t in enumerate(inputs.tissues) if t.id == tissue), None)


@dataclass(frozen=True)
class _OfTissue:
    """What edits of one row of the table share."""

    tissue: str

    def _on(
        self, inputs: Inputs, change: Callable[[Sequence[Tissue], int], Sequence[Tissue]]
    ) -> Inputs:
        index = place_of(inputs, self.tissue)
        if index is None:
            return inputs
        return replace(inputs, tissues=tuple(change(inputs.tissues, index)))


@dataclass(frozen=True)
class SetShare(_OfTissue):
    """Move one slider; the unlocked others share the change.

    Attributes
    ----------
    value
        In [0, 1].
    """

    value: float
    title: str = "move a share"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the share moved."""
        return self._on(inputs, lambda table, i: sliders.moved(table, i, self.value))


@dataclass(frozen=True)
class TypeShare(_OfTissue):
    """Set a share as it was typed: it stays, and only what nobody typed gives way.

    Attributes
    ----------
    value
        In [0, 1].
    """

    value: float
    title: str = "type a share"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the share typed."""
        return self._on(inputs, lambda table, i: sliders.typed(table, i, self.value))


@dataclass(frozen=True)
class ScaleShares:
    """Scale the shares so that they add up to 100 %."""

    title: str = "scale to 100 %"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the shares scaled."""
        return replace(inputs, tissues=tuple(sliders.scaled(inputs.tissues)))


@dataclass(frozen=True)
class SetUnknown(_OfTissue):
    """Let a share be unknown, or known again."""

    unknown: bool
    title: str = "change what is known"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the share unknown or known."""
        return self._on(inputs, lambda table, i: sliders.with_unknown(table, i, self.unknown))


@dataclass(frozen=True)
class EditTissue(_OfTissue):
    """Give a tissue another name, colour, tolerance or lock.

    Attributes
    ----------
    changes
        (field of `Tissue`, value) pairs.

    Raises
    ------
    VslpError
        If another tissue has the new name already.
    """

    changes: tuple[tuple[str, Any], ...]
    title: str = "change a tissue"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the tissue changed."""

        def change(table: Sequence[Tissue], index: int) -> Sequence[Tissue]:
            changes = dict(self.changes)
            if table[index].value == 0 and "tolerance" in changes:
                changes["typed"] = True  # 0 ± 5 means 0 to 5
            changed = replace(table[index], **changes)
            names = {t.name.strip().casefold() for i, t in enumerate(table) if i != index}
            if changed.name != table[index].name and changed.name.strip().casefold() in names:
                raise VslpError(
                    f"There is already a tissue called “{changed.name}”: type another name."
                )
            return [changed if i == index else t for i, t in enumerate(table)]

        return self._on(inputs, change)


@dataclass(frozen=True)
class AddTissue:
    """Append a tissue that takes its share from the unlocked ones."""

    name: str = "new tissue"
    title: str = "add a tissue"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with one more tissue, of an id that nothing refers to."""
        table = sliders.added(inputs.tissues, self.name)
        taken = {t.id for t in inputs.tissues} | {c.tissue for c in inputs.clicks}
        taken |= set(inputs.paint.owners) if inputs.paint is not None else set()
        fresh = replace(table[-1], id=sliders.free_name(taken, table[-1].name))
        return replace(inputs, tissues=(*table[:-1], fresh))


@dataclass(frozen=True)
class RemoveTissue(_OfTissue):
    """Drop a tissue with its clicks and paint; its share goes to the others."""

    title: str = "remove a tissue"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs without the tissue."""
        return _without_strays(self._on(inputs, sliders.removed))


@dataclass(frozen=True)
class ReplaceTissues:
    """Put another table in place of this one; clicks and paint stay with tissues of one name."""

    tissues: tuple[Tissue, ...]
    title: str = "replace the table"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the other table."""
        before = {t.name.strip().casefold(): t.id for t in inputs.tissues}
        same = [before.get(t.name.strip().casefold(), "") for t in self.tissues]
        taken = {t.id for t in inputs.tissues}  # a renamed tissue's first name is no free id
        table = []
        for tissue, old in zip(self.tissues, same, strict=True):
            fresh = old or sliders.free_name(taken, tissue.id)
            taken.add(fresh)
            table.append(replace(tissue, id=fresh))
        return _without_strays(replace(inputs, tissues=tuple(table)))


@dataclass(frozen=True)
class SetClicks:
    """Set all clicks, as their layer holds them."""

    clicks: tuple[Click, ...]
    title: str = "change the clicks"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with these clicks, but for those of no tissue."""
        return _without_strays(replace(inputs, clicks=self.clicks))


@dataclass(frozen=True)
class PlaceClick:
    """Mark one pixel as a tissue, instead of what it was marked as before."""

    click: Click
    title: str = "set a click"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with the click."""
        at = (self.click.row, self.click.column)
        others = tuple(c for c in inputs.clicks if (c.row, c.column) != at)
        return _without_strays(replace(inputs, clicks=(*others, self.click)))


@dataclass(frozen=True)
class SetPaint:
    """Set what is painted, as its layer holds it."""

    paint: Paint | None
    title: str = "paint"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with this paint."""
        return _without_strays(replace(inputs, paint=self.paint))


@dataclass(frozen=True)
class SetRegion:
    """Choose what is segmented: top, left, bottom, right (px), or None for the whole image."""

    region: Box | None
    title: str = "choose the region"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with this region."""
        return replace(inputs, region=self.region)


@dataclass(frozen=True)
class SetPixelSize:
    """Say how large a pixel is: height and width (µm), or None for unknown."""

    pixel_size_um: tuple[float, float] | None
    title: str = "change the pixel size"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with this pixel size."""
        return replace(inputs, image=replace(inputs.image, pixel_size_um=self.pixel_size_um))


@dataclass(frozen=True)
class SetOptions:
    """Set the options of the image."""

    options: Settings
    title: str = "change a setting"

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the inputs with these options."""
        return replace(inputs, options=self.options)


def _without_strays(inputs: Inputs) -> Inputs:
    """Drop clicks and paint of tissues that are not in the table."""
    ids = {t.id for t in inputs.tissues}
    clicks = tuple(c for c in inputs.clicks if c.tissue in ids)
    paint = inputs.paint
    for owner in paint.owners if paint is not None else ():
        if paint is not None and owner not in ids:
            paint = paint.without(owner)
    return replace(inputs, clicks=clicks, paint=paint)
