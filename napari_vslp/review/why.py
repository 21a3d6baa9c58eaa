"""Why a pixel has its tissue: what speaks for each one, and one sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.review.pixels import Terms, cost_map, runner_up, terms_at

OUTSIDE = "Nothing was segmented at that place: ask inside the region."
# Below this margin (nats; e^0.4 = 1.5) a second tissue is hardly less likely.
CLOSE = 0.4
CLEAR = 2.0


@dataclass(frozen=True)
class TissueCost:
    """What speaks for and against one tissue at a pixel (nats, but for the confidence).

    Attributes
    ----------
    name
        Of the tissue.
    confidence
        In [0, 1]: how much the pixel looks like it.
    cost
        C = −log confidence: what its looks say against it.
    price
        φ: what the shares say for it.
    boundary
        ∇ᵀp: what the neighbours say against it; negative speaks for it.
    total
        C − φ + ∇ᵀp, the lowest wins; infinite if the shares rule the tissue out.
    """

    name: str
    confidence: float
    cost: float
    price: float
    boundary: float
    total: float

    @property
    def priced(self) -> float:
        """Cost less price, C − φ (nats)."""
        return self.cost - self.price


@dataclass(frozen=True)
class Why:
    """Why the pixel at `row`, `column` of the whole image has its tissue.

    Attributes
    ----------
    costs
        One a tissue, in the result's order.
    spread
        How much the views disagree there, in [0, 1]; the confidences' uncertainty.
    shown, runner_up
        Indices of the tissue shown and of the next one.
    margin
        How much dearer the second-best tissue is (nats).
    fidelity, regularisation
        The energies of the pixel (nats).
    marked
        Whether a click or the brush fixed it.
    """

    row: int
    column: int
    costs: tuple[TissueCost, ...]
    spread: float
    shown: int
    runner_up: int
    margin: float
    fidelity: float
    regularisation: float
    marked: bool

    @property
    def likeliest(self) -> int:
        """Index of the tissue that the pixel looks most like."""
        return int(np.argmax([v.confidence for v in self.costs]))

    @property
    def without_neighbours(self) -> int:
        """Index of the tissue it would have by its looks and the shares alone."""
        allowed = [v.priced if np.isfinite(v.total) else np.inf for v in self.costs]
        return int(np.argmin(allowed))


def why(result: Segmentation, row: int, column: int) -> Why:
    """Explain one pixel.

    Parameters
    ----------
    row, column
        In px of the whole image.

    Raises
    ------
    VslpError
        If nothing was segmented there.
    """
    top, left, bottom, right = result.region
    y, x = row - top, column - left
    if not (top <= row < bottom and left <= column < right) or result.labels[y, x] == 0:
        raise VslpError(OUTSIDE)
    shown = int(result.labels[y, x]) - 1
    terms = terms_at(result, np.array([y]), np.array([x]))
    return Why(
        row=row,
        column=column,
        costs=_costs(result, terms, y, x),
        spread=float(result.spread[y, x]),
        shown=shown,
        runner_up=int(runner_up(terms, np.array([shown], np.uint8))[0]),
        margin=float(result.margin[y, x]),
        fidelity=float(result.fidelity_map[y, x]),
        regularisation=float(result.regularisation_map[y, x]),
        marked=_marked(result, y, x),
    )


def sentence(reason: Why) -> str:
    """Say in one or two sentences why the pixel has its tissue."""
    shown, likely = reason.costs[reason.shown], reason.costs[reason.likeliest]
    if reason.marked:
        return f"You marked this place as {shown.name}."
    said = _looks(reason)
    if shown is likely:
        return f"{said} {_how_clear(reason)}"
    deciding = "The shares and its neighbours"
    if reason.without_neighbours == reason.shown:
        deciding = "The shares"
    elif reason.without_neighbours == reason.likeliest:
        deciding = "Its neighbours"
    other = reason.costs[reason.runner_up].name
    # The pair that the list of places names is told in full.
    close = f"; it could as well be {other}" if reason.margin < CLOSE else ""
    return f"{said} {deciding} made it {shown.name}{close}."


def _looks(reason: Why) -> str:
    first, second = sorted(reason.costs, key=lambda v: -v.confidence)[:2]
    return (
        f"Looks like {first.name} ({_per_cent(first.confidence)}), "
        f"{second.name} next ({_per_cent(second.confidence)})."
    )


def _per_cent(share: float) -> str:
    return f"{share:.0%}".replace("%", "\u00a0%")  # a space that no line breaks


def _how_clear(reason: Why) -> str:
    other, shown = (
        reason.costs[reason.runner_up].name,
        reason.costs[reason.shown].name,
    )
    if reason.without_neighbours != reason.shown:
        return f"The shares spoke for another tissue; its neighbours kept it {shown}."
    if reason.margin < CLOSE:
        return f"It could as well be {other}."
    if reason.margin > CLEAR:
        return "Shares and neighbours agree clearly."
    return "Shares and neighbours agree."


def _costs(result: Segmentation, terms: Terms, y: int, x: int) -> tuple[TissueCost, ...]:
    from napari_vslp.energy.problem import cost_of

    # The cost of the looks alone: that of a marked pixel says only that it is marked.
    confidence = result.confidence[:, y, x]
    looks, total = cost_of(confidence), terms.total[:, 0]
    return tuple(
        TissueCost(
            name=tissue.name,
            confidence=float(confidence[k]),
            cost=float(looks[k]),
            price=float(terms.price[k]),
            boundary=float(terms.boundary[k, 0]),
            total=float(total[k]),
        )
        for k, tissue in enumerate(result.tissues)
    )


def _marked(result: Segmentation, y: int, x: int) -> bool:
    from napari_vslp.energy.problem import FIXED_COST

    cost = cost_map(result)
    if cost is not None:
        return bool(cost[:, y, x].max() >= FIXED_COST)
    at = (y + result.region[0], x + result.region[1])
    return any((c.row, c.column) == at for c in result.clicks)
