"""``napari-vslp regulariser``: a table of images in, the file of a learned regulariser out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from napari_vslp.cli.flags import add_flags, given_path, read_flags
from napari_vslp.cli.terminal import following, say
from napari_vslp.cli.train import add_columns, cohort_of
from napari_vslp.core.errors import VslpError
from napari_vslp.core.registries import LEARNERS

if TYPE_CHECKING:
    from napari_vslp.learning.contract import Learner

_EPILOG = """The table is that of “napari-vslp train”; only its images and its tissues' names are
used, no share and no mask. The file says whether it passed its test: it has to guess hidden
blocks of other images better than plain smoothness does. Use it with

  napari-vslp segment IMAGE … --regulariser FILE

“napari-vslp train --from regulariser” does the same.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = "Learn what shapes tissues have, by hiding blocks of images."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("cohort", type=given_path, metavar="COHORT.csv", help="images and their tissues")
    add(
        "--out",
        type=given_path,
        metavar="FILE",
        required=True,
        help="the .safetensors file to write",
    )
    add_columns(add)
    add_flags(parser, LEARNERS.get("regulariser").Options)
    add("--device", default="auto", help="of the encoder: auto, cpu, cuda, cuda:1 or mps")
    add("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Learn a regulariser and write it, whole or not at all.

    Raises
    ------
    VslpError
        If the table, an image or the output cannot be used.
    Cancelled
        At Ctrl-C; nothing is written.
    """
    learner: Learner = LEARNERS.get("regulariser")
    options = read_flags(learner.Options, arguments)
    if not arguments.out.parent.is_dir():
        raise VslpError(f"There is no folder {arguments.out.parent}: make it first.")
    cohort = cohort_of(arguments)
    from napari_vslp.learning.contract import Run

    with following(arguments.quiet) as job:
        done = learner.fit(cohort, options, Run(arguments.out, device=arguments.device), job)
    if not arguments.quiet:
        say(done.summary)
        sys.stdout.write(f"Written to {arguments.out}\n")
