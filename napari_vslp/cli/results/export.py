"""``napari-vslp export``: a result, made again from its summary, in other formats."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.flags import add_flags, given_path, read_flags
from napari_vslp.cli.results.replay import compare, image_of, inputs_of, read_told
from napari_vslp.cli.terminal import following
from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import options_of
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.export.options import BUILT_IN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_vslp.core.inputs import Inputs
    from napari_vslp.core.saved.session_file import SavedSession
    from napari_vslp.core.segmentation import Segmentation

COHORT = "cohort.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Write a result in other formats. Its image is segmented again as its summary tells, for "
        "the files of a result do not hold all that may be asked for (a saved session may: it is "
        "used as it is); if the mask is not the same "
        "bit for bit, nothing is written. Of several results, one table is written."
    )
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        type=given_path,
        metavar="RESULT",
        help="a folder of results, the summary.json in it, or a session (.vslp)",
    )
    add(
        "--to",
        action="append",
        required=True,
        metavar="FILE",
        help="the file to write, of a kind that its name tells, or NAME=FILE; with --out a NAME. "
        f"Names are {', '.join(EXPORTERS.names())}; {COHORT} and cohort.xlsx have a row a result. "
        "May be repeated",
    )
    add("--out", type=given_path, metavar="DIR", help="another folder, for files of these names")
    add("--image", type=given_path, metavar="IMAGE", help="the image, if it has moved")
    add("--replace", action="store_true", help="write over files that are there")
    add("--quiet", action="store_true", help="print nothing but errors")
    add_option_flags(parser)
    parser.set_defaults(run=run)


def add_option_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all exporters that have options, each group under the exporter's name."""
    for name, options in _option_classes().items():
        add_flags(parser.add_argument_group(f"how to write {name}"), options, _prefix(name))


def read_option_flags(
    arguments: argparse.Namespace, chosen: Sequence[str] | None
) -> dict[str, Any]:
    """Return the options that were typed, by the exporters' names.

    Parameters
    ----------
    arguments
        What the parser returned.
    chosen
        Names of the exporters that will write; None for those that do by default.

    Raises
    ------
    VslpError
        If one of them cannot be meant, or belongs to an exporter that will not write.
    """
    found: dict[str, Any] = {}
    for name, options in _option_classes().items():
        found[name] = read_flags(options, arguments, _prefix(name))
        if found[name] != options() and not _writes(name, chosen):
            raise VslpError(
                f"An option of {name} is set (--{_prefix(name)}-…), but {name} would not be "
                "written: name it among what to write."
            )
    return found


@dataclass(frozen=True)
class Loaded:
    """A result that is there again, and what was read for it."""

    result: Segmentation
    image: NDArray[np.uint8]
    read: tuple[Path, ...]


def load_result(path: Path, arguments: argparse.Namespace) -> Loaded:
    """Return a result of which a file tells, with all its maps.

    Parameters
    ----------
    path
        A folder of results or a summary.
    arguments
        With `image`, where the image lies if it has moved, and `quiet`.

    Raises
    ------
    VslpError
        If the result or its image cannot be used, or the mask is another one.
    """
    file, told, inputs, image = told_of(path, arguments)

    stored = told.history.steps[told.shown].result if told.shown is not None else None
    if stored is not None:
        result, rgb = stored.of_file(image), _pixels_of(stored, image)
    else:
        from napari_vslp.pipeline import replay

        with following(arguments.quiet) as job:
            result, rgb = replay(inputs, image, job=job)
        advice = "write it with “napari-vslp replay --out DIR”, look at it and export that one"
        compare(result, told, arguments.quiet, advice)
    return Loaded(result, rgb, (file, image))


def told_of(path: Path, arguments: argparse.Namespace) -> tuple[Path, SavedSession, Inputs, Path]:
    """Return the summary of a result, what it tells, and where its image lies."""
    file = path / "summary.json" if path.is_dir() else path
    told = read_told(file)
    inputs = inputs_of(told, file)
    return file, told, inputs, image_of(inputs, file, arguments.image)


