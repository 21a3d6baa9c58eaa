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
from napari_vslp.energy.engines.kernels import Rows, compiled, edges_of
from napari_vslp.energy.penalties.contract import Penalty
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
    tv_weight: Rows,
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
        (2, H, W) float32 forces, |p| ≤ λg = twice the TV weight.
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
        edges_of(tv_weight, y, right, down, inside, ball)
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

    def look_up(self, penalty: Penalty) -> State:
        """Return the state of a proportion penalty, in the time of two passes over the image."""
        threshold, price = penalty.balance(self)
        rise: Array = (self.level - np.float32(threshold)) / np.float32(RAMP) + np.float32(0.5)
        first = np.clip(rise, 0, 1)
        half: Array = self.forces * np.float32(0.5)
        return State(np.stack([first, 1 - first]), np.stack([half, -half], axis=1), price)


def proportion_curve(
    problem: Problem, *, iterations: int = ITERATIONS, job: Job | None = None
) -> ProportionCurve:
    """Solve a two-tissue problem for all proportions at once.

    Parameters
    ----------
    problem
        With K = 2; its proportion penalty is not looked at.

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
    inside = problem.tv_weight >= 0
    w, bar = data.copy(), data.copy()
    p, above = np.zeros((2, *w.shape), np.float32), np.zeros(w.shape[1], np.float32)
    tau, sigma = 0.5, 0.99 / 8 / 0.5
    for _ in range(iterations):
        job.check()
        theta = 1 / math.sqrt(1 + 2 * tau)
        above[:] = 0
        denoise_pass(
            w, bar, p, data, problem.tv_weight, not problem.anisotropic, tau, sigma, theta, above
        )
        tau, sigma = tau * theta, sigma / theta
    return ProportionCurve(w, p, np.sort(w[inside]), inside)
