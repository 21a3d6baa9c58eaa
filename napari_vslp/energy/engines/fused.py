"""The engines of the processor: the fused numba kernels, for any number of tissues and for two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from napari_vslp.core.progress import Job
from napari_vslp.energy.certificate import Certificate, certificate
from napari_vslp.energy.engines.audit_kernel import audit_rows
from napari_vslp.energy.engines.binary_kernel import audit_two, iterate_two
from napari_vslp.energy.engines.contract import anchored, relaxations, step_sizes
from napari_vslp.energy.engines.kernels import Sums, areas, iterate, iterate_transport
from napari_vslp.energy.engines.stripes import Stripes
from napari_vslp.energy.engines.window_kernel import Index
from napari_vslp.energy.engines.windows import Windows
from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import Array, Problem, State


class CpuEngine(ABC):
    """One image's state on the CPU; its kernels run without Python's global lock.

    Each certificate's maps hold until the next one.

    Parameters
    ----------
    values
        H·W times the fields that a sweep steps, the measure of its work.
    threads
        0 chooses by measuring; see `stripes.Stripes`.
    """

    backend: ClassVar[str] = "numba"

    def __init__(self, problem: Problem, price: Vector, values: int, threads: int) -> None:
        self.problem = problem
        self.price = price.copy()
        self._tv_weight = np.ascontiguousarray(problem.tv_weight)
        self._diagonal = not problem.anisotropic
        self._steps = step_sizes(problem)
        self._prices = np.zeros(len(price), np.float32)
        # Allocated once: fresh pages would cost as much as the pass that fills them.
        self._maps = [np.empty(self._tv_weight.shape, np.float32) for _ in range(4)]
        self._pixels = max(1, problem.pixels)
        self._stripes = Stripes(len(self._tv_weight), values, threads)
        self._rows: Sums
        self._area: Vector

    def advance(self, iterations: int, job: Job) -> None:
        """Run a block of iterations, the last one unrelaxed; cancel is noticed in about 10 ms."""
        for relax in relaxations(iterations):
            new = self._step_prices()
            self._sweep(relax, job)
            self.price = self.price + relax * (new - self.price)
            self._area = self._shares(self._rows.sum(axis=0))

    def advance_windows(self, boxes: Index, iterations: int, job: Job) -> None:
        """Iterate in windows alone; see `contract.WindowEngine.advance_windows`."""
        u, p, cost = self._fields()
        scalar = len(u) < len(self.price)
        windows = Windows(u, p, cost, self._tv_weight, boxes, self._diagonal, scalar)
        first, frozen = self.price, self._rows.sum(axis=0) - windows.area()
        for relax, pull in anchored(iterations):
            job.check()
            new = self._step_prices()
            inside = windows.step(self._price_bar(), self._steps, relax, pull)
            self.price = self.price + relax * (new - self.price)
            self.price += pull * (first - self.price)
            self._area = self._shares(frozen + inside)
        windows.write(u, p)
        areas(u, self._tv_weight, self._rows)

    def _step_prices(self) -> Vector:
        """Leave 2φ~ − φ in the prices held, and return φ~."""
        kappa = self._steps.kappa
        new = self.problem.penalty.step(self.price - kappa * self._area, kappa)
        self._prices[:] = 2 * new - self.price
        return new

    def certify(self, job: Job) -> Certificate:
        """Return energies, gap and maps of the present state."""
        sums = np.zeros(4)
        self._prices[:] = self.price
        self._audit(sums, job)
        self._area = self._shares(self._rows.sum(axis=0))
        return certificate(self.problem, self._maps, sums, self._area, self.price)

    @abstractmethod
    def export(self) -> State:
        """Return the state with its prices, for a warm start."""

    @abstractmethod
    def _shares(self, sums: Vector) -> Vector:
        """Return the (K,) fractions of the tissue pixels of (F,) sums of the fields stepped."""

    @abstractmethod
    def _fields(self) -> tuple[Array, Array, Array]:
        """Return views of the fields stepped: u (F, H, W), p (2, F, H, W) and their costs."""

    @abstractmethod
    def _price_bar(self) -> Array:
        """Return the (F,) float32 prices held of the fields stepped."""

    @abstractmethod
    def _sweep(self, relax: float, job: Job) -> None:
        """Run one iteration at the prices held."""

    @abstractmethod
    def _audit(self, sums: Vector, job: Job) -> None:
        """Fill the maps at the prices held and add up Σ m⟨C, u⟩, gap, boundaries and fidelity."""


class FusedEngine(CpuEngine):
    """Any number of tissues. The state given is changed in place."""

    def __init__(
        self,
        problem: Problem,
        state: State,
        device: str = "cpu",  # noqa: ARG002 - the contract's; there is only this one
        threads: int = 0,
    ) -> None:
        super().__init__(problem, state.price, problem.cost.size, threads)
        self.state = state
        self._cost = np.ascontiguousarray(problem.cost)
        self._rows = np.empty((len(self._tv_weight), len(state.price)))
        areas(state.u, self._tv_weight, self._rows)
        self._area = self._shares(self._rows.sum(axis=0))

    @classmethod
    def supports(cls, problem: Problem, device: str) -> bool:  # noqa: ARG003 - the contract's
        """See `contract.Engine.supports`."""
        return device == "cpu"

    def export(self) -> State:
        """Return the state, not a copy of it."""
        return State(self.state.u, self.state.p, self.price.copy())

    def _shares(self, sums: Vector) -> Vector:
        return np.asarray(sums / self._pixels, dtype=np.float64)

    def _fields(self) -> tuple[Array, Array, Array]:
        return self.state.u, self.state.p, self._cost

    def _price_bar(self) -> Array:
        return self._prices

    def _sweep(self, relax: float, job: Job) -> None:
        u, p, cost, steps = self.state.u, self.state.p, self._cost, self._steps
        tissues, _, width = u.shape

        def rows(first: int, stop: int, above: Array, under: Array) -> None:
            if steps.sigma == 0:
                iterate_transport(
                    u,
                    cost,
                    self._tv_weight,
                    self._prices,
                    steps.tau,
                    relax,
                    first,
                    stop,
                    self._rows,
                )
                return
            iterate(
                u, p, cost, self._tv_weight, self._prices, steps.tau, steps.sigma, relax,
                self._diagonal, first, stop, above, under, self._rows,
            )  # fmt: skip

        def above(y: int) -> Array:
            forces = np.zeros((tissues, width), np.float32)
            if y > 0 and steps.sigma > 0:
                at = slice(y - 1, y)
                # The same compiled code on a copy, so that the forces are the same to the bit.
                iterate(
                    u[:, at].copy(), p[:, :, at].copy(), cost[:, at].copy(),
                    self._tv_weight[y - 1 : y + 1], self._prices, steps.tau, steps.sigma, relax,
                    self._diagonal, 0, 1, forces, u[:, y].copy(), np.empty((1, tissues)),
                )  # fmt: skip
            return forces

        def under(y: int) -> Array:
            return u[:, min(y, u.shape[1] - 1)].copy()

        self._stripes.sweep(rows, above, under, job)

    def _audit(self, sums: Vector, job: Job) -> None:
        for first, stop in self._stripes.chunks:
            job.check()
            audit_rows(
                self.state.u, self.state.p, self._cost, self._tv_weight, self._prices,
                self._diagonal, first, stop, *self._maps, sums, self._rows,
            )  # fmt: skip
        # The kernel sums what u costs less its price.
        sums[0] += float(self._prices.astype(np.float64) @ self._rows.sum(axis=0))


class BinaryEngine(CpuEngine):
    """Two tissues as the one scalar field of `binary_kernel`. The state given is not changed."""

    def __init__(
        self,
        problem: Problem,
        state: State,
        device: str = "cpu",  # noqa: ARG002 - the contract's; there is only this one
        threads: int = 0,
    ) -> None:
        super().__init__(problem, state.price, 2 * problem.tv_weight.size, threads)
        first, second = problem.cost
        inside = self._tv_weight >= 0
        self._half: Array = (first - second) * np.float32(0.5)
        self._second = float(np.where(inside, second, 0).sum(dtype=np.float64))
        self._u = state.u[0].copy()
        self._p: Array = np.ascontiguousarray(state.p[:, 0] - state.p[:, 1]) * np.float32(0.5)
        self._rows = np.empty((len(self._tv_weight), 1))
        areas(self._u[None], self._tv_weight, self._rows)
        self._area = self._shares(self._rows.sum(axis=0))

    @classmethod
    def supports(cls, problem: Problem, device: str) -> bool:
        """See `contract.Engine.supports`.

        Without boundaries the general kernel moves less: it leaves out the forces.
        """
        smooth = problem.tv_weight.max(initial=0.0) > 0
        return bool(device == "cpu" and len(problem.cost) == 2 and smooth)

    def export(self) -> State:
        """Return the state of both tissues."""
        u = np.stack([self._u, 1 - self._u])
        return State(u, np.stack([self._p, -self._p], axis=1), self.price.copy())

    def _shares(self, sums: Vector) -> Vector:
        share = float(sums[0]) / self._pixels
        return np.array([share, 1 - share])

    def _fields(self) -> tuple[Array, Array, Array]:
        return self._u[None], self._p[:, None], self._half[None]

    def _price_bar(self) -> Array:
        return (self._prices[:1] - self._prices[1:]) / np.float32(2)

    def _sweep(self, relax: float, job: Job) -> None:
        u, p, half, steps = self._u, self._p, self._half, self._steps
        price_bar = (float(self._prices[0]) - float(self._prices[1])) / 2

        def rows(first: int, stop: int, above: Array, under: Array) -> None:
            iterate_two(
                u, p, half, self._tv_weight, price_bar, steps.tau, steps.sigma, relax,
                self._diagonal, first, stop, above, under, self._rows,
            )  # fmt: skip

        def above(y: int) -> Array:
            forces = np.zeros(u.shape[1], np.float32)
            if y > 0:
                iterate_two(
                    u[y - 1 : y].copy(), p[:, y - 1 : y].copy(), half[y - 1 : y],
                    self._tv_weight[y - 1 : y + 1], price_bar, steps.tau, steps.sigma, relax,
                    self._diagonal, 0, 1, forces, u[y].copy(), np.empty((1, 1)),
                )  # fmt: skip
            return forces

        def under(y: int) -> Array:
            last: Array = u[min(y, len(u) - 1)]
            return last.copy()

        self._stripes.sweep(rows, above, under, job)

    def _audit(self, sums: Vector, job: Job) -> None:
        price = (float(self._prices[0]) - float(self._prices[1])) / 2
        # What the second tissue would cost everywhere; the kernel adds the differences.
        sums[0] += self._second
        for first, stop in self._stripes.chunks:
            job.check()
            audit_two(
                self._u, self._p, self._half, self._tv_weight, price,
                self._diagonal, first, stop, *self._maps, sums, self._rows,
            )  # fmt: skip
