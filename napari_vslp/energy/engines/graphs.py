"""The engine of torch: blocks of iterations that never wait for the processor.

All buffers are allocated once, every operation writes into them, and prices and areas stay on the
device. On CUDA the second block is captured as one graph and every further one replays it; where
there are no graphs the same function runs as it stands, so that a CPU tests it.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from napari_vslp.core.progress import Job
from napari_vslp.energy.certificate import Certificate, certificate
from napari_vslp.energy.engines.contract import relaxations, step_sizes
from napari_vslp.energy.engines.reference import Borders, audit
from napari_vslp.energy.problem import Problem, State


class GraphEngine:
    """One image's state on a device, float32; prices and areas float64 where there is such.

    Parameters
    ----------
    device
        Any torch device.
    """

    backend: ClassVar[str] = "torch"

    def __init__(
        self,
        problem: Problem,
        state: State,
        device: str = "cpu",
        threads: int = 0,  # noqa: ARG002 - the contract's; torch has its own
    ) -> None:
        self.problem = problem
        self._steps = step_sizes(problem)
        self._pixels = max(1, problem.pixels)
        exact = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self._u, self._p = (torch.tensor(a, device=device) for a in (state.u, state.p))
        self._price = torch.as_tensor(state.price).to(device, exact, copy=True)
        self._area = torch.zeros_like(self._price)
        self._penalty_step = problem.penalty.step_on_device(self._steps.kappa, self._price)
        self._cost = torch.tensor(problem.cost, device=device)
        self._borders = Borders.of(problem, device)
        self._new_p = torch.zeros_like(self._p)
        self._bar, self._v = torch.empty_like(self._p), torch.empty_like(self._u)
        self._theta, self._count = (torch.empty_like(self._borders.ball) for _ in range(2))
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._seen: set[int] = set()
        self._measure()

    @classmethod
    def supports(cls, problem: Problem, device: str) -> bool:  # noqa: ARG003 - the contract's
        """See `contract.Engine.supports`: any problem, on any device that torch knows."""
        return True

    def advance(self, iterations: int, job: Job) -> None:
        """Run a block of iterations, the last one unrelaxed; cancel is looked at once a block."""
        job.check()
        if self._u.device.type == "cuda" and iterations in self._seen:
            self._replay(iterations)
            return
        # The first block of a length warms CUDA's libraries up, as a capture demands.
        self._block(iterations)
        self._seen.add(iterations)

    def certify(self, job: Job) -> Certificate:
        """Return energies, gap and maps of the present state."""
        job.check()
        column = self._price.to(torch.float32)[:, None, None]
        maps, spent = audit(self._u, self._p, self._cost, column, self._borders)
        packed = torch.stack([m * self._borders.inside for m in (*maps, spent)])
        sums = packed.sum((1, 2), dtype=self._price.dtype)
        # One transfer for all numbers and one for all maps.
        numbers = torch.cat([sums, self._area, self._price]).cpu().numpy().astype(np.float64)
        lost, length, gap, _, used = numbers[:5]
        area, price = np.split(numbers[5:], 2)
        arrays = list(packed[:4].cpu().numpy())
        return certificate(self.problem, arrays, np.array([used, gap, length, lost]), area, price)

    def export(self) -> State:
        """Return the state with its prices, for a warm start."""
        price = self._price.cpu().numpy().astype(np.float64)
        return State(self._u.cpu().numpy(), self._p.cpu().numpy(), price)

    def _replay(self, iterations: int) -> None:
        graph = self._graphs.get(iterations)
        if graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._block(iterations)
            self._graphs[iterations] = graph
        graph.replay()

    def _block(self, iterations: int) -> None:
        for relax in relaxations(iterations):
            self._iterate(relax)

    def _iterate(self, relax: float) -> None:
        """Run one over-relaxed iteration in place, as `reference.ReferenceEngine.step` reads."""
        new = self._penalty_step(self._price - self._steps.kappa * self._area)
        self._step_forces()
        torch.sub(self._new_p, self._p, out=self._bar).add_(self._new_p)
        self._p.lerp_(self._new_p, relax)
        self._step_labels((2 * new - self._price).to(torch.float32)[:, None, None])
        self._u.lerp_(self._v, relax)
        self._price.lerp_(new, relax)
        self._measure()

    def _step_forces(self) -> None:
        """Leave p~ = proj(p + σ∇u) in `_new_p`."""
        u, new = self._u, self._new_p
        sigma = self._steps.sigma
        new.copy_(self._p)
        new[0, :, :, :-1].addcmul_(u[:, :, 1:] - u[:, :, :-1], self._borders.right, value=sigma)
        new[1, :, :-1].addcmul_(u[:, 1:] - u[:, :-1], self._borders.down, value=sigma)
        if self._borders.anisotropic:
            torch.clamp(new, -self._borders.ball, self._borders.ball, out=new)
            return
        torch.hypot(new[0], new[1], out=self._v)
        torch.maximum(self._v, self._borders.ball + 1e-30, out=self._v)
        torch.div(self._borders.ball, self._v, out=self._v)
        new.mul_(self._v)

    def _step_labels(self, price_bar: Tensor) -> None:
        """Leave u~ = proj(u − τ(C + ∇ᵀp̄ − φ̄)) in `_v`, in K − 1 sweeps (Michelot, 1986)."""
        v, bar, tissues = self._v, self._bar, len(self._u)
        torch.sub(self._cost, price_bar, out=v)
        v.sub_(bar[0]).sub_(bar[1])
        v[:, :, 1:].add_(bar[0, :, :, :-1])
        v[:, 1:].add_(bar[1, :, :-1])
        torch.add(self._u, v, alpha=-self._steps.tau, out=v)
        torch.sum(v, 0, out=self._theta)
        self._theta.sub_(1).div_(tissues)
        for _ in range(tissues - 1):
            active = (v > self._theta).to(v.dtype)
            torch.sum(active, 0, out=self._count)
            torch.sum(active.mul_(v), 0, out=self._theta)
            self._theta.sub_(1).div_(self._count)
        v.sub_(self._theta).clamp_(min=0)

    def _measure(self) -> None:
        """Bring the areas up to date with u, on the device."""
        torch.mul(self._u, self._borders.inside, out=self._v)
        torch.sum(self._v, (1, 2), dtype=self._area.dtype, out=self._area)
        self._area.div_(self._pixels)
