"""Flags of the command line, made from the fields of a dataclass of options, and paths as typed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import Field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import Option, check_options, flag_of, options_of


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


Options = TypeVar("Options")


def add_flags(group: argparse._ActionsContainer, cls: type, prefix: str = "") -> None:
    """Add one flag for each option that has one.

    Parameters
    ----------
    group
        A parser, or a group of it.
    cls
        A dataclass whose fields are made by `napari_vslp.core.options.option`.
    prefix
        Comes before the names of all flags, so that the options of several members differ.
    """
    kinds = get_type_hints(cls)
    for one, described in options_of(cls):
        flag = flag_of(one, described, prefix)
        if flag:
            how = _how(one, described, kinds[one.name])
            group.add_argument(flag, dest=_dest(one.name, prefix), **how)


def read_flags(cls: type[Options], namespace: argparse.Namespace, prefix: str = "") -> Options:
    """Return the options that were typed; what was not typed is at its default.

    Parameters
    ----------
    cls, prefix
        As in `add_flags`.
    namespace
        What the parser returned.

    Raises
    ------
    VslpError
        If one of them cannot be meant.
    """
    typed = {
        one.name: getattr(namespace, _dest(one.name, prefix))
        for one, _ in options_of(cls)
        if hasattr(namespace, _dest(one.name, prefix))
    }
    options = cls(**typed)
    check_options(options)
    return options


def _dest(name: str, prefix: str) -> str:
    return f"{prefix.replace('-', '_')}_{name}" if prefix else name


def _how(one: Field[Any], described: Option, kind: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the keywords of argparse's ``add_argument``."""
    said = described.help or described.tip[:1].lower() + described.tip[1:]
    how: dict[str, Any] = {"help": _escaped(said), "default": one.default}
    if isinstance(one.default, bool):
        return how | {"action": "store_false" if one.default else "store_true"}
    if one.default is not None and "default" not in said:
        how["help"] += f" (default {_escaped(_text(one.default))})"
    if described.metavar:
        how["metavar"] = described.metavar
    if described.parse is not None:
        return {"metavar": "N"} | how | {"type": described.parse}
    if described.choices is not None:
        return how | {"choices": described.values()}
    kinds = get_args(kind) or (kind,)
    number = next((one for one in (float, int) if one in kinds), None)
    if number is None:
        return how | {"type": given_path} if Path in kinds else how
    read = _number_or_word(described) if described.words else number
    return {"metavar": "N"} | how | {"type": read}


def _number_or_word(described: Option) -> Callable[[str], float | str]:
    def read(text: str) -> float | str:
        if text in described.words:
            return text
        try:
            return float(text)
        except ValueError as error:
            words = " or ".join(described.words)
            raise VslpError(
                f"{described.label} must be a number or {words}, not “{text}”."
            ) from error

    return read


def _text(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")  # which argparse would fill in
