"""The CPU backend: the fused numba kernels behind the same four calls as the torch reference."""

from __future__ import annotations

import numpy as np

from napari_vslp.energy.audit_kernel import audit_rows
from napari_vslp.energy.certificate import Certificate, certificate
from napari_vslp.energy.kernels import iterate, iterate_transport
from napari_vslp.energy.problem import Problem, State
from napari_vslp.energy.trust import Vector
from napari_vslp.progress import Job

# About 10 ms of work: a cancel is noticed between two stripes of rows.
STRIPE_VALUES = 4_000_000


class FusedBackend:
    """One image's state on the CPU; `step` and `certify` run without Python's global lock.

    The state given is changed in place; each certificate's maps hold until the next one.
    """

    name = "numba"

    def __init__(self, problem: Problem, state: State) -> None:
        self.problem = problem
        self.state = state
        self._cost = np.ascontiguousarray(problem.cost)
        self._radius = np.ascontiguousarray(problem.radius)
        tissues, height, width = problem.cost.shape
        self._above = np.zeros((tissues, width), np.float32)
        self._diagonal = not problem.anisotropic
        # Allocated once: fresh pages would cost as much as the pass that fills them.
        self._maps = [np.empty(self._radius.shape, np.float32) for _ in range(4)]
        self._pixels = max(1, problem.pixels)
        rows = max(1, STRIPE_VALUES // (tissues * width))
        self._stripes = [(y, min(y + rows, height)) for y in range(0, height, rows)]

    def area(self) -> Vector:
        """Return a(u), the (K,) fractions of the tissue pixels."""
        inside = self._radius >= 0
        sums = np.einsum("khw,hw->k", self.state.u, inside, dtype=np.float64)
        return np.asarray(sums / self._pixels, dtype=np.float64)

    def step(self, price_bar: Vector, tau: float, sigma: float, relax: float, job: Job) -> Vector:
        """Run one iteration and return the new a(u); see `kernels.iterate`."""
        area = np.zeros(len(self._cost))
        self._above[:] = 0
        prices = price_bar.astype(np.float32)
        for first, stop in self._stripes:
            job.check()
            if sigma == 0:
                iterate_transport(
                    self.state.u, self._cost, self._radius, prices, tau, relax, first, stop, area
                )
                continue
            iterate(
                self.state.u, self.state.p, self._cost, self._radius, prices,
                tau, sigma, relax, self._diagonal, first, stop, self._above, area,
            )  # fmt: skip
        return area / self._pixels

    def certify(self, price: Vector, job: Job) -> Certificate:
        """Return energies, gap and maps of the present state at the given prices."""
        fidelity, boundary, gap, margin = self._maps
        sums, area = np.zeros(2), np.zeros(len(self._cost))
        prices = price.astype(np.float32)
        for first, stop in self._stripes:
            job.check()
            audit_rows(
                self.state.u, self.state.p, self._cost, self._radius, prices,
                self._diagonal, first, stop, fidelity, boundary, gap, margin, sums, area,
            )  # fmt: skip
        return certificate(self.problem, self._maps, sums, area / self._pixels, price)

    def export(self, price: Vector) -> State:
        """Return the state with its prices, for a warm start."""
        return State(self.state.u, self.state.p, price.copy())
