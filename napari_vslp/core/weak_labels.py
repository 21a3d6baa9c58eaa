"""Weak labels as people write them in Python: strings, numbers, pairs, mappings, data frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import (
    Click,
    Tissue,
    coloured,
    parse_click,
    parse_tissue,
    same_spelling,
)

Share = str | SupportsFloat | Sequence[float] | None
TissuesLike = Mapping[str, Share] | Iterable[Tissue | str | tuple[str, Share]]
ClicksLike = (
    Mapping[str, Sequence[tuple[float, float]]]
    | Iterable[Click | str | tuple[str, float, float]]
    | None
)


def as_tissues(tissues: TissuesLike) -> tuple[Tissue, ...]:
    """Return a table of tissues from any of the forms people write.

    Parameters
    ----------
    tissues
        `Tissue` objects; strings such as ``"gland=60±5"`` (per cent); or a mapping, a pandas Series
        or a list of pairs from name to ``"60±5"`` (per cent), a number of any library, an interval
        ``(lo, hi)`` or None for unknown. Numbers are fractions if none of them exceeds 1, and per
        cent otherwise.

    Raises
    ------
    VslpError
        If one of them cannot be read.
    """
    given = _items(tissues, "tissues")
    pairs = [one for one in given if not isinstance(one, Tissue | str)]
    scale = _scale([share for _, share in map(_pair, pairs)])
    made = [_tissue(one, scale) for one in given]
    # A `Tissue` brings its own colour; all others get the palette's.
    return tuple(
        old if isinstance(one, Tissue) else new
        for one, old, new in zip(given, made, coloured(made), strict=True)
    )


def as_clicks(clicks: ClicksLike) -> tuple[Click, ...]:
    """Return clicks from `Click` objects, ``"gland:120,64"``, ``("gland", 120, 64)`` or a mapping.

    A mapping goes from tissue to a sequence of (row, column), px. Positions between pixels are
    rounded to the nearest one, as in the window.

    Raises
    ------
    VslpError
        If one of them cannot be read.
    """
    if clicks is None:
        return ()
    if isinstance(clicks, Mapping):
        return tuple(
            _click(name, at) for name, every in clicks.items() for at in _items(every, "clicks")
        )
    return tuple(_from_click(click) for click in _items(clicks, "clicks"))


def _items(given: Any, what: str) -> list[Any]:  # noqa: ANN401 - as people write it
    """Return what can be iterated as a list; the pairs of a mapping or a pandas Series."""
    try:
        if isinstance(given, str | bytes):
            raise TypeError
        # A Series has items() like a mapping; a data frame has too, but of columns.
        items = getattr(given, "items", None)
        if items is not None and not hasattr(given, "columns"):
            return list(items())
        if hasattr(given, "columns"):
            raise TypeError
        return list(given)
    except TypeError as error:
        forms = {
            "tissues": 'a list such as ["gland=60±5", "other=40"] or {"gland": "60±5"}',
            "clicks": 'a list such as [("gland", 120, 64)]',
        }
        raise VslpError(
            f"A {type(given).__name__} gives no {what}: write {forms[what]}."
        ) from error


def _pair(one: Any) -> tuple[str, Any]:  # noqa: ANN401
    try:
        name, share = one
    except (TypeError, ValueError) as error:
        raise VslpError(f"“{one}” is not a tissue with its share: write (name, share).") from error
    return same_spelling(str(name)), share


def _tissue(one: Any, scale: float) -> Tissue:  # noqa: ANN401
    if isinstance(one, Tissue):
        return replace(one, name=same_spelling(one.name), id=same_spelling(one.id))
    if isinstance(one, str):
        return parse_tissue(one)
    return _from_share(*_pair(one), scale)


def _from_click(click: Any) -> Click:  # noqa: ANN401
    if isinstance(click, Click):
        return _click(click.tissue, (click.row, click.column))
    if isinstance(click, str):
        return parse_click(click)
    try:
        name, *at = click
    except (TypeError, ValueError) as error:
        raise _no_click(click) from error
    # Both (name, row, column) and (name, (row, column)) are clear.
    return _click(name, at[0] if len(at) == 1 else at)


def _click(name: Any, at: Any) -> Click:  # noqa: ANN401
    try:
        row, column = (math.floor(float(side) + 0.5) for side in at)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_click((name, at)) from error
    return Click(same_spelling(str(name)), row, column)


def _no_click(given: object) -> VslpError:
    return VslpError(
        f'“{given}” is not a click: write tissue, row and column in px, such as ("gland", 120, 64).'
    )


def _number(share: Any) -> float | None:  # noqa: ANN401
    """Return a number of whatever library as a float; None for what is none."""
    if isinstance(share, str | bytes | bool):
        return None
    try:
        return float(share)
    except (TypeError, ValueError, OverflowError):
        return None


def _interval(share: Any) -> tuple[float, float] | None:  # noqa: ANN401
    if isinstance(share, str | bytes) or _number(share) is not None:
        return None
    try:
        low, high = (_number(side) for side in share)
    except (TypeError, ValueError):
        return None
    return None if low is None or high is None else (low, high)


def _scale(shares: Sequence[Any]) -> float:
    numbers: list[float] = []
    for share in shares:
        number, interval = _number(share), _interval(share)
        numbers.extend(interval or (() if number is None else (number,)))
    return 1.0 if not numbers or max(numbers) <= 1 else 100.0


def _from_share(name: str, share: Any, scale: float) -> Tissue:  # noqa: ANN401
    if share is None:
        return Tissue(name)
    if isinstance(share, str):
        return parse_tissue(share if "=" in share else f"{name}={share}")
    number = _number(share)
    if number is not None:
        return replace(Tissue(name, tolerance=0.0), value=number / scale)
    interval = _interval(share)
    if interval is None or not interval[0] <= interval[1]:
        raise VslpError(
            f"The share of {name} must be a number, (lowest, highest), a text such as “60±5”, or "
            "None if it is unknown."
        )
    low, high = interval[0] / scale, interval[1] / scale
    return Tissue(name, (low + high) / 2, (high - low) / 2)
