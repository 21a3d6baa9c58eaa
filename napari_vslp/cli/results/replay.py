"""``napari-vslp replay``: run the inputs that a summary or a session file tells, and compare."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vslp.cli.flags import given_path
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.errors import VslpError

if TYPE_CHECKING:
    from napari_vslp.core.inputs import Inputs
    from napari_vslp.core.saved.session_file import SavedSession
    from napari_vslp.core.segmentation import Segmentation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Segment again what a session or a summary.json tells; say whether the mask is the same."
    )
    add = parser.add_argument
    add("file", type=given_path, metavar="FILE", help="a session (.vslp) or a summary.json")
    parser.add_argument(
        "--image", type=given_path, metavar="IMAGE", help="the image, if it has moved"
    )
    parser.add_argument(
        "--out", type=given_path, metavar="DIR", help="folder to write the result to"
    )
    add("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the inputs of a file again.

    Raises
    ------
    VslpError
        If the file, its image or the folder cannot be used, or the mask is another one.
    """
    told = read_told(arguments.file)
    inputs = inputs_of(told, arguments.file)
    path = image_of(inputs, arguments.file, arguments.image)

    from napari_vslp.export.results import check_result_folder, write_result

    if arguments.out is not None:
        # Neither the result that is compared with nor its image may be replaced.
        check_result_folder(arguments.out, None, [arguments.file, path])

    from napari_vslp.pipeline import replay

    with following(arguments.quiet) as job:
        result, rgb = replay(inputs, path, job=job)
    if arguments.out is not None:
        write_result(result, rgb, arguments.out)
    compare(result, told, arguments.quiet, "compare it with --out DIR")


def image_of(inputs: Inputs, file: Path, moved: Path | None) -> Path:
    """Return where the image of a file lies: as ``--image`` says, or else where it lay.

    Raises
    ------
    VslpError
        If neither is known.
    """
    if not inputs.image.path and moved is None:
        raise VslpError(f"“{file}” was made from an image without a file: name it with --image.")
    return moved or Path(inputs.image.path)


def read_told(path: Path) -> SavedSession:
    """Return what a session file or a summary tells.

    Raises
    ------
    VslpError
        If it cannot be read as either.
    """
    from napari_vslp.core.saved.session_file import read_session

    return read_session(path)


def inputs_of(told: SavedSession, path: Path) -> Inputs:
    """Return the inputs of the result that a session or summary shows, else the present ones.

    Raises
    ------
    VslpError
        If they are damaged.
    """
    from napari_vslp.core.files.inputs_file import inputs_of_json
    from napari_vslp.core.saved.archive import damaged

    if told.shown is None:
        inputs, identity = told.history.inputs, told.identity
        known = identity.sha256 if identity.region == inputs.region else ""
        return replace(inputs, image=replace(inputs.image, sha256=known))
    numbers = told.told[told.shown]
    if numbers is None:
        raise damaged(path, "its result is missing")
    return inputs_of_json(numbers["inputs"])


def compare(result: Segmentation, told: SavedSession, quiet: bool, advice: str) -> None:
    """Say that the mask is the one that a session or a summary tells, if it tells any.

    Raises
    ------
    VslpError
        If it is not, with the advice at the end.
    """
    from napari_vslp.core.segmentation import labels_hash

    numbers = told.told[told.shown] if told.shown is not None else None
    if numbers is None:
        say("There is no result in it yet to compare with.")
        return
    before, now = str(numbers.get("labels_sha256", "")), labels_hash(result.labels)
    if before == now:
        if not quiet:
            sys.stdout.write("The mask is the same, bit for bit.\n")
        return
    changed = [
        f"{name} {version} then, {result.versions.get(name, 'none')} now"
        for name, version in dict(numbers.get("versions", {})).items()
        if result.versions.get(name) != version
    ]
    for one in changed:
        say(one)
    why = "other versions of what it rests on" if changed else "another processor, perhaps"
    raise VslpError(f"The mask is not the same bit for bit ({why}): {advice}.")
