"""Options: each is described once, on its field, and everything else is made from that.

From an `Option` come the control in the dock (`qt.parts.form`), the flag of the command line
(`cli.flags`), the check of what was given, the row in docs/options.md and the part of a cache key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from napari_vslp.core.errors import VslpError
from napari_vslp.core.registry import Registry

Group = Literal["fusing", "reading", "running"]


@dataclass(frozen=True)
class Option:
    """What an option is to whoever sets it.

    Attributes
    ----------
    label
        In the dock.
    tip
        What it does, for the dock's tooltip and the table in the docs.
    subject
        Of a sentence that refuses a value, if not `label`.
    flag
        Of the command line, such as ``"--smoothness"``; a switch that is on by default has the
        flag that turns it off (``"--no-edges"``). Empty: the command line does not offer it.
    help
        On the command line, if not `tip`.
    low, high
        Smallest and largest number allowed.
    open_below
        Whether `low` itself is refused.
    choices
        Value → what the dock calls it, or the registry whose members' names are the values; None
        where any value may be.
    words
        Words that are allowed beside numbers, such as ``("auto",)``.
    group
        ``"reading"``: the image must be read anew; ``"fusing"``: a new solve is enough;
        ``"running"``: the same result in another way.
    live
        Whether Live follows a change of it.
    dock
        Whether the dock shows it.
    control
        Name of a control of its own in the dock, where a plain one will not do.
    metavar
        Stands for the value on the command line.
    needs
        Names of the field and its values without which this option does nothing.
    parse
        Reads the text of the command line, where the type of the default will not do.
    """

    label: str
    tip: str
    subject: str = ""
    flag: str = ""
    help: str = ""
    low: float | None = None
    high: float | None = None
    open_below: bool = False
    choices: Mapping[Any, str] | Registry[Any] | None = None
    words: tuple[str, ...] = ()
    group: Group = "fusing"
    live: bool = True
    dock: bool = True
    control: str = ""
    metavar: str = ""
    needs: tuple[str, tuple[Any, ...]] | None = None
    parse: Callable[[str], Any] | None = None

    def values(self) -> tuple[Any, ...]:
        """Return what may be chosen; nothing is imported for it."""
        if isinstance(self.choices, Registry):
            return self.choices.names()
        return tuple(self.choices or ())

    def titles(self) -> dict[Any, str]:
        """Return what may be chosen, with what the dock calls it."""
        if isinstance(self.choices, Registry):
            return {name: self.choices.title(name) for name in self.choices.names()}
        return dict(self.choices or {})


def option(default: Any, label: str, tip: str, **more: Any) -> Any:  # noqa: ANN401 - as `field`
    """Return a dataclass field that carries an `Option`.

    Parameters
    ----------
    default
        Its value if nobody sets it.
    label, tip, **more
        As in `Option`.
    """
    return field(default=default, metadata={"option": Option(label, tip, **more)})


def options_of(cls: type) -> Iterator[tuple[Field[Any], Option]]:
    """Return the fields of a dataclass of options, each with its `Option`."""
    for one in fields(cls):
        described = one.metadata.get("option")
        if described is not None:
            yield one, described


def check_options(options: Any) -> None:  # noqa: ANN401 - any dataclass of options
    """Raise `VslpError`, with one sentence, if an option has a value that cannot be meant."""
    kinds = get_type_hints(type(options))
    for one, described in options_of(type(options)):
        _check(getattr(options, one.name), one, described, kinds[one.name])


def key_of(options: Any, group: Group | None = None) -> tuple[tuple[str, Any], ...]:  # noqa: ANN401
    """Return names and values of the options (of one group), as the part of a cache key."""
    return tuple(
        (one.name, getattr(options, one.name))
        for one, described in options_of(type(options))
        if group is None or described.group == group
    )


def _check(value: Any, one: Field[Any], described: Option, kind: Any) -> None:  # noqa: ANN401
    label = described.subject or described.label
    if described.choices is not None:
        if value not in described.values():
            known = ", ".join(map(str, described.values()))
            raise VslpError(f"{label} must be one of {known}, not “{value}”.")
    elif isinstance(value, str) and described.words:
        if value not in described.words:
            words = " or ".join(described.words)
            raise VslpError(f"{label} must be a number or {words}, not “{value}”.")
    elif _is_switch(one):
        if not isinstance(value, bool):
            raise VslpError(f"{label} is either on or off (True or False), not “{value}”.")
    elif described.low is not None or described.high is not None:
        _check_number(value, one, described, whole=_allows_whole_only(kind))
    elif isinstance(one.default, str) and (not isinstance(value, str) or not value.strip()):
        raise VslpError(f"{label} must have a value, such as “{one.default}”.")


def _check_number(value: Any, one: Field[Any], described: Option, *, whole: bool) -> None:  # noqa: ANN401
    low = -math.inf if described.low is None else described.low
    high = math.inf if described.high is None else described.high
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    fits = low <= number <= high and not (described.open_below and number == low)
    if fits and math.isfinite(number) and (not whole or number == int(number)):
        return
    subject = described.subject or described.label
    what = "be a whole number" if whole else "lie"
    above = "above" if described.open_below else "of at least" if whole else "at or above"
    span = f"between {low:g} and {high:g}" if high < math.inf else f"{above} {low:g}"
    raise VslpError(f"{subject} must {what} {span}; {one.default:g} is a good start.")


def _is_switch(one: Field[Any]) -> bool:
    return isinstance(one.default, bool)


def _allows_whole_only(kind: Any) -> bool:  # noqa: ANN401
    kinds = get_args(kind) if get_origin(kind) is not None else (kind,)
    return int in kinds and float not in kinds


def flag_of(one: Field[Any], described: Option, prefix: str = "") -> str:
    """Return an option's flag on the command line; empty if it has none.

    Parameters
    ----------
    one, described
        A field of a dataclass of options, and its `Option`.
    prefix
        Comes before the flag's own name, such as the name of the member the options belong to.

    Returns
    -------
    str
        Such as ``"--seed"``, ``"--toy-seed"`` or, for a switch that is on, ``"--no-toy-edges"``.
    """
    name = described.flag.removeprefix("--")
    turns_off = one.default is True
    name = name.removeprefix("no-") if turns_off else name
    name = f"{prefix}-{name}" if prefix and name else name
    return f"--no-{name}" if name and turns_off else f"--{name}" if name else ""


def as_flags(options: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - a dataclass of options
    """Return the flags that set these options on a command line, but for those at their default.

    `napari_vslp.cli.flags.read_flags` reads the same options from them.
    """
    flags = []
    for one, described in options_of(type(options)):
        value, flag = getattr(options, one.name), flag_of(one, described, prefix)
        if not flag or value == one.default or value is None:
            continue
        if isinstance(value, bool):
            flags.append(flag)
        else:
            parts = value if isinstance(value, tuple) else (value,)
            # With “=”, a value that begins with a hyphen is no flag.
            flags.append(f"{flag}={','.join(map(str, parts))}")
    return flags
