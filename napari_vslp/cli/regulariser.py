"""``napari-vslp regulariser``: a table of images in, the file of a learned regulariser out."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from napari_vslp.cli.paths import given_path
from napari_vslp.cli.terminal import following, say
from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job, Progress

if TYPE_CHECKING:
    from napari_vslp.learning.cohort import Cohort
    from napari_vslp.learning.regulariser.train import Sample

_EPILOG = """The table is that of “napari-vslp train”; only its images and its tissues' names are
used, no share and no mask. The file says whether it passed its test: it has to guess hidden
blocks of other images better than plain smoothness does. Use it with

  napari-vslp segment IMAGE … --regulariser FILE
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
    add("--images", type=given_path, metavar="DIR", help="folder of the images, if not the table's")
    add("--tissues", metavar="A,B", help="columns to take, if not all")
    add("--split", metavar="NAME", help="only rows with this split, such as train")
    add("--encoder", default="bundled", metavar="MODEL", help="that sees the images (stage 1)")
    add("--device", default="auto", help="of the encoder: auto, cpu, cuda, cuda:1 or mps")
    add("--steps", type=int, default=300, metavar="N", help="of learning (default 300)")
    add("--most", type=int, default=200, metavar="N", help="images to use (default 200)")
    add("--seed", type=int, default=0, metavar="N", help="of random numbers")
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
    if arguments.steps < 1 or arguments.most < 1:
        raise VslpError("Give --steps and --most whole numbers above 0.")
    if not arguments.out.parent.is_dir():
        raise VslpError(f"There is no folder {arguments.out.parent}: make it first.")
    from napari_vslp.learning.cohort import read_cohort

    names = arguments.tissues.split(",") if arguments.tissues else None
    cohort = read_cohort(
        arguments.cohort, images=arguments.images, tissues=names, split=arguments.split
    )
    from napari_vslp.learning.regulariser.make import make_regulariser
    from napari_vslp.learning.regulariser.train import Lessons

    with following(arguments.quiet) as job:
        samples = _samples(cohort, arguments, job)
        lessons = Lessons(steps=arguments.steps, seed=arguments.seed)
        data = f"{len(samples)} images of {arguments.cohort.name}, encoder {arguments.encoder}"
        verdict = make_regulariser(samples, arguments.out, lessons=lessons, data=data, job=job)
    if arguments.quiet:
        return
    word = "passed" if verdict.accepted else "did not pass"
    say(
        f"It {word} its test on {verdict.images} other images: guessing hidden blocks costs "
        f"{verdict.learned.mean:.4f} nats a pixel with it and {verdict.plain.mean:.4f} without, a "
        f"difference of {verdict.difference.mean:+.4f} ± {verdict.difference.error:.4f}."
    )
    sys.stdout.write(f"Written to {arguments.out}\n")


def _samples(cohort: Cohort, arguments: argparse.Namespace, job: Job) -> list[Sample]:
    """Look at the images as stage 1 does."""
    import numpy as np

    from napari_vslp.core.settings import Settings
    from napari_vslp.core.tissues import Tissue
    from napari_vslp.learning.regulariser.train import Sample
    from napari_vslp.pipeline import prepare

    settings = Settings(
        encoder=arguments.encoder, device=arguments.device, seed=arguments.seed, smoothness=2.0
    )
    tissues = tuple(Tissue(name) for name in cohort.tissues)
    order = np.random.default_rng(arguments.seed).permutation(len(cohort.bags))
    chosen, samples = order[: arguments.most], []
    for number, index in enumerate(chosen):
        job.report(Progress("Reading the images", number / len(chosen)))
        bag = cohort.bags[index]
        prepared = prepare(bag.image, region=bag.region, settings=settings, job=Job(job.cancel))
        confidence = prepared.confidence_of(tissues, (), settings, keep_start=False)
        if confidence.start_only:
            raise VslpError(
                f"The encoder “{arguments.encoder}” tells none of these tissues apart: name a "
                "model that was trained on them with --encoder."
            )
        samples.append(Sample(prepared.image, confidence.mean, prepared.radius_of(settings)))
    return samples
