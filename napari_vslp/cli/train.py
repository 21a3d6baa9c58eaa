"""``napari-vslp train``: a table of images and shares in, a model file out."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_vslp.cli.paths import given_path
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job, Progress

if TYPE_CHECKING:
    from napari_vslp.learning.cohort import Cohort
    from napari_vslp.learning.proportions.ceiling import Truth
    from napari_vslp.learning.proportions.recipe import Recipe
    from napari_vslp.learning.proportions.train import Trained

EXAMPLE = """example:
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
    parser.epilog = EXAMPLE
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
    table = parser.add_argument_group("table").add_argument
    table(
        "--images", type=given_path, metavar="DIR", help="folder of the images, if not the table's"
    )
    table("--tissues", metavar="A,B", help="columns to take, if not all")
    table("--split", metavar="NAME", help="only rows with this split, such as train")
    table("--tolerance", type=float, default=0.0, metavar="POINTS", help="± of every plain share")
    table("--pixel-size", type=float, metavar="UM", help="µm/px, if the table does not say")
    _add_recipe(parser.add_argument_group("how to learn").add_argument)
    _add_origin(parser.add_argument_group("what the model says of itself").add_argument)
    run_group = parser.add_argument_group("run").add_argument
    run_group("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    run_group("--devices", type=int, default=1, metavar="N", help="how many of them")
    kinds = ("auto", "32-true", "bf16-mixed", "16-mixed")
    run_group("--precision", default="auto", choices=kinds, help="of numbers (default auto)")
    run_group(
        "--work", type=given_path, metavar="DIR", help="folder to resume from, if not beside MODEL"
    )
    run_group("--restart", action="store_true", help="throw a stopped training away")
    run_group("--json-lines", action="store_true", help="report progress as lines of JSON")
    run_group("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def _add_recipe(add: Any) -> None:  # noqa: ANN401 - argparse's own method
    add("--encoder", default="bundled", help="bundled, imagenet, a model, timm:NAME or hf-hub:NAME")
    add("--frozen", action="store_true", help="leave the encoder as it is")
    add("--steps", metavar="N,N", help="steps of each round (default 200,150,150,150)")
    add("--seed", type=int, default=0, metavar="N", help="of random numbers")
    add("--masks", type=given_path, metavar="DIR", help="learn from masks instead: the ceiling")
    add("--labels", metavar="A=0,B=1+2", help="what the masks' values mean")


def _add_origin(add: Any) -> None:  # noqa: ANN401 - argparse's own method
    add("--data", default="", metavar="TEXT", help="what the images are")
    add("--licence", metavar="TEXT", help="terms of use")
    add("--attribution", metavar="TEXT", help="whom to name")


def run(arguments: argparse.Namespace) -> None:
    """Train, write the model and its card, and print where they are.

    Raises
    ------
    VslpError
        If anything typed cannot be used.
    Cancelled
        If it was stopped, with a word on how to go on.
    """
    recipe, cohort = _recipe(arguments), _cohort(arguments)
    _check_out(arguments.out)
    _check_pixel_size(arguments.pixel_size)
    truth = _truth(arguments, cohort)

    from napari_vslp.learning.proportions.card_text import Origin
    from napari_vslp.learning.proportions.train import train

    told = {"data": arguments.data, "microns_per_pixel": arguments.pixel_size}
    named = {"licence": arguments.licence, "attribution": arguments.attribution}
    origin = replace(Origin(), **told, **{k: v for k, v in named.items() if v})
    with _reporting(arguments) as job, _stopped_by_ctrl_c(job.cancel):
        try:
            done = train(
                cohort,
                arguments.out,
                recipe=recipe,
                origin=origin,
                truth=truth,
                device=arguments.device,
                devices=arguments.devices,
                precision=arguments.precision,
                work=arguments.work,
                restart=arguments.restart,
                job=job,
            )
        except Cancelled as error:
            raise Cancelled(
                "Stopped and saved; give the same command again to go on from there."
            ) from error
    _tell(done, arguments)


def _recipe(arguments: argparse.Namespace) -> Recipe:
    from napari_vslp.learning.proportions.recipe import Recipe

    recipe = Recipe(encoder=arguments.encoder, frozen=arguments.frozen, seed=arguments.seed)
    if arguments.steps is None:
        # Masks need no second opinion.
        return replace(recipe, rounds=(sum(recipe.rounds),)) if arguments.masks else recipe
    try:
        rounds = tuple(int(part) for part in arguments.steps.split(","))
    except ValueError as error:
        raise VslpError(
            f"“{arguments.steps}” is no list of steps: write one number a round, such as 200,150."
        ) from error
    return replace(recipe, rounds=rounds)


def _cohort(arguments: argparse.Namespace) -> Cohort:
    from napari_vslp.learning.cohort import check_identifiable, read_cohort

    tissues = arguments.tissues.split(",") if arguments.tissues else None
    cohort = read_cohort(
        arguments.cohort,
        images=arguments.images,
        tissues=tissues,
        split=arguments.split,
        tolerance=arguments.tolerance / 100,
    )
    if arguments.masks is None:
        check_identifiable(cohort)
    return cohort


def _check_out(out: Path) -> None:
    from napari_vslp.core.atomic import check_folder

    if out.suffix != ".safetensors":
        raise VslpError(f"“{out}” is no model file: let its name end in .safetensors.")
    check_folder(out.parent)


def _check_pixel_size(size: float | None) -> None:
    from napari_vslp.raster.pixel_size import plausible

    if size is not None and not plausible(size, size):
        raise VslpError(f"“{size:g}” is not a pixel size: write it in µm, such as 0.5.")


def _truth(arguments: argparse.Namespace, cohort: Cohort) -> Truth | None:
    if arguments.masks is None:
        return None
    from napari_vslp.evaluation.masks import find_mask, parse_labels, read_mask
    from napari_vslp.raster.contract import open_raster

    labels = parse_labels(arguments.labels, cohort.tissues) if arguments.labels else None

    def truth(bag: Any) -> Any:  # noqa: ANN401 - typed by Truth
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


def _print_line(progress: Progress) -> None:
    line: dict[str, Any] = {"stage": progress.stage, "fraction": round(progress.fraction, 4)}
    if progress.iteration is not None:
        line["step"] = progress.iteration
    if progress.note is not None:
        line["note"] = progress.note
    if progress.figures:
        line["figures"] = dict(progress.figures)
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
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
        line = {"stage": "Done", "fraction": 1.0, "model": str(done.model)}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    if arguments.quiet:
        return
    size = done.model.stat().st_size / 1e6
    sys.stdout.write(f"{done.model}: {', '.join(done.card.tissues)}; {size:.1f} MB\n")
    for name, value in done.card.figures.items():
        sys.stdout.write(f"  {name}: {value:g}\n")
    say(f"What it was made from stands in {done.model.with_suffix('.md').name} beside it.")
