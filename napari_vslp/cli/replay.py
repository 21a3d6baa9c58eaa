"""``napari-vslp replay``: run the inputs that a summary or a session file tells, and compare."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.flags import given_path
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import check_plain

if TYPE_CHECKING:
    from napari_vslp.core.inputs import Inputs
    from napari_vslp.core.segmentation import Segmentation

# A summary of a long list of clicks and much paint has a few MB; more is no summary.
_MOST_BYTES = 512 * 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Segment again what a summary.json tells, and say whether the mask agrees bit for bit."
    )
    add = parser.add_argument
    add("file", type=given_path, metavar="FILE", help="a summary.json")
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


def read_told(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises
    ------
    VslpError
        If it is not there or no JSON object.
    """
    check_plain(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise VslpError(f"“{path}” is too large to be a summary: name a summary.json.")
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, RecursionError) as error:
        raise VslpError(f"“{path}” is no summary: name the summary.json of a result.") from error
    if not isinstance(told, dict):
        raise VslpError(f"“{path}” is no summary: name the summary.json of a result.")
    return told


def inputs_of(told: dict[str, Any], path: Path) -> Inputs:
    """Return the inputs inside a summary.

    Raises
    ------
    VslpError
        If there are none, as in summaries of earlier versions, or they are damaged.
    """
    from napari_vslp.core.files.inputs_file import inputs_of_json

    if "inputs" not in told:
        raise VslpError(
            f"“{path}” does not hold all that was said (an earlier version wrote it): "
            "segment the image again."
        )
    return inputs_of_json(told["inputs"])


def compare(result: Segmentation, told: dict[str, Any], quiet: bool, advice: str) -> None:
    """Say that the mask is the one that a summary tells.

    Raises
    ------
    VslpError
        If it is not, with the advice at the end.
    """
    from napari_vslp.export.summary import labels_hash

    before, now = str(told.get("labels_sha256", "")), labels_hash(result.labels)
    if before == now:
        if not quiet:
            sys.stdout.write("The mask is the same, bit for bit.\n")
        return
    changed = [
        f"{name} {version} then, {result.versions.get(name, 'none')} now"
        for name, version in dict(told.get("versions", {})).items()
        if result.versions.get(name) != version
    ]
    for one in changed:
        say(one)
    why = "other versions of what it rests on" if changed else "another processor, perhaps"
    raise VslpError(f"The mask is not the same bit for bit ({why}): {advice}.")
