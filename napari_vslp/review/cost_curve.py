"""What another share of one tissue would cost: the optimal energy against its proportion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.energy.minimise import Warm, minimise
from napari_vslp.energy.multigrid import COST_CEILING, halve
from napari_vslp.energy.penalties.constraints import Interval
from napari_vslp.energy.penalties.contract import Penalty, Vector, penalty_of
from napari_vslp.energy.problem import OUTSIDE, Problem, cost_of
from napari_vslp.energy.solver import Stop
from napari_vslp.review.pixels import cost_map

STAGE = "Trying other shares"
# The tissue alone, or none of it at all, is a question of its own (a tissue less to solve for).
SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
# A share as near as this to the present one is not solved beside it.
APART = 0.03
# K·H·W of the grid on which the curve is solved: about 0.1 s a point.
MOST_VALUES = 140_000
STOP = Stop(tolerance=5e-4, max_iterations=400)

Others = Literal["typed", "free"]


@dataclass(frozen=True)
class CostCurve:
    """The least energy for each share of one tissue.

    Attributes
    ----------
    tissue
        Index of the tissue.
    name
        Of the tissue.
    shares
        (n,) float64, rising, in [0, 1].
    energies
        (n,) float64: E*(share), in nats per segmented px.
    slopes
        (n,) float64: dE*/dshare (nats per px); negative where more of the tissue would cost less.
    present
        The share that the result has.
    """

    tissue: int
    name: str
    shares: NDArray[np.float64]
    energies: NDArray[np.float64]
    slopes: NDArray[np.float64]
    present: float

    def at(self, share: float) -> float:
        """Return the energy at a share (nats per px), between two points in a straight line."""
        return float(np.interp(share, self.shares, self.energies))

    def slope_at(self, share: float) -> float:
        """Return the slope at a share (nats per px), between two points in a straight line."""
        return float(np.interp(share, self.shares, self.slopes))

    @property
    def cheapest(self) -> float:
        """The share that the image itself would choose: where the slope changes its sign."""
        if self.slopes[0] >= 0 or self.slopes[-1] <= 0:
            return float(self.shares[int(np.argmin(self.energies))])
        after = int(np.argmax(self.slopes > 0))
        low, high = self.slopes[after - 1], self.slopes[after]
        way = self.shares[after] - self.shares[after - 1]
        return float(self.shares[after - 1] - low / max(high - low, 1e-12) * way)


def cost_curve(
    result: Segmentation,
    tissue: int,
    *,
    shares: tuple[float, ...] = SHARES,
    others: Others = "typed",
    stop: Stop = STOP,
    most_values: int = MOST_VALUES,
    job: Job | None = None,
) -> CostCurve:
    """Solve once for each share of a tissue, each solve starting from its neighbour's.

    Parameters
    ----------
    tissue
        Index into `result.tissues`.
    shares
        Where to solve, beside the present share, in (0, 1).
    others
        ``"typed"``: the other tissues keep their intervals, scaled to what this one leaves, as
        when its slider is moved. ``"free"``: they share it as the image likes.
    stop
        When each solve ends.
    most_values
        The grid is halved until K·H·W is no more than this.

    Raises
    ------
    VslpError
        If the tissue is the only one, or nothing was segmented.
    Cancelled
        If the job was told to stop.

    Notes
    -----
    With the share s of tissue k exact and the others in [lo_j, hi_j]·(1 − s)/(1 − π_k), the set
    of allowed (s, a) is convex, so E* is convex in s, and by the envelope theorem
    dE*/ds = M (φ_k − Σ_j φ_j b_j), b_j = (lo_j if φ_j > 0 else hi_j)/(1 − π_k). With the others
    free their prices vanish, and it is the shadow price alone: ∂E*/∂π_k = M φ_k.
    """
    job = job or Job()
    problem = _coarse(_problem(result), most_values)
    if len(result.tissues) < 2 or not problem.pixels:
        raise VslpError("There must be two tissues at least before one can have another share.")
    name = result.tissues[tissue].name
    present = float(np.clip(result.reached[name], min(shares), max(shares)))
    wanted = sorted({s for s in shares if abs(s - present) >= APART} | {present})
    middle, points, done = wanted.index(present), {}, 0
    first: Warm | None = None
    for way in (wanted[middle:], wanted[:middle][::-1]):
        warm = first
        for share in way:
            job.report(Progress(STAGE, done / len(wanted)))
            penalty, bound = penalty_at(problem.penalty, tissue, share, others)
            asked = replace(problem, penalty=penalty)
            found, warm = minimise(asked, warm=warm, stop=stop, job=job)
            first = first or warm
            points[share] = (found.certificate.objective, _slope(warm.state.price, tissue, bound))
            done += 1
    energies = np.array([points[s][0] for s in wanted]) / problem.pixels
    slopes = np.array([points[s][1] for s in wanted])
    return CostCurve(tissue, name, np.array(wanted), energies, slopes, present)


def penalty_at(
    typed: Penalty, tissue: int, share: float, others: Others
) -> tuple[Interval, tuple[Vector, Vector]]:
    """Return the penalty with one share exact, and how the others' bounds follow 1 − share.

    Returns
    -------
    Interval
        Whatever the typed one.
    tuple of ndarray
        (K,) lo and hi as multiples of 1 − share; those of the tissue itself are not used.
    """
    low, high = np.zeros_like(typed.target), np.ones_like(typed.target)
    rest = 1 - typed.target[tissue]
    if others == "typed" and typed.uses_shares and rest > 1e-6:
        low, high = (bound / rest for bound in typed.asked())
    lowest, highest = np.minimum(low * (1 - share), 1.0), np.minimum(high * (1 - share), 1.0)
    lowest[tissue] = highest[tissue] = share
    target = typed.target * ((1 - share) / rest if rest > 1e-6 else 0.0)
    target[tissue] = share
    return Interval(lowest, highest, target), (low, high)


def _slope(price: Vector, tissue: int, bound: tuple[Vector, Vector]) -> float:
    """Return dE*/ds (nats per px) from the prices."""
    pulls = np.where(price > 0, bound[0], bound[1]) * price
    pulls[tissue] = 0.0
    return float(price[tissue] - pulls.sum())


def _problem(result: Segmentation) -> Problem:
    """Return what was minimised; a learned regulariser stays linearised at the result.

    A result without its state has no edges and no marked pixels.
    """
    chosen = result.settings
    penalty = penalty_of(result.tissues, chosen.trust, chosen.trust_strength)
    cost = cost_map(result)
    if cost is not None:
        return Problem(np.minimum(cost, np.float32(COST_CEILING)), result.state.tv_weight, penalty)
    tv_weight = np.full(result.labels.shape, result.settings.boundary_weight / 2, np.float32)
    tv_weight[result.labels == 0] = OUTSIDE
    return Problem(cost_of(result.confidence), tv_weight, penalty)


def _coarse(problem: Problem, most_values: int) -> Problem:
    while problem.cost.size > most_values and min(problem.tv_weight.shape) > 2:
        problem = halve(problem)
    return problem
