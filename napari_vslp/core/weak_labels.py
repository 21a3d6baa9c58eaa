"""Weak labels as people write them in Python: strings, numbers, tuples and mappings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Click, Tissue, coloured, parse_click, parse_tissue

Share = str | float | tuple[float, float] | None
TissuesLike = Mapping[str, Share] | Sequence[Tissue | str]
ClicksLike = Mapping[str, Sequence[tuple[int, int]]] | Sequence[Click | str | tuple[str, int, int]]


def as_tissues(tissues: TissuesLike) -> tuple[Tissue, ...]:
    """Return a table of tissues from any of the forms people write.

    Parameters
    ----------
    tissues
        `Tissue` objects; strings such as ``"gland=60±5"`` (per cent); or a mapping from name to
        ``"60±5"`` (per cent), a number, an interval ``(lo, hi)`` or None for unknown. Numbers
        are fractions if none of them exceeds 1, and per cent otherwise.

    Raises
    ------
    VslpError
        If one of them cannot be read.
    """
    if isinstance(tissues, Mapping):
        scale = _scale(tissues)
        return tuple(coloured([_from_share(n, s, scale) for n, s in tissues.items()]))
    strings = coloured([parse_tissue(t) if isinstance(t, str) else t for t in tissues])
    return tuple(
        made if isinstance(given, str) else given
        for made, given in zip(strings, tissues, strict=True)
    )


def as_clicks(clicks: ClicksLike) -> tuple[Click, ...]:
    """Return clicks from `Click` objects, ``"gland:120,64"``, ``("gland", 120, 64)`` or a mapping.

    A mapping goes from tissue to a sequence of (row, column), px.
    """
    if isinstance(clicks, Mapping):
        return tuple(Click(n, int(r), int(c)) for n, at in clicks.items() for r, c in at)
    return tuple(_from_click(c) for c in clicks)


def _from_click(click: Click | str | tuple[str, int, int]) -> Click:
    if isinstance(click, Click):
        return click
    if isinstance(click, str):
        return parse_click(click)
    return Click(str(click[0]), int(click[1]), int(click[2]))


def _scale(tissues: Mapping[str, Share]) -> float:
    numbers: list[float] = []
    for share in tissues.values():
        if isinstance(share, tuple):
            numbers.extend(share)
        elif isinstance(share, int | float):
            numbers.append(share)
    return 1.0 if not numbers or max(numbers) <= 1 else 100.0


def _from_share(name: str, share: Share, scale: float) -> Tissue:
    if share is None:
        return Tissue(name)
    if isinstance(share, str):
        return parse_tissue(share if "=" in share else f"{name}={share}")
    if isinstance(share, tuple):
        if len(share) != 2 or share[0] > share[1]:
            raise VslpError(f"The interval of {name} must be (lowest, highest).")
        low, high = share[0] / scale, share[1] / scale
        return Tissue(name, (low + high) / 2, (high - low) / 2)
    return replace(Tissue(name, tolerance=0.0), value=float(share) / scale)
