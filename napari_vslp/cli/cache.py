"""``napari-vslp cache``: where images are remembered, how much there is, and a way to forget."""

from __future__ import annotations

import argparse
import sys

from napari_vslp.core.errors import VslpError

_OFF = "Nothing is remembered: VSLP_CACHE is off.\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command; imports nothing slow."""
    parser.description = (
        "Show the folder in which the program remembers what a model saw of images, so that the "
        "same image is not read twice. It stays on this computer."
    )
    parser.add_argument("--clear", action="store_true", help="forget all images")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Show the cache, or empty it.

    Raises
    ------
    VslpError
        If a file cannot be removed.
    """
    from napari_vslp.cli.terminal import readable_size
    from napari_vslp.encoders.cache import user_cache

    files = user_cache()
    if files is None:
        sys.stdout.write(_OFF)
        return
    count, size = files.usage()
    if not arguments.clear:
        sys.stdout.write(
            f"Folder: {files.folder}\nImages: {count}\n"
            f"Size:   {readable_size(size)} of at most {readable_size(files.cap)}\n"
        )
        return
    try:
        files.clear()
    except OSError as error:
        raise VslpError(
            f"{files.folder} cannot be emptied ({error.strerror}): close what uses it, or change "
            "its permissions."
        ) from error
    sys.stdout.write(f"{count} image(s), {readable_size(size)}: forgotten.\n")
