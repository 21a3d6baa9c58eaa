"""Numbers of a result in the words of a pathologist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import surplus
from napari_vslp.core.tissues import Tissue
from napari_vslp.review.wording import per_cent, within

_OWN_PX = 9  # a click and its eight neighbours
CLICK_ALONE = (
    "The click changed nothing but its own place. A second click nearby helps, or the brush."
)


def sum_of_shares(tissues: Sequence[Tissue]) -> str:
    """Say what the shares typed add up to, and by how much that is off."""
    known = [t.value for t in tissues if t.value is not None]
    if not known:
        return ""
    total, over = 100 * sum(known), 100 * surplus(tissues)
    said = f"Sum: {round(total, 2):g} %"
    if over:
        return f"{said}, {round(abs(over), 2):g} too {'many' if over > 0 else 'few'}"
    return said if len(known) == len(tissues) else f"{said}, the rest is unknown"


def of_progress(progress: Progress) -> str:
    """Say what is being done, and how long it still takes where that is known."""
    left = progress.seconds_left
    if left is None or left < 1:
        return f"{progress.stage}…"
    told = f"{round(left)} s" if left < 90 else f"{round(left / 60)} min"
    return f"{progress.stage}… about {told} left"


def pull_number(price: float) -> str:
    """Say the shadow price as a number, for the tooltip."""
    return (
        f"In numbers: {-price:+.2f}. Near 0 the image agrees with the number typed; "
        "above 0 it shows more of this tissue, below 0 less."
    )


def under_mouse(tissue: str, confidence: float, doubt: float | None) -> str:
    """Say what a place is, how much it looks like that, and how doubtful it is."""
    said = f"{tissue} · looks {100 * confidence:.0f} % like it"
    return said if doubt is None else f"{said} · doubt {100 * doubt:.0f} %"


def reached(result: Segmentation, index: int) -> str:
    """Say the share and, if the pixel size is known, the area reached by a tissue."""
    share = per_cent(float(result.shares[index]))
    areas = result.areas_mm2()
    if areas is None:
        return f"Reached {share}"
    return f"Reached {share} = {areas[result.tissues[index].name]:.4g} mm²"


def duration(seconds: float) -> str:
    """Say how long something took: “under 1 s”, “12 s”, “3 min 23 s”."""
    whole = round(seconds)
    if whole < 1:
        return "under 1 s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def done(seconds: float | None) -> str:
    """Say that a run has ended, how long it took from the press of the button, and what is next."""
    first = "Done." if seconds is None else f"Done in {duration(seconds)}."
    return f"{first} Next: look over the doubtful places, or export."


def details(result: Segmentation) -> str:
    """Say how far from the best possible the result is, and what the search took."""
    steps = "step" if result.iterations == 1 else "steps"
    return f"{within(result)}, after {result.iterations} {steps} of the search."


def click_alone(before: Segmentation | None, after: Segmentation) -> str:
    """Say what helps if a new click changed nothing but its own place; else nothing."""
    if before is None or before.labels.shape != after.labels.shape or before is after:
        return ""
    fresh = _places(after) - _places(before)
    others = before.asked == after.asked and before.settings == after.settings
    changed = int(np.count_nonzero(before.labels != after.labels))
    return CLICK_ALONE if fresh and others and changed <= _OWN_PX * len(fresh) else ""


def _places(result: Segmentation) -> set[tuple[str, int, int]]:
    return {(c.tissue, c.row, c.column) for c in result.clicks}
