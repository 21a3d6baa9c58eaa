"""What can be typed after ``napari-vslp``. Imports nothing slow: ``--help`` answers at once."""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from napari_vslp import __version__
from napari_vslp.cli import (
    cache,
    evaluate,
    models,
    regulariser,
    train,
)
from napari_vslp.cli.flags import add_flags, given_path
from napari_vslp.cli.results import compare, export, replay, report
from napari_vslp.core.errors import VslpError
from napari_vslp.core.registries import EXPORTERS, EXTRAS
from napari_vslp.core.settings import Settings

Region = tuple[int, int, int, int]
_EXAMPLE = """example:
  napari-vslp segment colon.png --tissue "gland=60±5" --tissue "other=40±5" \\
      --click gland:120,64 --click other:30,200 --out result
"""


class _Parser(argparse.ArgumentParser):
    """A parser that fails with one sentence instead of half a page."""

    def error(self, message: str) -> NoReturn:
        """Raise `VslpError`."""
        raise VslpError(f"{message[:1].upper()}{message[1:]}; “{self.prog} --help” shows more.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; the chosen command's function is its result's ``run``."""
    parser = _Parser(
        prog="napari-vslp",
        description="Segment histology images from tissue proportions and a few clicks.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"napari-vslp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands.add_parser("demo", help="try it on the bundled H&E image"))
    _add_segment(
        commands.add_parser(
            "segment",
            help="segment an image file",
            epilog=_EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    replay.add_arguments(
        commands.add_parser("replay", help="do again what a session or summary tells")
    )
    export.add_arguments(commands.add_parser("export", help="write a result in other formats"))
    compare.add_arguments(commands.add_parser("compare", help="hold two results side by side"))
    report.add_arguments(commands.add_parser("report", help="one page for each result"))
    regulariser.add_arguments(
        commands.add_parser("regulariser", help="learn the shapes of tissues from images")
    )
    train.add_arguments(commands.add_parser("train", help="learn tissues from shares of images"))
    evaluate.add_arguments(
        commands.add_parser("evaluate", help="measure a model on images with masks")
    )
    models.add_arguments(commands.add_parser("models", help="list, add, check and remove models"))
    cache.add_arguments(commands.add_parser("cache", help="what is remembered of images"))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Open napari with the sample segmented; without a screen, or with --out, write pictures."
    )
    parser.add_argument(
        "--out", type=given_path, metavar="DIR", help="write pictures there instead"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=_run_demo, json=False)


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.description = "Segment an image file and write masks, maps and a summary."
    parser.add_argument("image", type=given_path, metavar="IMAGE", help="TIFF, PNG, JPEG, …")
    parser.add_argument(
        "--out", type=given_path, metavar="DIR", required=True, help="folder to write to"
    )
    labels = parser.add_argument_group("weak labels")
    _repeated(labels, "--tissue", "NAME=SHARE", "per cent: gland=60±5 or 60+-5, other=40, gland=?")
    _repeated(labels, "--click", "NAME:ROW,COL", "a pixel that belongs to a tissue")
    _repeated(
        labels, "--import", "[NAME:]FILE", "annotations, label image or table; docs/imports.md"
    )
    where = parser.add_argument_group("image")
    where.add_argument(
        "--region",
        type=parse_region,
        metavar="ROW0,COL0,ROW1,COL1",
        help="part of the image (px; the end is excluded)",
    )
    where.add_argument(
        "--pixel-size",
        type=parse_pixel_size,
        metavar="UM",
        help="side of a pixel in µm; read from the file if it tells it",
    )
    add_flags(parser.add_argument_group("how to segment"), Settings)
    for name, member in EXTRAS.added().items():
        add_flags(parser.add_argument_group(getattr(member, "title", name)), member.Options, name)
    told = parser.add_argument_group("what to write and to show")
    told.add_argument(
        "--write",
        action="append",
        choices=EXPORTERS.names(),
        help="only this of the results; may be repeated",
    )
    told.add_argument(
        "--session",
        type=given_path,
        metavar="FILE.vslp",
        help="also save a session, which the window opens",
    )
    export.add_option_flags(parser)
    told.add_argument("--json", action="store_true", help="print the summary as JSON")
    told.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=_run_segment)


def _repeated(group: argparse._ArgumentGroup, flag: str, form: str, meaning: str) -> None:
    text = f"{meaning}; may be repeated"
    group.add_argument(flag, action="append", default=[], metavar=form, help=text)


def parse_region(text: str) -> Region:
    """Read ``ROW0,COL0,ROW1,COL1``.

    Raises
    ------
    VslpError
        If it is not four whole numbers.
    """
    try:
        top, left, bottom, right = (int(part) for part in text.split(","))
    except ValueError as error:
        raise VslpError(
            f"“{text}” is not a region: write ROW0,COL0,ROW1,COL1, such as 0,0,512,512."
        ) from error
    return top, left, bottom, right


def parse_pixel_size(text: str) -> tuple[float, float]:
    """Read one number, or two for height and width (µm).

    Raises
    ------
    VslpError
        If it is not one or two numbers above 0.
    """
    try:
        sides = [float(part) for part in text.split(",")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(math.isfinite(s) and s > 0 for s in sides):
        raise VslpError(f"“{text}” is not a pixel size: write it in µm, such as 0.5.")
    return sides[0], sides[-1]


def _run_demo(arguments: argparse.Namespace) -> None:
    from napari_vslp.cli.demo import run

    run(arguments)


def _run_segment(arguments: argparse.Namespace) -> None:
    from napari_vslp.cli.segment import run

    run(arguments)
