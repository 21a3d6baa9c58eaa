"""``napari-vslp evaluate``: how good a model is, measured on images with masks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vslp.cli.flags import given_path
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.settings import Settings

if TYPE_CHECKING:
    from napari_vslp.evaluation.summary import Summary

_DEFAULT = Settings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what can be typed; nothing slow is imported."""
    parser.description = (
        "Measure a model on images with masks: alone, with typed shares right and wrong, beside "
        "baselines that need no model. Masks hold one whole number a pixel: 0 for the cohort's "
        "first tissue, 1 for the next, and so on."
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="bundled, a model's name or a .safetensors file")
    add(
        "cohort",
        type=given_path,
        metavar="COHORT.csv",
        help="images with the shares of their tissues",
    )
    add("--masks", type=given_path, metavar="DIR", required=True, help="folder of the masks")
    add("--images", type=given_path, metavar="DIR", help="folder of the images, if not the table's")
    add("--tissues", metavar="A,B", help="columns to take, if not all")
    add("--labels", metavar="A=0,B=1+2", help="what the masks' values mean; others do not count")
    add("--split", metavar="NAME", help="only rows with this split, such as val")
    add("--ceiling", metavar="MODEL", help="supervised upper bound: a model that learnt from masks")
    add("--limit", type=int, metavar="N", help="measure only N images, drawn at random")
    add(
        "--smoothness",
        type=float,
        default=_DEFAULT.smoothness,
        metavar="N",
        help=f"weight of the boundaries' length (default {_DEFAULT.smoothness:g})",
    )
    add("--no-edges", action="store_true", help="ignore edges in the image")
    add("--no-colours", action="store_true", help="ignore the image's colours")
    add("--device", default=_DEFAULT.device, help="auto, cpu, cuda, cuda:1 or mps")
    add("--seed", type=int, default=_DEFAULT.seed, metavar="N", help="of random numbers")
    add("--out", type=given_path, metavar="DIR", help="write tables and a report page there")
    add("--json", action="store_true", help="print the figures as JSON")
    add("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure, write the report if a folder is named, and print the table.

    Raises
    ------
    VslpError
        If anything typed cannot be used; whatever lay in the output folder is kept.
    """
    settings = Settings(
        encoder=arguments.model,
        smoothness=arguments.smoothness,
        edges=not arguments.no_edges,
        colours=not arguments.no_colours,
        device=arguments.device,
        seed=arguments.seed,
        # Every image is read once, and by this run alone.
        cache=False,
    )
    from napari_vslp.core.files.result_folder import check_results
    from napari_vslp.evaluation.report import FILES, KIND, write_evaluation
    from napari_vslp.evaluation.run import evaluate, read_study
    from napari_vslp.evaluation.summary import summarise

    named = arguments.tissues
    study = read_study(
        arguments.cohort,
        arguments.masks,
        settings,
        images=arguments.images,
        tissues=None if named is None else [name.strip() for name in named.split(",")],
        labels=arguments.labels,
        split=arguments.split,
        limit=arguments.limit,
        upper_bound=arguments.ceiling,
    )

    if arguments.out is not None:
        check_results(arguments.out, KIND, FILES, [arguments.cohort])
    with following(arguments.quiet or arguments.json) as job:
        summary = summarise(study, evaluate(study, job))
        written = write_evaluation(summary, arguments.out, job) if arguments.out else []
    _tell(summary, written, arguments)


def _tell(summary: Summary, written: list[Path], arguments: argparse.Namespace) -> None:
    from napari_vslp.evaluation.tables import table

    if arguments.json:
        json.dump(summary.as_dict(), sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    if arguments.quiet:
        return
    for sentence in summary.caveats:
        say(sentence)
    if not arguments.json:
        sys.stdout.write(f"{table(summary)}\n")
        if written:
            names = ", ".join(path.name for path in written)
            sys.stdout.write(f"Written to {written[0].parent}: {names}\n")
