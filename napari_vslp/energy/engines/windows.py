"""The windows of a state in which the method iterates while the rest of the image is frozen."""

from __future__ import annotations

import numpy as np

from napari_vslp.energy.engines.contract import Steps
from napari_vslp.energy.engines.window_kernel import (
    Index,
    close_rows,
    iterate_windows,
    pack_windows,
    switch_windows,
    unpack_windows,
)
from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import Array


class Windows:
    """Copies of the boxes of a state, each with a frozen ring of one pixel.

    Parameters
    ----------
    u, p, cost
        (F, H, W), (2, F, H, W) and (F, H, W) float32 of F tissues, or of the one scalar field of
        two tissues.
    tv_weight
        (H, W) float32, λg/2 (nats), negative outside the tissue.
    boxes
        (n, 4) int64, disjoint: first row, stop row, first column, stop column (px).
    diagonal
        Whether boundaries are measured by |∇u|₂.
    scalar
        Whether this is the scalar field of two tissues.
    """

    def __init__(  # noqa: PLR0917 - one call site, in this order
        self,
        u: Array,
        p: Array,
        cost: Array,
        tv_weight: Array,
        boxes: Index,
        diagonal: bool,
        scalar: bool,
    ) -> None:
        self._inner, self._diagonal, self._scalar = boxes, diagonal, scalar
        outer = np.empty_like(boxes)
        outer[:, ::2] = np.maximum(boxes[:, ::2] - 1, 0)
        outer[:, 1::2] = np.minimum(boxes[:, 1::2] + 1, tv_weight.shape)
        self._boxes = outer
        self._rows, self._widths = outer[:, 1] - outer[:, 0], outer[:, 3] - outer[:, 2]
        sizes = self._rows * self._widths
        self._begins = np.cumsum(sizes) - sizes
        # Below the last row another one is read, times a switch that is 0.
        room = int(sizes.sum() + self._widths.max(initial=0))
        self._u, self._cost = self._pack(u, room), self._pack(cost, room)
        forces = self._pack(p.reshape(-1, *tv_weight.shape), room)
        self._p = forces.reshape(2, len(u), room)
        close_rows(self._p[0], self._begins, self._widths, self._rows)
        self._switches = np.zeros((4, room), np.float32)
        switch_windows(tv_weight, outer, boxes, self._begins, *self._switches)
        self._first = self._u.copy(), self._p.copy()
        self._area = np.zeros(len(u))

    def area(self) -> Vector:
        """Return Σ m u inside the rings, (F,) float64 (px)."""
        free = self._switches[2]
        return np.asarray((self._u * free).sum(axis=1, dtype=np.float64))

    def step(self, price_bar: Array, steps: Steps, relax: float, pull: float) -> Vector:
        """Run one iteration of `window_kernel.iterate_windows`; return the new `area`."""
        iterate_windows(
            self._u, self._p, self._cost, *self._switches, self._begins, self._widths, self._rows,
            price_bar, steps.tau, steps.sigma, relax, self._diagonal, self._scalar, pull,
            *self._first, self._area,
        )  # fmt: skip
        return self._area

    def write(self, u: Array, p: Array) -> None:
        """Write the windows, less their rings, into the state they were taken from."""
        unpack_windows(self._u, self._boxes, self._inner, self._begins, u)
        forces = p.reshape(-1, *p.shape[-2:])
        packed = self._p.reshape(len(forces), -1)
        unpack_windows(packed, self._boxes, self._inner, self._begins, forces)

    def _pack(self, whole: Array, room: int) -> Array:
        packed = np.zeros((len(whole), room), np.float32)
        pack_windows(whole, self._boxes, self._begins, packed)
        return packed
