"""The energy of one image: costs, edge weights, tissue mask, fixed pixels and proportions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import Tissue
from napari_vslp.energy.penalties.contract import Mask, Penalty, Vector

# Chosen together on EBHI-Seg and WSSS4LUAD (docs/accuracy.md): sharp, strong edges. The gain keeps
# one λ meaning about as much smoothness with edges as without.
GAIN = 8.0
FLOOR = 0.08
SIGMA_PX = 1.0
# Squared slope of glass, noise and all: less than one grey value a pixel.
_FLAT = 1 / 255**2


def edge_weight(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return g = 8 / (1 + (β|∇I_σ|²)²), never below 0.08.

    1/β is the median of |∇I_σ|² over the pixels that are not flat, so that neither the strength of
    the stain matters nor how much glass there is; σ = 1 px.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (H, W) float32 in [0.08, 8]; 1 everywhere in an image that is flat.

    Notes
    -----
    The edge-stopping function of Perona & Malik (1990), squared, as the weight of geodesic total
    variation, Bresson et al. (2007).
    """
    grey = image.astype(np.float32).mean(axis=2) / 255
    smooth = gaussian_filter(grey, SIGMA_PX, mode="nearest")
    squared = np.zeros_like(smooth)
    for axis in range(2):
        if smooth.shape[axis] > 1:
            squared += np.square(np.gradient(smooth, axis=axis))
    # Glass would lower the scale, until all tissue passed for edges.
    steep = squared[squared > _FLAT]
    if not steep.size:
        return np.ones_like(smooth)
    scale = float(np.median(steep))
    weight: NDArray[np.float32] = np.maximum(FLOOR, GAIN / (1 + np.square(squared / scale)))
    return weight.astype(np.float32)


Array = NDArray[np.float32]
CONFIDENCE_FLOOR = 1e-4
# The cost of contradicting a fixed pixel: far beyond any boundary or price, yet small enough that
# a float32 sum beside it keeps three decimals.
FIXED_COST = 1e4
OUTSIDE = -1.0


@dataclass(frozen=True)
class Problem:
    """E(u) = Σ m⟨C,u⟩ + Σ_x Σ_k (λ/2) g |∇u_k|₂ + M·F(a(u)) over u(x) in the K-simplex.

    Attributes
    ----------
    cost
        C, (K, H, W) float32 (nats).
    tv_weight
        (H, W) float32: λg/2 where there is tissue, `OUTSIDE` (−1) elsewhere. Boundaries with the
        outside are free.
    penalty
        F.
    anisotropic
        Whether boundaries are measured by |∇u|₁, as on a graph, instead of |∇u|₂. Blocky, but
        then the coarea formula holds on the grid and graph cuts solve K = 2 exactly.
    """

    cost: Array
    tv_weight: Array
    penalty: Penalty
    anisotropic: bool = False

    @property
    def pixels(self) -> int:
        """M, the number of tissue pixels."""
        return int(np.count_nonzero(self.tv_weight >= 0))


@dataclass
class State:
    """Where the solver stands: relaxed labels u, boundary forces p and prices φ.

    Attributes
    ----------
    u
        (K, H, W) float32 in the simplex.
    p
        (2, K, H, W) float32, |p| ≤ λg/2; p[0] along columns (x), p[1] along rows (y).
    price
        (K,) float64 φ (nats per px).
    """

    u: Array
    p: Array
    price: Vector

    def copy(self) -> State:
        """Return a state that may be changed without changing this one."""
        return State(self.u.copy(), self.p.copy(), self.price.copy())


def start_state(problem: Problem) -> State:
    """Return the cheapest tissue at every pixel, no boundary forces and no prices."""
    cost = problem.cost
    cheapest = cost.min(axis=0)
    u = (cost == cheapest).astype(np.float32)
    u /= u.sum(axis=0)
    p = np.zeros((2, *cost.shape), np.float32)
    return State(u, p, np.zeros(len(cost)))


def cost_of(confidence: Array) -> Array:
    """Return C = −log max(c, 1e-4), (K, H, W) float32 (nats)."""
    return -np.log(np.maximum(confidence, np.float32(CONFIDENCE_FLOOR)))


def fix_pixels(cost: Array, fixed: NDArray[np.uint8]) -> Array:
    """Return the costs with clicked or painted pixels bound to their tissue.

    Parameters
    ----------
    cost
        (K, H, W) float32.
    fixed
        (H, W) uint8: 0 free, k + 1 bound to tissue k.
    """
    if not fixed.any():
        return cost
    bound = cost.copy()
    rows, columns = np.nonzero(fixed)
    bound[:, rows, columns] = FIXED_COST
    bound[fixed[rows, columns].astype(np.intp) - 1, rows, columns] = 0
    return bound


def check_fixed(
    fixed: NDArray[np.uint8], mask: Mask, tissues: tuple[Tissue, ...], penalty: Penalty
) -> None:
    """Raise `VslpError` if fixed pixels alone exceed a tissue's highest proportion."""
    counts = np.bincount(fixed[mask], minlength=len(tissues) + 1)[1:] / max(1, mask.sum())
    _, high = penalty.bounds()
    for tissue, count, limit in zip(tissues, counts, high, strict=True):
        # One pixel of slack: a click in a tissue of a tiny image is no contradiction.
        if count > limit + 1.5 / max(1, mask.sum()):
            raise VslpError(
                f"{count:.1%} of the image is already painted as {tissue.name}, more than the "
                f"{limit:.1%} asked for: raise its share or erase some of the paint."
            )


def without_absent(problem: Problem) -> tuple[Problem, Mask]:
    """Drop tissues whose highest proportion is 0: as constraints they converge twentyfold slower.

    Returns
    -------
    Problem
        The problem of the tissues that may occur.
    ndarray
        (K,) bool: which were kept.
    """
    _, high = problem.penalty.bounds()
    kept = high > 0
    if kept.all() or not kept.any():
        return problem, np.ones(len(high), bool)
    return replace(problem, cost=problem.cost[kept], penalty=problem.penalty.keep(kept)), kept
