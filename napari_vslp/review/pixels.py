"""What speaks against each tissue at single pixels: its looks, the shares, its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.segmentation import FIDELITY, FloatMap, Segmentation

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Terms:
    """The parts of Q = C − φ + ∇ᵀp at n pixels; the lower Q, the more speaks for a tissue.

    Attributes
    ----------
    look
        C, (K, n) float32 (nats): what the pixel's looks say against each tissue, or its mark.
    price
        φ, (K,) float64 (nats): what the shares add in its favour.
    boundary
        ∇ᵀp, (K, n) float32 (nats): what the neighbours say against it; 0 where unknown. A
        learned regulariser, which is about shapes nearby too, is part of it.
    allowed
        (K,) bool: False for a tissue that the shares rule out altogether.
    """

    look: FloatMap
    price: NDArray[np.float64]
    boundary: FloatMap
    allowed: NDArray[np.bool_]

    @property
    def total(self) -> NDArray[np.float64]:
        """Q, (K, n) float64 (nats); infinite for a tissue that is ruled out."""
        q = self.look - self.price[:, None] + self.boundary
        q[~self.allowed] = np.inf
        return np.asarray(q, np.float64)


def terms_at(result: Segmentation, rows: Indices, columns: Indices) -> Terms:
    """Return what speaks against each tissue at n pixels of the segmented part.

    Parameters
    ----------
    rows, columns
        (n,) indices into `result.labels`.

    Notes
    -----
    (∇ᵀp)_yx = p₀[y, x−1] − p₀[y, x] + p₁[y−1, x] − p₁[y, x], p being 0 beyond the image
    (`energy.reference.adjoint`). A result without its state, such as one read from a file, has
    the costs of its confidences and no boundary forces.
    """
    boundary = np.zeros((len(result.tissues), len(rows)), np.float32)
    forces = forces_of(result)
    if forces is not None:
        across, down = forces
        boundary -= across[:, rows, columns] + down[:, rows, columns]
        boundary += across[:, rows, columns - 1] * (columns > 0)
        boundary += down[:, rows - 1, columns] * (rows > 0)
    from napari_vslp.energy.problem import FIXED_COST, cost_of

    look, cost = cost_of(result.confidence[:, rows, columns]), cost_map(result)
    if cost is not None:
        minimised = cost[:, rows, columns]
        marked = minimised.max(axis=0) >= FIXED_COST
        boundary += np.where(marked, 0, minimised - look)
        look = np.where(marked, minimised, look)
    return Terms(look, result.prices, boundary, _allowed(result))


def runner_up(terms: Terms, shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the tissue of lowest Q beside the one shown, (n,) uint8 indices.

    Parameters
    ----------
    shown
        (n,) indices of the tissues shown.
    """
    q = terms.total
    q[shown.astype(np.intp), np.arange(q.shape[1])] = np.inf
    return np.asarray(np.argmin(q, axis=0), np.uint8)


def forces_of(result: Segmentation) -> tuple[FloatMap, FloatMap] | None:
    """Return the boundary forces p across and down, (K, h, w) each, if the result has them."""
    from napari_vslp.energy.minimise import Warm

    warm = result.state
    if not isinstance(warm, Warm) or warm.state.p.shape[1:] != result.confidence.shape:
        return None
    return warm.state.p[0], warm.state.p[1]


def cost_map(result: Segmentation) -> FloatMap | None:
    """Return C as it was minimised, with marked pixels bound, (K, h, w), if the result has it."""
    from napari_vslp.energy.minimise import Warm

    warm = result.state
    if not isinstance(warm, Warm) or warm.cost.shape != result.confidence.shape:
        return None
    return warm.cost


def _allowed(result: Segmentation) -> NDArray[np.bool_]:
    from napari_vslp.energy.penalties.contract import penalty_of

    chosen = result.settings
    _, high = penalty_of(result.tissues, chosen.trust, chosen.trust_strength).bounds()
    return np.asarray(high > 0)


def boundary_map(result: Segmentation) -> FloatMap:
    """Return the energy of the boundaries and of all further terms, (h, w) float32."""
    maps = [term.map for name, term in result.terms.items() if name != FIDELITY]
    boundaries = maps[0]
    for one in maps[1:]:
        boundaries = boundaries + one
    return boundaries
