"""``napari-vslp train``: a table of images in, the file that a learner makes of them out."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.flags import add_flags, given_path, read_flags
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.core.registries import LEARNERS
from napari_vslp.learning.contract import (
    DEFAULT_LEARNER,
    Event,
    Run,
    check_columns,
    flag_prefix,
    to_line,
    usable_learners,
)

if TYPE_CHECKING:
    from napari_vslp.learning.cohort import Cohort
    from napari_vslp.learning.contract import Learner, Trained

_EPILOG = """example:
  napari-vslp train shares.csv --out my-tissues.safetensors
  napari-vslp models add my-tissues.safetensors

The table: one row an image, columns “image” and one for each tissue with its share of the image,
as a fraction or in per cent. “60±5”, two columns “tumour lo” and “tumour hi”, and an empty cell
for a share that nobody knows are fine too. White background needs no training: name its column
“background” if the table has one.

Ctrl-C saves; the same command goes on from there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = "Learn to tell tissues apart from their shares in each image alone."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add(
        "cohort",
        type=given_path,
        metavar="COHORT.csv",
        help="images with the shares of their tissues",
    )
    add(
        "--out",
        type=given_path,
        metavar="MODEL",
        required=True,
        help="the .safetensors file to write",
    )
    learners = usable_learners()
    known = ", ".join(f"{name} ({one.title})" for name, one in learners.items())
    add(
        "--from",
        dest="learner",
        default=DEFAULT_LEARNER,
        choices=LEARNERS.names(),
        metavar="NAME",
        help=f"what to learn from: {known} (default {DEFAULT_LEARNER})",
    )
    _add_table(parser.add_argument_group("table").add_argument)
    for name, one in learners.items():
        prefix = flag_prefix(name)
        title = f"how to learn, with --from {name}" if prefix else "how to learn"
        add_flags(parser.add_argument_group(title), one.Options, prefix)
    _add_run(parser.add_argument_group("run").add_argument)
    parser.set_defaults(run=run)


def _add_table(add: Any) -> None:  # noqa: ANN401 - argparse's own method
    add_columns(add)
    add("--tolerance", type=float, default=0.0, metavar="POINTS", help="± of every plain share")
    add("--pixel-size", type=float, metavar="UM", help="µm/px, if the table does not say")
    add("--masks", type=given_path, metavar="DIR", help="learn from masks instead: the upper bound")
    add("--labels", metavar="A=0,B=1+2", help="what the masks' values mean")


def add_columns(add: Any) -> None:  # noqa: ANN401 - argparse's own method
    """Let it be typed what of a table to take."""
    add("--images", type=given_path, metavar="DIR", help="folder of the images, if not the table's")
    add("--tissues", metavar="A,B", help="columns to take, if not all")
    add("--split", metavar="NAME", help="only rows with this split, such as train")


def _add_run(add: Any) -> None:  # noqa: ANN401 - argparse's own method
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    add("--devices", type=int, default=1, metavar="N", help="how many of them")
    kinds = ("auto", "32-true", "bf16-mixed", "16-mixed")
    add("--precision", default="auto", choices=kinds, help="of numbers (default auto)")
    add("--work", type=given_path, metavar="DIR", help="folder to resume from, if not beside MODEL")
    add("--restart", action="store_true", help="throw a stopped training away")
    add("--json-lines", action="store_true", help="report events as lines of JSON")
    add("--quiet", action="store_true", help="print nothing but errors")


def run(arguments: argparse.Namespace) -> None:
    """Learn, write the file, and print where it is.

    Raises
    ------
    VslpError
        If anything typed cannot be used.
    Cancelled
        If it was stopped, with a word on how to go on.
    """
    try:
        with _reporting(arguments) as job, _stopped_by_ctrl_c(job.cancel):
            done = _learn(arguments, job)
    except VslpError as error:
        if arguments.json_lines:
            _print_line(error)
        raise
    _tell(done, arguments)


