"""When not to trust the figures: only what the run itself can tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_vslp.evaluation.measured import Measured
from napari_vslp.evaluation.run import Study

_FEW_CASES = 30
_FEW_MASKS = 10
# Shares that were rounded to per cent miss the mask's by less.
_ROUNDING = 1.0


def caveats_of(study: Study, measured: Measured, cases: int) -> tuple[str, ...]:
    """Return one sentence for each thing that limits what the figures say.

    Parameters
    ----------
    cases
        How many cases the images are of.
    """
    return (
        *_about_images(study, cases),
        *_about_masks(study, measured),
        *_about_shares(study, measured),
        *measured.notes,
    )


def _about_images(study: Study, cases: int) -> Iterator[str]:
    images = len(study.samples)
    if cases < 2:
        yield "All images are of one case, so there are no intervals."
    elif cases < _FEW_CASES:
        yield (
            f"There are only {cases} cases: the intervals are rough, and other cases may fall "
            "outside of them."
        )
    if cases == images > 1:
        yield (
            "The intervals take every image for a case of its own; if some are of the same "
            "patient and the table does not say so in a column “case”, they are too narrow."
        )
    yield (
        "Whether the network learnt from some of these images, or a setting was chosen on them, is "
        "not known here; if so, the figures flatter it."
    )


def _about_masks(study: Study, measured: Measured) -> Iterator[str]:
    ignored = float(np.mean(measured.ignored))
    if ignored > 0:
        yield f"{ignored:.1%} of the pixels have a value that is not counted."
    images = len(measured.shares)
    for tissue, shares in zip(study.tissues, np.array(measured.shares).T, strict=True):
        there = int(np.count_nonzero(shares))
        if there < images and (there < _FEW_MASKS or there < images / 2):
            yield (
                f"{tissue} is in {there} of {images} masks; elsewhere it counts 1 where it is not "
                "found either, and 0 where a single pixel of it is."
            )


def _about_shares(study: Study, measured: Measured) -> Iterator[str]:
    typed = np.stack([one.shares for one in study.samples])
    off = 100 * np.abs(typed - np.array(measured.shares)).max(1)
    if off.max() > _ROUNDING:
        yield (
            f"The table's shares miss the masks' by {off.mean():.1f} points on average and by "
            f"{off.max():.1f} at most; “own share” is the table's."
        )
    vague = sum(not one.certain for one in study.samples)
    if vague:
        yield f"The table gives intervals for {vague} image(s); their middle was typed."
