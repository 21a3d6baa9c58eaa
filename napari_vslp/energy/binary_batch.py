"""Many two-tissue problems of one size at once, each minimised and certified on its own (numba).

Each is min over u in [0, 1] of

    E(u) = Σ_x d(x) u(x) + Σ_x λ g(x) |∇u(x)|₂,

the convex relaxation of a two-phase segmentation, which loses nothing: every level set {u > s} of
a minimiser is one too (Chan, Esedoglu and Nikolova 2006, "Algorithms for finding global
minimizers of image segmentation and denoising models"). The iteration and the gap are those of
`engines.binary_kernel` without proportions. A problem's answer does not depend on its neighbours
in the batch, nor on the number of threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.energy.engines.binary_kernel import audit_two, iterate_two
from napari_vslp.energy.engines.contract import RELAXATION
from napari_vslp.energy.engines.kernels import Rows, Sums, compiled
from napari_vslp.energy.problem import Array

# The certificate costs as much as an iteration.
CHECK_EVERY = 20
# Below this many values a second thread costs more than it saves.
LEAST_VALUES = 2**15
MOST_THREADS = 4
# σ/τ is a quarter of the largest λg, between these; τσ‖∇‖² < 1, since ‖∇‖² ≤ 8. Costs here are
# at most 1 where those of tissues are several nats, so the ratio is smaller than in `step_sizes`.
RATIOS = (0.02, 8.0)


@dataclass(frozen=True)
class Batch:
    """The minimisers of n problems.

    Attributes
    ----------
    u
        (n, H, W) float32 in [0, 1].
    energy
        (n,) float64: E(u).
    gap
        (n,) float64 ≥ 0: how far E(u) may be above the minimum, at most.
    relative_gap
        (n,) float64: the gap over max(|E|, 0.001 a pixel), as in `certificate.Certificate`.
    iterations
        (n,) int64.
    """

    u: Array
    energy: NDArray[np.float64]
    gap: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    iterations: NDArray[np.int64]


def solve_batch(
    difference: Array, tv_weight: Array, *, tolerance: float = 1e-3, max_iterations: int = 400
) -> Batch:
    """Minimise E for n cost differences and edge weights.

    Parameters
    ----------
    difference
        d, (n, H, W) float32: the cost of the first tissue less that of the second.
    tv_weight
        λg/2, (n, H, W) float32 ≥ 0.
    tolerance
        Relative duality gap at which a problem is left.
    max_iterations
        Where it is left at the latest.

    Returns
    -------
    Batch
        In the order of the problems.
    """
    count = len(difference)
    half = np.ascontiguousarray(difference, np.float32) * np.float32(0.5)
    around = np.ascontiguousarray(tv_weight, np.float32)
    u = np.empty_like(half)
    told = np.zeros((count, 3))

    def one(index: int) -> None:
        ratio = float(np.clip(around[index].max(initial=0.0) / 2, *RATIOS))
        tau = float(np.sqrt(0.99 / (8 * ratio)))
        minimise_one(
            half[index], around[index], u[index], told[index],
            tau, tau * ratio, tolerance, max_iterations, CHECK_EVERY,
        )  # fmt: skip

    threads = min(count, os.cpu_count() or 1, MOST_THREADS)
    if threads < 2 or half.size < LEAST_VALUES:
        for index in range(count):
            one(index)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(count)))
    pixels = max(1, half[0].size) if count else 1
    relative = told[:, 1] / np.maximum(np.abs(told[:, 0]), 1e-3 * pixels)
    return Batch(u, told[:, 0].copy(), told[:, 1].copy(), relative, told[:, 2].astype(np.int64))


@compiled
def minimise_one(  # noqa: PLR0917 - numba takes no keywords
    half: Rows,
    tv_weight: Rows,
    u: Rows,
    told: Sums,
    tau: float,
    sigma: float,
    tolerance: float,
    most: int,
    every: int,
) -> None:
    """Minimise one problem from u = [d < 0], and write what was found.

    Parameters
    ----------
    half, tv_weight
        (H, W) float32: d/2 and λg/2.
    u
        (H, W) float32, written.
    told
        (3,) float64, written: E(u), its gap, the number of iterations.
    """
    height, width = half.shape
    for y in range(height):
        for x in range(width):
            u[y, x] = np.float32(1.0) if half[y, x] < 0 else np.float32(0.0)
    p = np.zeros((2, height, width), np.float32)
    maps = np.empty((4, height, width), np.float32)
    above, area, sums = np.empty(width, np.float32), np.empty((height, 1)), np.empty(4)
    floor = 1e-3 * height * width
    done = 0
    while True:
        sums[:] = 0.0
        audit_two(
            u, p, half, tv_weight, 0.0, True, 0, height,
            maps[0], maps[1], maps[2], maps[3], sums, area,
        )  # fmt: skip
        told[0], told[1], told[2] = sums[0] + sums[2], sums[1], done
        if done >= most or told[1] <= tolerance * max(abs(told[0]), floor):
            return
        for turn in range(every):
            # The last one unrelaxed, so that u and p are as the certificate needs them.
            relax = RELAXATION if turn < every - 1 else 1.0
            above[:] = 0
            iterate_two(
                u, p, half, tv_weight, 0.0, tau, sigma, relax, True, 0, height,
                above, u[height - 1], area,
            )  # fmt: skip
        done += every