def _learn(arguments: argparse.Namespace, job: Job) -> Trained:
    learner: Learner = LEARNERS.get(arguments.learner)
    options = read_flags(learner.Options, arguments, flag_prefix(arguments.learner))
    cohort = _cohort(arguments, learner)
    _check_out(arguments.out)
    where = Run(
        arguments.out,
        arguments.work,
        arguments.device,
        arguments.devices,
        arguments.precision,
        arguments.restart,
    )
    try:
        return learner.fit(cohort, options, where, job)
    except Cancelled as error:
        if not where.folder.is_dir():
            raise
        raise Cancelled(
            "Stopped and saved; give the same command again to go on from there."
        ) from error


def cohort_of(arguments: argparse.Namespace, tolerance: float = 0.0) -> Cohort:
    """Return the cohort that was typed (`add_columns`); `tolerance` is a fraction.

    Raises
    ------
    VslpError
        If the table or a row of it cannot be used.
    """
    from napari_vslp.learning.cohort import read_cohort

    return read_cohort(
        arguments.cohort,
        images=arguments.images,
        tissues=arguments.tissues.split(",") if arguments.tissues else None,
        split=arguments.split,
        tolerance=tolerance,
    )


def _cohort(arguments: argparse.Namespace, learner: Learner) -> Cohort:
    cohort = cohort_of(arguments, arguments.tolerance / 100)
    _check_pixel_size(arguments.pixel_size)
    if cohort.microns_per_pixel is None:
        cohort = replace(cohort, microns_per_pixel=arguments.pixel_size)
    if arguments.masks is not None:
        cohort = replace(cohort, truth=_truth(arguments, cohort))
    check_columns(cohort, learner)
    return cohort


def _check_out(out: Path) -> None:
    from napari_vslp.core.files.atomic import check_folder

    if out.suffix != ".safetensors":
        raise VslpError(f"“{out}” is no model file: let its name end in .safetensors.")
    check_folder(out.parent)


def _check_pixel_size(size: float | None) -> None:
    from napari_vslp.raster.pixel_size import plausible

    if size is not None and not plausible(size, size):
        raise VslpError(f"“{size:g}” is not a pixel size: write it in µm, such as 0.5.")


def _truth(arguments: argparse.Namespace, cohort: Cohort) -> Any:  # noqa: ANN401 - see Cohort
    """Return what reads the mask of a bag."""
    from napari_vslp.evaluation.masks import find_mask, parse_labels, read_mask
    from napari_vslp.raster.contract import open_raster

    labels = parse_labels(arguments.labels, cohort.tissues) if arguments.labels else None

    def truth(bag: Any) -> Any:  # noqa: ANN401 - typed by Cohort
        path = find_mask(arguments.masks, bag.image, bag.mask)
        shape = open_raster(bag.image).shape
        mask = read_mask(path, shape, cohort.tissues, labels)
        if bag.region is None:
            return mask
        top, left, bottom, right = bag.region
        return mask[top:bottom, left:right]

    return truth


@contextmanager
def _reporting(arguments: argparse.Namespace) -> Iterator[Job]:
    """Give a job that reports as bars, as lines of JSON for another program, or not at all."""
    if arguments.json_lines:
        yield Job(on_progress=_print_line)
        return
    with following(arguments.quiet) as job:
        yield job


def _print_line(report: Progress | VslpError) -> None:
    sys.stdout.write(to_line(report) + "\n")
    sys.stdout.flush()


@contextmanager
def _stopped_by_ctrl_c(cancel: CancelToken) -> Iterator[None]:
    """Let Ctrl-C, or a polite request of the system, end the training at its next step."""
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.getsignal(name) for name in names}
    for name in names:
        signal.signal(name, lambda *_: cancel.cancel())
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _tell(done: Trained, arguments: argparse.Namespace) -> None:
    if arguments.json_lines:
        path, figures, said = str(done.model), done.figures, done.summary
        _print_line(Event("Done", 1.0, note=said, kind="done", path=path, figures=figures))
        return
    if arguments.quiet:
        return
    size = done.model.stat().st_size / 1e6
    sys.stdout.write(f"{done.model}: {done.contents}; {size:.1f} MB\n")
    for name, value in done.figures.items():
        sys.stdout.write(f"  {name}: {value:g}\n")
    say(done.summary)
