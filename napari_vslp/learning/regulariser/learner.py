"""The learner of regularisers: from images to a file; tune, train, test on others, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import option
from napari_vslp.core.progress import Job
from napari_vslp.learning.contract import Event, Run, Trained

if TYPE_CHECKING:
    from napari_vslp.energy.terms.regulariser import RegulariserCard
    from napari_vslp.learning.cohort import Cohort
    from napari_vslp.learning.regulariser.gate import Verdict
    from napari_vslp.learning.regulariser.train import Recipe, Sample

LEAST_IMAGES = 10
# Of five images one tests and one tunes; both do not teach.
HELD_OUT = 5


@dataclass(frozen=True)
class RegulariserOptions:
    """What a user may set about the training of a regulariser.

    Attributes
    ----------
    encoder
        As in `napari_vslp.core.settings.Settings`: what sees the images.
    steps
        Steps of Adam.
    most_images
        How many images are used at the most.
    seed
        Of everything that draws random numbers.
    """

    encoder: str = option(
        "bundled",
        "Start from",
        "The model that sees the images",
        subject="The encoder",
        flag="--encoder",
        help="that sees the images (stage 1)",
        metavar="MODEL",
        control="model",
    )
    steps: int = option(
        300,
        "Steps",
        "Of learning",
        subject="The number of steps",
        flag="--steps",
        help="of learning",
        low=1,
    )
    most_images: int = option(
        200,
        "Most images",
        "More images take longer to read",
        subject="The number of images",
        flag="--most",
        help="images to use",
        low=1,
    )
    seed: int = option(
        0,
        "The seed",
        "Of random numbers",
        flag="--seed",
        help="of random numbers",
        low=0,
        dock=False,
    )


class RegulariserLearner:
    """Learns what shapes tissues have, by hiding blocks of images (docs/energy.md)."""

    name = "regulariser"
    title = "Shapes of tissues"
    columns = ("image", "tissues")
    makes: Literal["regulariser"] = "regulariser"
    Options = RegulariserOptions

    def fit(self, cohort: Cohort, options: RegulariserOptions, run: Run, job: Job) -> Trained:
        """Train a regulariser, test it and write it with its verdict.

        Raises
        ------
        VslpError
            If the images cannot teach, or the file would replace one of another kind.
        Cancelled
            If the job is told to stop; nothing is written.
        """
        from napari_vslp.learning.regulariser.train import Recipe

        _check_out(run.out)
        plan = (options.steps,)
        job.report(Event(stage="Reading the images", fraction=0.0, kind="reading", plan=plan))
        samples = _samples(cohort, options, run.device, job)
        recipe = Recipe(steps=options.steps, seed=options.seed)
        data = f"{len(samples)} images of {cohort.path.name}, encoder {options.encoder}"
        verdict, card = make_regulariser(samples, run.out, recipe=recipe, data=data, job=job)
        word = "passed" if verdict.accepted else "did not pass"
        said = (
            f"It {word} its test on {verdict.images} other images: guessing hidden blocks costs "
            f"{verdict.learned.mean:.4f} nats a pixel with it and {verdict.plain.mean:.4f} "
            f"without, a difference of {verdict.difference.mean:+.4f} ± "
            f"{verdict.difference.error:.4f}."
        )
        return Trained(run.out, card, "shapes of tissues", verdict.figures(), said)


LEARNER = RegulariserLearner()


def make_regulariser(
    samples: Sequence[Sample], out: Path, *, recipe: Recipe, data: str = "", job: Job
) -> tuple[Verdict, RegulariserCard]:
    """Train a regulariser, test it on a fifth of the images, and write it with its verdict.

    Another fifth sets λ and s: on images that taught, too strong an s looks best.

    It is written also where it failed: the card says so, and whoever uses it is told.

    Parameters
    ----------
    samples
        At least ten.
    out
        The ``.safetensors`` file.
    recipe
        How to train; its seed also draws the images that test.
    data
        A sentence on where the images come from.

    Raises
    ------
    VslpError
        If the samples cannot teach or the file cannot be written.
    Cancelled
        If the job was told to stop; nothing is written.
    """
    import numpy as np

    from napari_vslp.energy.terms.regulariser import RegulariserCard, save_regulariser
    from napari_vslp.learning.regulariser.gate import (
        Candidate,
        blind_spot_costs,
        judge,
        tune_strength,
    )
    from napari_vslp.learning.regulariser.train import (
        check_samples,
        train_regulariser,
        tune_smoothness,
    )

    if len(samples) < LEAST_IMAGES:
        raise VslpError(
            f"A regulariser needs at least {LEAST_IMAGES} images, to learn from and to be tested "
            f"on: add {LEAST_IMAGES - len(samples)} or more."
        )
    check_samples(samples, recipe.crop_px)
    seed = recipe.seed
    order = np.random.default_rng(seed).permutation(len(samples)).tolist()
    held = [samples[i] for i in order[::HELD_OUT]]
    tuning = [samples[i] for i in order[1::HELD_OUT]]
    taught = [samples[i] for place, i in enumerate(order) if place % HELD_OUT > 1]
    smoothness, _ = tune_smoothness(tuning, seed=seed, job=job)
    network = train_regulariser(taught, smoothness, recipe, job=job)
    strength = tune_strength(tuning, smoothness, network, seed=seed, job=job)
    plain = blind_spot_costs(held, Candidate(smoothness), seed=seed, job=job)
    candidate = Candidate(smoothness, network, strength)
    verdict = judge(plain, blind_spot_costs(held, candidate, seed=seed, job=job))
    figures = verdict.figures()
    card = RegulariserCard(recipe.shape, strength, smoothness, verdict.accepted, figures, data)
    save_regulariser(out, network, card)
    return verdict, card


def _samples(cohort: Cohort, options: RegulariserOptions, device: str, job: Job) -> list[Sample]:
    """Look at the images as stage 1 does."""
    import numpy as np

    from napari_vslp.core.settings import Settings
    from napari_vslp.core.tissues import Tissue
    from napari_vslp.learning.regulariser.train import Sample
    from napari_vslp.pipeline import prepare

    settings = Settings(encoder=options.encoder, device=device, seed=options.seed, smoothness=2.0)
    tissues = tuple(Tissue(name) for name in cohort.tissues)
    order = np.random.default_rng(options.seed).permutation(len(cohort.bags))
    chosen, samples = order[: options.most_images], []
    for number, index in enumerate(chosen):
        done = number / len(chosen)
        job.report(Event(stage="Reading the images", fraction=done, kind="reading"))
        bag = cohort.bags[index]
        prepared = prepare(bag.image, region=bag.region, settings=settings, job=Job(job.cancel))
        confidence = prepared.confidence_of(tissues, (), settings, keep_start=False)
        if confidence.start_only:
            raise VslpError(
                f"The encoder “{options.encoder}” tells none of these tissues apart",
                mend="name a model that was trained on them with --encoder",
                remedy="known encoder",
            )
        samples.append(Sample(prepared.image, confidence.mean, prepared.tv_weight_of(settings)))
    return samples


def _check_out(out: Path) -> None:
    """Raise `VslpError` if something other than an earlier regulariser would be replaced."""
    from napari_vslp.energy.terms.regulariser import load_regulariser

    if not out.exists():
        return
    try:
        load_regulariser(out)
    except VslpError as error:
        raise VslpError(
            f"“{out}” is there already and is no regulariser of napari-vslp",
            mend="choose another --out",
            remedy="name",
        ) from error