def run(arguments: argparse.Namespace) -> None:
    """Segment the image of a result again and write it in the formats named.

    Raises
    ------
    VslpError
        If a result, its image or a place to write to cannot be used, or a mask is another one.
    """
    if len(arguments.files) > 1 or any(map(_is_cohort, arguments.to)):
        _run_cohort(arguments)
        return
    (path,) = arguments.files
    file, _, _, image = told_of(path, arguments)

    from napari_vslp.export.results import check_result_folder, write_file, write_result

    if arguments.out is not None:
        options = read_option_flags(arguments, arguments.to)
        check_result_folder(arguments.out, arguments.to, [file, image])
        found = load_result(path, arguments)
        written = write_result(found.result, found.image, arguments.out, arguments.to, options)
        names = ", ".join(one.name for one in written)
        _say(arguments, f"Written to {arguments.out}: {names}")
        return
    wanted = [_named(one) for one in arguments.to]
    options = read_option_flags(arguments, [name for name, _ in wanted])
    for _, place in wanted:
        _check_file(place, arguments.replace, [file, image])
    found = load_result(path, arguments)
    for name, place in wanted:
        write_file(name, found.result, found.image, place, options.get(name))
    _say(arguments, f"Written: {', '.join(str(place) for _, place in wanted)}")


def _run_cohort(arguments: argparse.Namespace) -> None:
    """Write one table of several results, a row each."""
    folder = arguments.out or Path()
    places = [folder / _cohort_place(one) for one in arguments.to]
    read_option_flags(arguments, [])
    if arguments.image is not None and len(arguments.files) > 1:
        raise VslpError("--image names one image, and there are several results: leave it out.")

    from napari_vslp.core.files.placing import placing
    from napari_vslp.export.tables.cohort import SUFFIXES, cohort_row, write_cohort

    for place in places:
        if place.suffix.lower() not in SUFFIXES:
            raise VslpError(
                f"Several results are written as one table, such as {COHORT}, not as "
                f"“{place.name}”: export them one by one."
            )
        read = [told_of(path, arguments)[0] for path in arguments.files]
        _check_file(place, arguments.replace, read)
    # One at a time, so that a cohort of any size needs the memory of one image.
    rows = [cohort_row(load_result(path, arguments).result) for path in arguments.files]
    for place in places:
        with placing(place) as made:
            write_cohort(rows, made)
    _say(arguments, f"Written: {', '.join(map(str, places))} ({len(rows)} results)")


def _is_cohort(text: str) -> bool:
    """Return whether a table of results is asked for: by its name, unless an exporter is named."""
    name, equals, _ = text.partition("=")
    return not (equals and name in EXPORTERS) and Path(text).stem.lower().endswith("cohort")


def _cohort_place(text: str) -> Path:
    name, equals, place = text.partition("=")
    return given_path(place if equals and (name in EXPORTERS or name == COHORT) else text)


def _named(text: str) -> tuple[str, Path]:
    """Return exporter and file of what was typed after ``--to``."""
    from napari_vslp.export.results import exporter_of

    name, equals, place = text.partition("=")
    if equals and name in EXPORTERS:
        return name, given_path(place)
    path = given_path(text)
    name = exporter_of(path)
    if not EXPORTERS.get(name).suffixes:
        raise VslpError(f"{name} writes several files: name a folder for them with --out DIR.")
    return name, path


def _check_file(place: Path, replace: bool, read: Sequence[Path]) -> None:
    """Refuse a place before any work is done if what lies there is not to be replaced."""
    from napari_vslp.core.files.placing import check_place

    check_place(place)
    if not os.path.lexists(place):
        return
    inside = [one for one in read if one.resolve().is_relative_to(place.resolve())]
    if inside:
        raise VslpError(f"“{inside[0]}” is read, and cannot be written over: name another file.")
    if not replace:
        raise VslpError(f"“{place}” is there already: name another file, or add --replace.")


def _say(arguments: argparse.Namespace, sentence: str) -> None:
    if not arguments.quiet:
        sys.stdout.write(f"{sentence}\n")


def _pixels_of(result: Segmentation, path: Path) -> NDArray[np.uint8]:
    """Return the pixels that a stored result belongs to."""
    from napari_vslp.prepared import same_pixels

    pixels = same_pixels(path, result.inputs.image.sha256, result.region)
    if pixels is None:
        raise VslpError(
            f"“{path}” is not the image that was segmented: its pixels are other ones. "
            "Name the right file."
        )
    return pixels


def _option_classes() -> dict[str, type]:
    """Return the options of exporters that have any; of the built-in ones none is imported."""
    added = {name: getattr(EXPORTERS.get(name), "Options", None) for name in EXPORTERS.added()}
    every = BUILT_IN | {name: options for name, options in added.items() if options is not None}
    return {name: options for name, options in every.items() if any(options_of(options))}


def _writes(name: str, chosen: Sequence[str] | None) -> bool:
    return name in chosen if chosen is not None else bool(EXPORTERS.get(name).default)


def _prefix(name: str) -> str:
    return name.replace(".", "-")
