"""``napari-vslp demo``: the window with the sample, or its pictures where there is no screen."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from napari_vslp.cli.segment import tell
from napari_vslp.cli.terminal import following

_FOLDER = Path("vslp-demo")


def run(arguments: argparse.Namespace) -> None:
    """Show the demo in napari if there is a screen and no folder was named; else write it.

    Raises
    ------
    VslpError
        If the folder cannot be written.
    """
    if arguments.out is None and has_window():
        from napari_vslp.qt.viewer.launch import show_demo

        show_demo()
    else:
        write_demo(arguments.out or _FOLDER, arguments)


def has_window() -> bool:
    """Return whether napari is installed and there is a screen to open it on."""
    if find_spec("napari") is None:
        return False
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def write_demo(folder: Path, arguments: argparse.Namespace) -> None:
    """Segment the bundled sample and write the results to a folder."""
    from napari_vslp.demo import tumour_nest
    from napari_vslp.export.results import check_result_folder, write_result
    from napari_vslp.pipeline import segment

    check_result_folder(folder)
    sample = tumour_nest()
    with following(arguments.quiet) as job:
        result = segment(sample.image, sample.tissues, clicks=sample.clicks, job=job)
    tell(result, write_result(result, sample.image, folder), arguments)
