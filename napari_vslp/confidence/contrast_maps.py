"""From a click's similarity to all pixels to a segmentation of its own: the equations of CVM.

Zhang, Burrows and others, "Click-based variational segmentation" (CVPR 2023), called CVM here.
For a click p in the tissue and clicks q in others, with S the similarity of features,

    C_pq = N((max(S_p − η S_q, 0))²),   z_p = N(mean over q of C_pq),   N(a) = a / max a,

    z_p ← w_p min(z_p / ζ, 1),

    u_p = argmin over u in [0, 1] of  Σ ((z_p − c₁)² − (z_p − c₂)²) u + Σ λ g |∇u|,
    g = 1 / (1 + β |∇z_σ|²).

Where paper, released code and this module differ, docs/clicks.md says how and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_vslp.core.options import option
from napari_vslp.energy.binary_batch import Batch, solve_batch

Maps = NDArray[np.float32]
Levels = Literal["fixed", "alternated"]

# What the solver is asked for: labels then differ from the minimiser's at hardly a pixel.
TOLERANCE = 3e-3
MOST_ITERATIONS = 300
# Rounds of c₁, c₂ ↔ u, and by how much the two must still move.
MOST_ROUNDS = 10
STILL = 1e-3
_TINY = np.float32(1e-12)


@dataclass(frozen=True)
class ContrastOptions:
    """How clicks are contrasted; one set for all images, tuned by ``benchmarks/cvm.py --tune``.

    Attributes
    ----------
    eta
        η: how much of the similarity to a click in another tissue is taken off.
    edges
        β ≥ 0: how much cheaper a boundary is where z itself changes.
    blur
        σ (cells): how far z is smoothed before its slope is taken.
    smoothness
        λ ≥ 0: the weight of the boundary's length, in units of z² a cell.
    levels
        ``"fixed"``: c₁ and c₂ are the means of z above and below ½, so that each click is one
        convex problem (as the released code); ``"alternated"``: renewed from u (as the paper).
    full
        ζ in (0, 1]: from which part of its highest contrast on a place counts in full (1: as the
        paper; features that were not trained for it rarely come near the highest).
    clear
        Difference in similarity from which two clicks count as different in full.
    """

    eta: float = option(
        0.8, "Contrast with other clicks", "How much of their similarity is taken off",
        flag="--eta", low=0.0, high=1.0,
    )  # fmt: skip
    edges: float = option(
        10.0, "Boundaries follow the contrast", "How much cheaper a boundary is where it changes",
        flag="--edges", low=0.0, high=1e6,
    )  # fmt: skip
    blur: float = option(
        1.0, "Blur", "How far the contrast is smoothed before its edges are found",
        flag="--blur", low=0.0, high=100.0,
    )  # fmt: skip
    smoothness: float = option(
        0.1, "Smoothness of a click", "Weight of the length of its boundary",
        flag="--smoothness", low=0.0, high=1000.0,
    )  # fmt: skip
    levels: Levels = option(
        "fixed", "Levels", "Set once, or renewed from what is found",
        flag="--levels", choices={"fixed": "Set once", "alternated": "Renewed"},
    )  # fmt: skip
    full: float = option(
        0.1, "Full contrast", "From which part of the highest contrast on a place counts in full",
        flag="--full", low=0.0, high=1.0, open_below=True,
    )  # fmt: skip
    clear: float = option(
        0.8, "Clear difference", "From which two clicks count as different in full",
        flag="--clear", low=0.0, high=2.0, open_below=True,
    )  # fmt: skip


def contrast_map(own: Maps, other: Maps, eta: float, out: Maps | None = None) -> Maps:
    """Return C_pq = N((max(S_p − η S_q, 0))²) of two maps S_p and S_q of one shape, float32.

    Parameters
    ----------
    own, other, eta
        S_p, S_q and η.
    out
        Is written and returned, if given: twenty clicks make hundreds of these.
    """
    above: Maps = np.multiply(other, np.float32(-eta), out=out)
    above += own
    np.maximum(above, 0, out=above)
    above *= above
    above *= 1 / max(above.max(initial=0.0), _TINY)
    return above


def contrast_of_click(own: Maps, others: Sequence[Maps], at: int, options: ContrastOptions) -> Maps:
    """Return z_p, (n,) float32 in [0, 1]: as high at most as the clicks differ.

    z_p = max_q w_q · min(N(Σ_q w_q C_pq) / ζ, 1), w_q = min((1 − S_q(p)) / `options.clear`, 1).

    N alone scales every map to 1, also where a click looks like those of the other tissues and
    its own is nowhere to be seen. How much two clicks differ is known before that, from their
    cosine: a click that differs from none of the others keeps z below ½, and so finds nothing.

    Parameters
    ----------
    own, others
        S_p and each S_q, (n,) float32.
    at
        Where p is.
    options
        η, ζ and `clear`.
    """
    total, one, most = np.zeros_like(own), np.empty_like(own), 0.0
    for other in others:
        apart = min(max((1 - float(other[at])) / options.clear, 0.0), 1.0)
        total += contrast_map(own, other, options.eta, out=one) * np.float32(apart)
        most = max(most, apart)
    total *= 1 / (np.float32(options.full) * max(total.max(initial=0.0), _TINY))
    np.minimum(total, 1, out=total)
    total *= np.float32(most)
    return total


def edge_weight(z: Maps, beta: float, blur: float) -> Maps:
    """Return g = 1 / (1 + β |∇z_σ|²), (n, h, w) float32 in (0, 1], forward differences.

    Parameters
    ----------
    z
        (n, h, w) float32.
    beta, blur
        β, and σ of the Gaussian (cells).
    """
    smooth: Maps = np.asarray(gaussian_filter(z, (0, blur, blur), mode="nearest"), np.float32)
    square: Maps = np.zeros_like(smooth)
    square[:, :, :-1] += np.diff(smooth, axis=2) ** 2
    square[:, :-1] += np.diff(smooth, axis=1) ** 2
    weight: Maps = np.reciprocal(1 + np.float32(beta) * square)
    return weight


def two_means(z: Maps, inside: NDArray[np.bool_]) -> tuple[Maps, Maps]:
    """Return c₁ and c₂, (n,) float32 each: the means of z where `inside` and where not.

    Where there is nothing inside c₁ is 1, so that z ≤ ½ stays outside, and likewise c₂ is 0.
    """
    total, count = z.sum((1, 2), dtype=np.float64), inside.sum((1, 2))
    above = (z * inside).sum((1, 2), dtype=np.float64)
    size = z[0].size
    high = np.where(count > 0, above / np.maximum(count, 1), 1.0)
    low = np.where(count < size, (total - above) / np.maximum(size - count, 1), 0.0)
    return high.astype(np.float32), low.astype(np.float32)


def chan_vese(z: Maps, options: ContrastOptions) -> Batch:
    """Return the minimisers u_p of the edge-weighted convex Chan–Vese energies.

    Chan, Esedoglu and Nikolova 2006; the edge weight as in Bresson and others 2007.

    Parameters
    ----------
    z
        (n, h, w) float32 in [0, 1].
    options
        λ, β, σ and how c₁ and c₂ are found.
    """
    radius = edge_weight(z, options.edges, options.blur) * np.float32(options.smoothness / 2)
    levels = two_means(z, z > 0.5)
    found = solve_batch(
        difference(z, *levels), radius, tolerance=TOLERANCE, max_iterations=MOST_ITERATIONS
    )
    if options.levels == "fixed":
        return found
    for _ in range(MOST_ROUNDS):
        renewed = two_means(z, found.u > 0.5)
        moved = max(np.abs(a - b).max(initial=0.0) for a, b in zip(levels, renewed, strict=True))
        if moved <= STILL:
            break
        levels = renewed
        found = solve_batch(
            difference(z, *levels), radius, tolerance=TOLERANCE, max_iterations=MOST_ITERATIONS
        )
    return found


def difference(z: Maps, high: Maps, low: Maps) -> Maps:
    """Return (z − c₁)² − (z − c₂)², (n, h, w) float32, of maps and their (n,) levels."""
    above, below = high[:, None, None], low[:, None, None]
    found: Maps = (below - above) * (2 * z - above - below)
    return found
