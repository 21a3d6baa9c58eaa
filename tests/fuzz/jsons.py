"""JSON values, and changes of one value somewhere in a large one."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st


class _Nothing:
    """The value is taken out."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING = _Nothing()
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([2**31, -(2**63), 10**40, 1e308, 0.5, -0.0, float("nan"), float("inf")]),
    st.text(max_size=6),
    st.sampled_from(["", "0", "../..", "/dev/zero", "a\nb", "\x1b[31m", "x" * 4000, "nan"]),
    st.sampled_from([[], {}, [[]], [1, 2], {"a": 1}, [None], ["gland"], [[0] * 3] * 2]),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where all values within a JSON value are."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = [at] if at else []
    for key, one in inner:
        found += places(one, (*at, key))
    return found


def changed(value: Any, at: tuple[Any, ...], to: Any) -> Any:
    """Return a copy with the value at a place replaced or taken out."""
    whole = copy.deepcopy(value)
    inner = whole
    for key in at[:-1]:
        inner = inner[key]
    if to is NOTHING:
        del inner[at[-1]]
    else:
        inner[at[-1]] = to
    return whole


def apply(value: Any, made: list[tuple[tuple[Any, ...], Any]]) -> Any:
    """Return a value after changes; one of a place that is gone is left out."""
    for at, to in made:
        try:
            value = changed(value, at, to)
        except (KeyError, IndexError, TypeError):
            continue
    return value
