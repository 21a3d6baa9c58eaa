"""Two tissues, every proportion at once: one solve w whose quantiles are the segmentations.

By the coarea formula (Chambolle, "An algorithm for total variation minimization and
applications", 2004; Chan, Esedoglu & Nikolova, 2006) the minimiser at price difference s is
{w > s}, where w solves min ½‖w − (C₂ − C₁)‖² + Σ λg|∇w|. So a slider move is a look-up.
On the pixel grid this is exact for anisotropic boundaries; for isotropic ones it is within some
per cent, a start that `solver.solve` then polishes and certifies (docs/energy.md has figures).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.energy.engines.compiled import compiled
from napari_vslp.energy.engines.kernels import Rows, edges_of
from napari_vslp.energy.penalties import TrustTerm, Vector
from napari_vslp.energy.problem import FIXED_COST, Array, Problem, State

ITERATIONS = 150
# Labels blend over this range of w (nats), so that a level set cut across a plateau stays smooth.
RAMP = 0.005


@compiled
def denoise_pass(  # noqa: PLR0917 - numba takes no keywords
    w: Rows,
    bar: Rows,
    p: Rows,
    data: Rows,
    radius: Rows,
    diagonal: bool,
    tau: float,
    sigma: float,
    theta: float,
    above: Rows,
) -> None:
    """Run one accelerated primal–dual iteration of min ½‖w − f‖² + Σ λg|∇w|, in place.

    Parameters
    ----------
    w, bar, data
        (H, W) float32: solution, its extrapolation, and f.
    p
        (2, H, W) float32 forces, |p| ≤ λg = twice the radius.
    above
        (W,) float32, zeros: carries the forces of the row above.
    """
    height, width = w.shape
    right = np.empty(width, np.float32)
    down = np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    ball = np.empty(width, np.float32)
    t, s, th = np.float32(tau), np.float32(sigma), np.float32(theta)
    shrink_w, two, tiny = np.float32(1 / (1 + tau)), np.float32(2), np.float32(1e-30)
    for y in range(height):
        edges_of(radius, y, right, down, inside, ball)
        below = min(y + 1, height - 1)
        for x in range(width):
            limit = two * ball[x]
            qx = p[0, y, x] + s * (bar[y, min(x + 1, width - 1)] - bar[y, x]) * right[x]
            qy = p[1, y, x] + s * (bar[below, x] - bar[y, x]) * down[x]
            if diagonal:
                shrink = limit / max(math.sqrt(qx * qx + qy * qy), limit + tiny)
                p[0, y, x] = qx * shrink
                p[1, y, x] = qy * shrink
            else:
                p[0, y, x] = min(max(qx, -limit), limit)
                p[1, y, x] = min(max(qy, -limit), limit)
        for x in range(width):
            left = p[0, y, x - 1] if x > 0 else np.float32(0)
            pull = left - p[0, y, x] - p[1, y, x] + above[x]
            new = (w[y, x] + t * (data[y, x] - pull)) * shrink_w
            bar[y, x] = new + th * (new - w[y, x])
            w[y, x] = new
        for x in range(width):
            above[x] = p[1, y, x]


@dataclass(frozen=True)
class ProportionCurve:
    """The solve of a two-tissue problem, from which any proportion is looked up.

    Attributes
    ----------
    level
        w, (H, W) float32 (nats): how early a pixel joins the first tissue as its share grows.
    forces
        p of w, (2, H, W) float32.
    ordered
        w of the tissue pixels, ascending.
    inside
        (H, W) bool tissue mask.
    """

    level: Array
    forces: Array
    ordered: Array
    inside: NDArray[np.bool_]

    def threshold(self, share: float) -> float:
        """Return the s with {w > s} holding that share of the tissue pixels."""
        index = round((1 - share) * len(self.ordered))
        if index >= len(self.ordered):
            return float(self.ordered[-1]) + RAMP
        if index <= 0:
            return float(self.ordered[0]) - RAMP
        return float(self.ordered[index - 1] + self.ordered[index]) / 2

    def share(self, threshold: float) -> float:
        """Return the share of the first tissue, {w > s}."""
        below = int(np.searchsorted(self.ordered, threshold, side="right"))
        return 1 - below / len(self.ordered)

    def look_up(self, trust: TrustTerm) -> State:
        """Return the state of a proportion term, in the time of two passes over the image."""
        threshold = self._balance(trust)
        rise: Array = (self.level - np.float32(threshold)) / np.float32(RAMP) + np.float32(0.5)
        first = np.clip(rise, 0, 1)
        half: Array = self.forces * np.float32(0.5)
        price = _prices(trust, threshold, self.share(threshold))
        return State(np.stack([first, 1 - first]), np.stack([half, -half], axis=1), price)

    def _balance(self, trust: TrustTerm) -> float:
        # The optimal s is where the slope of F at the share {w > s} balances it; the share falls
        # and so that slope falls as s grows: one scalar root.
        low, high = float(trust.low[0]), float(trust.high[0])
        target, rho = float(trust.target[0]), trust.rho
        if trust.mode == "none":
            return 0.0
        if trust.mode == "measured":
            return self.threshold(target)
        if trust.mode == "interval":
            lowest = max(low, 1 - float(trust.high[1]))
            highest = min(high, 1 - float(trust.low[1]))
            return self.threshold(min(max(self.share(0.0), lowest), highest))
        if trust.mode == "robust":
            return min(max(self.threshold(target), -2 * rho), 2 * rho)
        below, above = float(self.ordered[0]) - 1, float(self.ordered[-1]) + 1
        for _ in range(60):
            middle = (below + above) / 2
            if middle < _slope(trust.mode, self.share(middle), target, rho):
                below = middle
            else:
                above = middle
        return (below + above) / 2


def _prices(trust: TrustTerm, threshold: float, share: float) -> Vector:
    """Return the prices φ with φ₁ − φ₂ = −s that the proportion term itself would set."""
    if trust.mode == "interval":
        # Only the bound that binds has a price: the other tissue's is 0.
        if threshold < 0:
            first_binds = trust.low[0] >= 1 - trust.high[1]
        else:
            first_binds = trust.high[0] <= 1 - trust.low[1]
        return np.array([-threshold, 0.0]) if first_binds else np.array([0.0, threshold])
    if trust.mode == "kl":
        area = np.array([share, 1 - share])
        return -trust.rho * (np.log(area + 1e-9) - np.log(trust.target + 1e-9))
    return np.array([-threshold / 2, threshold / 2])


def _slope(mode: str, share: float, target: float, rho: float) -> float:
    """Return dF(a, 1 − a)/da at a = share."""
    if mode == "quadratic":
        return 2 * rho * (share - target)
    odds = np.log((share + 1e-9) / (1 - share + 1e-9))
    return float(rho * (odds - np.log((target + 1e-9) / (1 - target + 1e-9))))


def proportion_curve(
    problem: Problem, *, iterations: int = ITERATIONS, job: Job | None = None
) -> ProportionCurve:
    """Solve a two-tissue problem for all proportions at once.

    Parameters
    ----------
    problem
        With K = 2; its trust term is not looked at.

    Raises
    ------
    Cancelled
        If the job was told to stop.

    Notes
    -----
    Algorithm 2 of Chambolle & Pock (2011): τ, σ with στ·8 < 1, θ = 1/√(1 + 2τ).
    """
    job = job or Job()
    # Half the cost of a contradiction still dwarfs every boundary, and keeps float32 exact.
    data = np.clip(problem.cost[1] - problem.cost[0], -FIXED_COST / 2, FIXED_COST / 2)
    inside = problem.radius >= 0
    w, bar = data.copy(), data.copy()
    p, above = np.zeros((2, *w.shape), np.float32), np.zeros(w.shape[1], np.float32)
    tau, sigma = 0.5, 0.99 / 8 / 0.5
    for _ in range(iterations):
        job.check()
        theta = 1 / math.sqrt(1 + 2 * tau)
        above[:] = 0
        denoise_pass(
            w, bar, p, data, problem.radius, not problem.anisotropic, tau, sigma, theta, above
        )
        tau, sigma = tau * theta, sigma / theta
    return ProportionCurve(w, p, np.sort(w[inside]), inside)
