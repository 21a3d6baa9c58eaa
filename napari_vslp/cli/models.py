"""``napari-vslp models``: the library of trained models, listed, filled, checked and thinned."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.flags import given_path
from napari_vslp.core.errors import VslpError

if TYPE_CHECKING:
    from napari_vslp.encoders.library import ModelEntry

_WIDEST = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands; imports nothing slow."""
    parser.description = (
        "List the models that tell tissues apart, or change your own. They lie in the user's data "
        "folder, or in the one that VSLP_MODELS names."
    )
    _add_json(parser)
    parser.set_defaults(run=run, act=_list)
    actions = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_json(_action(actions, "list", "the same as no command", _list))
    add = _action(actions, "add", "check a file and copy it into the library", _add)
    add.add_argument(
        "file", type=given_path, metavar="FILE", help="a .safetensors file of napari-vslp"
    )
    add.add_argument("--name", metavar="N", help="what to call it (default: as the file)")
    add.add_argument("--replace", action="store_true", help="in the place of one of that name")
    check = _action(actions, "check", "load models and try them", _check)
    check.add_argument("names", nargs="*", metavar="NAME", help="names or files (default: all)")
    remove = _action(actions, "remove", "delete one of your models", _remove)
    remove.add_argument("name", metavar="NAME")
    show = _action(actions, "show", "all that a model says of itself", _show)
    show.add_argument("name", metavar="NAME", help="a name or a file")
    _add_json(show)


def _action(actions: Any, name: str, meaning: str, act: object) -> argparse.ArgumentParser:  # noqa: ANN401
    parser: argparse.ArgumentParser = actions.add_parser(name, help=meaning)
    parser.description = f"{meaning[:1].upper()}{meaning[1:]}."
    parser.set_defaults(act=act)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    # Suppressed, because a command's own default would undo what was typed before the command.
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print it as JSON"
    )


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked of the library.

    Raises
    ------
    VslpError
        If a model is not there, cannot be used or cannot be written.
    """
    arguments.act(arguments)


def _list(arguments: argparse.Namespace) -> None:
    from napari_vslp.cli.terminal import say
    from napari_vslp.encoders.library import list_models
    from napari_vslp.encoders.model_names import models_folder

    entries = list_models()
    if _wants_json(arguments):
        _print_json([_as_json(entry) for entry in entries])
        return
    rows = [("name", "tissues", "µm/px", "size", "trained on")] + [_row(one) for one in entries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
    for entry in entries:
        if entry.problem is not None:
            say(f"{entry.name}: {entry.problem}")
    if len(entries) == 1:
        say(f"There is no model of yours in {models_folder()} yet.")


def _add(arguments: argparse.Namespace) -> None:
    from napari_vslp.encoders.library import add_model

    entry = add_model(arguments.file, arguments.name, arguments.replace)
    sys.stdout.write(f"Added as {entry.name}: {entry.path}\n")


def _check(arguments: argparse.Namespace) -> None:
    from napari_vslp.cli.terminal import say
    from napari_vslp.encoders.library import check_model, list_models

    failed = []
    for name in arguments.names or [entry.name for entry in list_models()]:
        try:
            check_model(name)
        except VslpError as error:
            say(f"{name}: {error}")
            failed.append(name)
        else:
            sys.stdout.write(f"{name}: good\n")
    if failed:
        raise VslpError(
            f"{len(failed)} of the models cannot be used ({', '.join(failed)}): remove or replace "
            "them."
        )


def _remove(arguments: argparse.Namespace) -> None:
    from napari_vslp.encoders.library import remove_model

    remove_model(arguments.name)
    sys.stdout.write(f"Removed {arguments.name}.\n")


def _show(arguments: argparse.Namespace) -> None:
    from napari_vslp.encoders.library import find_model

    entry = find_model(arguments.name)
    if entry.card is None:
        raise VslpError(entry.problem or f"“{entry.name}” says nothing of itself.")
    if _wants_json(arguments):
        _print_json(_as_json(entry))
        return
    told = {"name": entry.name, "file": str(entry.path), **asdict(entry.card)}
    sys.stdout.write("".join(f"{line}\n" for key in told for line in _lines(key, told[key])))


def _wants_json(arguments: argparse.Namespace) -> bool:
    return bool(getattr(arguments, "json", False))


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _as_json(entry: ModelEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "path": str(entry.path),
        "bundled": entry.bundled,
        "size": entry.size,
        "problem": entry.problem,
        "card": None if entry.card is None else asdict(entry.card),
    }


def _row(entry: ModelEntry) -> tuple[str, ...]:
    from napari_vslp.cli.terminal import readable_size

    size, card = readable_size(entry.size), entry.card
    if card is None:
        return entry.name, "unusable", "", size, ""
    data = card.data if len(card.data) <= _WIDEST else f"{card.data[: _WIDEST - 1].rstrip()}…"
    microns = card.microns_per_pixel
    resolution = "unknown" if microns is None else f"{microns:g}"
    return entry.name, ", ".join(card.tissues), resolution, size, data


def _lines(key: str, value: object) -> list[str]:
    """Return a value of a card as lines of text, whatever kinds of values cards come to hold."""
    label = key.replace("_", " ")
    if isinstance(value, Mapping):
        inner = [f"  {line}" for one, of in value.items() for line in _lines(str(one), of)]
        return [f"{label}:", *inner] if inner else []
    return [f"{label}: {_text(value)}"]


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        nested = any(isinstance(one, Sequence) and not isinstance(one, str) for one in value)
        return (" | " if nested else ", ").join(_text(one) for one in value)
    if value is None:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)
