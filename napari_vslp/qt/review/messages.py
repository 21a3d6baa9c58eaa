"""What the audit says, in the words of a pathologist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.review import wording

if TYPE_CHECKING:
    from napari_vslp.review.cost_curve import CostCurve
    from napari_vslp.review.regions import Region
    from napari_vslp.review.why import Why

NO_IMAGE = "There is no image yet: open one, or try File › Open Sample."
NO_RESULT = "There is no result to look over yet: press Segment."
NOTHING = "Nothing doubtful is left: every place is clear."
ALL_LOOKED = "Every doubtful place has been looked at."
NO_SPOT = "Press Next, or press “Ask why” and click a place in the image."
ASKING = "Click a place in the image to read why it is what it is."
CHANGED = "The result changed meanwhile: press “Work it out” once more."
IMAGE_GONE = "The image was removed: the curve is not shown."
UNKNOWN_SHARE = "The share of {} is set to unknown: type a number for it first."
LOCKED_SHARE = "The share of {} is locked: unlock it first."
CLICK_FAILED = "{} is no longer in the table of tissues: press Segment."


def per_cent(share: float) -> str:
    """Write a share in [0, 1] as “41 %”, which no line breaks."""
    return f"{share:.0%}".replace("%", "\u00a0%")


def certificate(result: Segmentation) -> str:
    """Say how sure it is that there is no better result, and what the doubt is about."""
    return f"{wording.within(result)}.\n{wording.doubts(result)}"


def certificate_tip(result: Segmentation) -> str:
    """Say the energies as numbers."""
    energy = result.energy
    boundaries = energy.total - energy.fidelity
    return (
        f"Energy {energy.objective:,.0f}, proven to be {energy.bound:,.0f} at least. "
        f"Doubt about the numbers {energy.fidelity:,.0f}: what pixels gave up of their own looks "
        f"for the shares and their neighbours. "
        f"Doubt about the boundaries {boundaries:,.0f}: their length, less where the "
        f"image has an edge. All in nats, summed over the pixels."
    )


def area(region: Region) -> str:
    """Say the area of a region."""
    return wording.area(region.pixels, region.area_um2)


def looked(count: int, total: int) -> str:
    """Say how many of the regions were looked at."""
    return f"{count} of {total} looked at" if total else ""


def rivals(reason: Why) -> str:
    """Say the runner-up and by how much it lost."""
    other = reason.costs[reason.runner_up].name
    if reason.margin > 100:
        return f"Next: {other}, far behind."
    return f"Next: {other}, {reason.margin:.2f} behind."


def cost_tip(reason: Why, index: int) -> str:
    """Say all numbers of one tissue at a place."""
    entry = reason.costs[index]
    total = "ruled out" if entry.total == float("inf") else f"{entry.total:.2f}"
    return (
        f"{entry.name}: looks like it {per_cent(entry.confidence)} "
        f"(the views differ by ±{per_cent(reason.spread)}). Against it speak its look "
        f"{entry.cost:.2f}, the shares {-entry.price:+.2f} and the places nearby "
        f"{entry.boundary:+.2f}; in sum {total}. The lowest sum wins."
    )


def curve_at(curve: CostCurve, share: float) -> str:
    """Say what a share would cost beside the present one."""
    now, then = curve.at(curve.present), curve.at(share)
    floor = 1e-3  # nats per px, as in the gap: a noiseless image disagrees with nothing
    change = (then - now) / max(now, floor)
    there = f"{curve.name} at {per_cent(share)}"
    if abs(change) < 0.005:
        return f"{there}: the same as now."
    if change >= 3:
        return f"{there}: {1 + change:.0f} times the disagreement of now."
    return f"{there}: {per_cent(abs(change))} {'more' if change > 0 else 'less'} disagreement."


def slope(curve: CostCurve) -> str:
    """Say how the image pulls at the present share, and where it would go by itself."""
    pull, here = curve.slope_at(curve.present), per_cent(curve.present)
    if abs(pull) < 0.05:
        return f"The image agrees with {here}."
    amount = "a little " if abs(pull) < 0.4 else "far " if abs(pull) > 1.5 else ""
    more = "less" if pull > 0 else "more"
    return (
        f"The image shows {amount}{more} {curve.name} than {here}. "
        f"By itself it would choose about {per_cent(curve.cheapest)}."
    )
