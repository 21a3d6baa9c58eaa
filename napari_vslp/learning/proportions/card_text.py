"""What a trained model says of itself: in its file for the program, beside it for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version

from napari_vslp.core.tissues import PALETTE, Colour
from napari_vslp.encoders.card import ModelCard
from napari_vslp.learning.cohort import Cohort
from napari_vslp.learning.proportions.bag_images import Bags
from napari_vslp.learning.proportions.recipe import Recipe
from napari_vslp.learning.proportions.starts import Start
from napari_vslp.learning.proportions.work_folder import cohort_hash

_GREY = PALETTE[-1]


@dataclass(frozen=True)
class Origin:
    """What only the trainer knows of a model.

    Attributes
    ----------
    data
        What the images are; the table's name if not given.
    licence
        Terms under which the model may be used.
    attribution
        Whom to name.
    microns_per_pixel
        Of the images (µm/px), where the table does not say.
    """

    data: str = ""
    licence: str = "not stated: ask whoever trained it"
    attribution: str = "not stated"
    microns_per_pixel: float | None = None


def card_of(
    cohort: Cohort,
    bags: Bags,
    start: Start,
    recipe: Recipe,
    origin: Origin,
    *,
    curves: Sequence[Mapping[str, float]],
    seconds: float,
    machine: str,
) -> ModelCard:
    """Return the card of a trained network.

    Parameters
    ----------
    cohort, bags, start, recipe, origin
        What it was trained on, from and how.
    curves
        From `TrainingFolder.curves`.
    seconds : float
        That the training took.
    machine : str
        On which.

    Returns
    -------
    ModelCard
        With the figures of the last check.
    """
    last = curves[-1] if curves else {}
    named = {"loss": "loss", "held_out_loss": "held-out loss", "area_error": "held-out area error"}
    return ModelCard(
        tissues=bags.tissues,
        colours=_colours(bags.tissues),
        mean=_three(start.mean),
        std=_three(start.std),
        microns_per_pixel=cohort.microns_per_pixel or origin.microns_per_pixel,
        data=origin.data or f"{cohort.path.name}: {len(cohort.bags)} images with their shares",
        licence=origin.licence,
        attribution=origin.attribution,
        figures={text: round(last[name], 5) for name, text in named.items() if name in last},
        seed=recipe.seed,
        seconds=round(seconds, 1),
        machine=machine,
        arguments=start.network.arguments,
        provenance={
            "date": date.today().isoformat(),
            "table": cohort.path.name,
            "table hash": cohort_hash(cohort),
            "bags": str(len(bags.items)),
            "found without training": ", ".join(bags.white),
            "recipe": json.dumps(asdict(recipe), sort_keys=True),
            "versions": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        },
    )


_PACKAGES = ("napari-vslp", "torch", "timm", "lightning")


def card_text(card: ModelCard) -> str:
    """Return a card as a page of Markdown."""
    size = "not known" if card.microns_per_pixel is None else f"{card.microns_per_pixel:g} µm/px"
    figures = [f"- {name}: {value:g}" for name, value in card.figures.items()]
    origin = [f"- {name}: {value}" for name, value in card.provenance.items() if value]
    lines = [
        f"# A model for {', '.join(card.tissues)}",
        "",
        f"Trained on {card.data}.",
        f"Licence: {card.licence}. To be named: {card.attribution}.",
        f"Pixel size of its images: {size}.",
        "",
        "## Figures",
        "",
        "Of the bags that were held out, judged by their shares alone; no mask was read.",
        "`napari-vslp evaluate` measures it against masks.",
        "",
        *(figures or ["- none: too few images to hold any out"]),
        "",
        "## How it came to be",
        "",
        f"- seed {card.seed}, {card.seconds:g} s on {card.machine}",
        *origin,
        "",
    ]
    return "\n".join(lines)


def _colours(tissues: Sequence[str]) -> tuple[Colour, ...]:
    """Return the palette in order, and grey for what is merely other."""
    palette = iter(PALETTE * (1 + len(tissues) // len(PALETTE)))
    return tuple(_GREY if name.casefold() == "other" else next(palette) for name in tissues)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
