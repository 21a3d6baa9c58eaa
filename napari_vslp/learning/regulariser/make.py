"""From images to the file of a regulariser: tune, train, test on others, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.energy.terms.regulariser_file import RegulariserCard, save_regulariser
from napari_vslp.learning.regulariser.gate import Rival, Verdict, guess_costs, judge, tune_strength
from napari_vslp.learning.regulariser.train import (
    Lessons,
    Sample,
    check_samples,
    train_regulariser,
    tune_smoothness,
)

LEAST_IMAGES = 10
# Of five images one tests and one tunes; both do not teach.
HELD_OUT = 5


def make_regulariser(
    samples: Sequence[Sample], out: Path, *, lessons: Lessons, data: str = "", job: Job
) -> Verdict:
    """Train a regulariser, test it on a fifth of the images, and write it with its verdict.

    Another fifth sets λ and s: on images that taught, too strong an s looks best.

    It is written also where it failed: the card says so, and whoever uses it is told.

    Parameters
    ----------
    samples
        At least ten.
    out
        The ``.safetensors`` file.
    lessons
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
    if len(samples) < LEAST_IMAGES:
        raise VslpError(
            f"A regulariser needs at least {LEAST_IMAGES} images, to learn from and to be tested "
            f"on: add {LEAST_IMAGES - len(samples)} or more."
        )
    check_samples(samples, lessons.crop_px)
    order = np.random.default_rng(lessons.seed).permutation(len(samples)).tolist()
    held = [samples[i] for i in order[::HELD_OUT]]
    tuning = [samples[i] for i in order[1::HELD_OUT]]
    taught = [samples[i] for turn, i in enumerate(order) if turn % HELD_OUT > 1]
    smoothness, _ = tune_smoothness(tuning, seed=lessons.seed, job=job)
    network = train_regulariser(taught, smoothness, lessons, job=job)
    strength = tune_strength(tuning, smoothness, network, seed=lessons.seed, job=job)
    plain = guess_costs(held, Rival(smoothness), seed=lessons.seed, job=job)
    rival = Rival(smoothness, network, strength)
    verdict = judge(plain, guess_costs(held, rival, seed=lessons.seed, job=job))
    card = RegulariserCard(
        lessons.shape, strength, smoothness, verdict.accepted, verdict.figures(), data
    )
    save_regulariser(out, network, card)
    return verdict
