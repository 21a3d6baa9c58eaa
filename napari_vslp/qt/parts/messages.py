"""Numbers of a result in the words of a pathologist."""

from __future__ import annotations

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.review.wording import START_ONLY, hints, per_cent, pull, within

__all__ = ["START_ONLY", "hints", "per_cent", "pull", "pull_number", "quality", "reached", "within"]


def pull_number(price: float) -> str:
    """Say the shadow price as a number, for the tooltip."""
    return (
        f"Pull {-price:+.2f}. Near 0 the image agrees with the number typed; "
        "above 0 it shows more of this tissue, below 0 less."
    )


def reached(result: Segmentation, index: int) -> str:
    """Say the share and, if the pixel size is known, the area reached by a tissue."""
    share = per_cent(float(result.shares[index]))
    areas = result.areas_mm2()
    if areas is None:
        return f"Reached {share}"
    return f"Reached {share} = {areas[result.tissues[index].name]:.4g} mm²"


def quality(result: Segmentation) -> str:
    """Say how far from the best possible the result is, and what it took."""
    steps = "step" if result.iterations == 1 else "steps"
    seconds = f"{result.seconds:.1f} s" if result.seconds >= 0.1 else "under 0.1 s"
    return f"{within(result)}\n{seconds} · {result.iterations} {steps}"
