"""``napari-vslp export``: a result, made again from its summary, in other formats."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.flags import add_flags, given_path, read_flags
from napari_vslp.cli.replay import compare, image_of, inputs_of, read_told
from napari_vslp.cli.terminal import following
from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import options_of
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.export.options import BUILT_IN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_vslp.core.segmentation import Segmentation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Write a result in other formats. Its image is segmented again as its summary tells, for "
        "the files of a result do not hold all that may be asked for (a saved session may: it is "
        "used as it is); if the mask is not the same "
        "bit for bit, nothing is written."
    )
    add = parser.add_argument
    add(
        "file",
        type=given_path,
        metavar="RESULT",
        help="a folder of results, the summary.json in it, or a session (.vslp)",
    )
    add(
        "--to",
        action="append",
        required=True,
        choices=EXPORTERS.names(),
        help="what to write; may be repeated",
    )
    add("--out", type=given_path, metavar="DIR", required=True, help="another folder to write to")
    add("--image", type=given_path, metavar="IMAGE", help="the image, if it has moved")
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


def run(arguments: argparse.Namespace) -> None:
    """Segment the image of a result again and write it in the formats named.

    Raises
    ------
    VslpError
        If the result, its image or the folder cannot be used, or the mask is another one.
    """
    options = read_option_flags(arguments, arguments.to)
    if arguments.file.is_dir():
        arguments.file /= "summary.json"
    told = read_told(arguments.file)
    inputs = inputs_of(told, arguments.file)
    image = image_of(inputs, arguments)

    from napari_vslp.export.results import check_result_folder, write_result

    check_result_folder(arguments.out, arguments.to, [arguments.file, image])

    stored = told.history.steps[told.shown].result if told.shown is not None else None
    if stored is not None:
        result, rgb = stored.of_file(image), _pixels_of(stored, image)
    else:
        from napari_vslp.pipeline import replay

        with following(arguments.quiet) as job:
            result, rgb = replay(inputs, image, job=job)
        advice = "write it with “napari-vslp replay --out DIR”, look at it and export that one"
        compare(result, told, arguments.quiet, advice)
    written = write_result(result, rgb, arguments.out, arguments.to, options)
    if not arguments.quiet:
        names = ", ".join(path.name for path in written)
        sys.stdout.write(f"Written to {arguments.out}: {names}\n")


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
