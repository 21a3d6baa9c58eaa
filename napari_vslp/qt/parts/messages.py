"""Numbers of a result in the words of a pathologist."""

from __future__ import annotations

from collections.abc import Sequence

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.sliders import surplus
from napari_vslp.core.tissues import Tissue

START_ONLY = "Areas alone cannot tell which tissue is which: click once in each tissue."

_AREAS_ALONE = START_ONLY.split(":", maxsplit=1)[0]


def hints(result: Segmentation) -> list[str]:
    """Return the sentences to read about a result, the call for clicks first."""
    told = any(note.startswith(_AREAS_ALONE) for note in result.notes)
    first = [START_ONLY] if result.start_only and not told else []
    return first + list(dict.fromkeys(result.notes))


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


def pull(price: float) -> str:
    """Say what the shadow price of one tissue (nats per px) means."""
    size = abs(price)
    if size < 0.05:
        return "The image agrees with this number."
    amount = "a little " if size < 0.4 else "far " if size > 1.5 else ""
    return f"The image shows {amount}{'less' if price > 0 else 'more'} of it than typed."


def pull_number(price: float) -> str:
    """Say the shadow price as a number, for the tooltip."""
    return (
        f"Pull {-price:+.2f}. Near 0 the image agrees with the number typed; "
        "above 0 it shows more of this tissue, below 0 less."
    )


def under_mouse(tissue: str, confidence: float, doubt: float | None) -> str:
    """Say what a place is, how much it looks like that, and how doubtful it is."""
    said = f"{tissue} · looks {100 * confidence:.0f} % like it"
    return said if doubt is None else f"{said} · doubt {100 * doubt:.0f} %"


def per_cent(share: float) -> str:
    """Write a share in [0, 1] as “41.2 %”."""
    return f"{100 * share:.1f} %"


def reached(result: Segmentation, index: int) -> str:
    """Say the share and, if the pixel size is known, the area reached by a tissue."""
    share = per_cent(float(result.shares[index]))
    areas = result.areas_mm2()
    if areas is None:
        return f"Reached {share}"
    return f"Reached {share} = {areas[result.tissues[index].name]:.4g} mm²"


def within(result: Segmentation) -> str:
    """Say how far from the best possible the result is at most."""
    gap = 100 * max(result.gap, 0.0)
    size = f"{gap:.1g} %" if gap >= 0.001 else "0.001 %"
    return f"Within {size} of the best possible"


def quality(result: Segmentation) -> str:
    """Say how far from the best possible the result is, and what it took."""
    steps = "step" if result.iterations == 1 else "steps"
    seconds = f"{result.seconds:.1f} s" if result.seconds >= 0.1 else "under 0.1 s"
    return f"{within(result)}\n{seconds} · {result.iterations} {steps}"
