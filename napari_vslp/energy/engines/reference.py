"""The primal–dual method in plain torch: the readable reference, on any device.

Chambolle & Pock, "A first-order primal-dual algorithm" (2011), over-relaxed as in Condat (2013),
with the areas' dual price as a second, K-dimensional dual variable (docs/energy.md, "The method").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from napari_vslp.core.progress import Job
from napari_vslp.energy.certificate import Certificate, certificate
from napari_vslp.energy.engines.contract import relaxations, step_sizes
from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import Problem, State


@dataclass(frozen=True)
class Borders:
    """Where tissue is, what a boundary costs there, and between which pixels there is one.

    Attributes
    ----------
    inside, ball
        (H, W) float32: 1 in the tissue, and λg/2 there (nats); 0 elsewhere.
    right, down
        (H, W − 1) and (H − 1, W) float32: 1 where the neighbour is tissue like the pixel.
    anisotropic
        As in `Problem`.
    """

    inside: Tensor
    ball: Tensor
    right: Tensor
    down: Tensor
    anisotropic: bool

    @classmethod
    def of(cls, problem: Problem, device: str) -> Borders:
        """Return the borders of a problem, on a device."""
        tv_weight = torch.tensor(problem.tv_weight, device=device)
        inside = (tv_weight >= 0).to(torch.float32)
        right, down = inside[:, 1:] * inside[:, :-1], inside[1:] * inside[:-1]
        return cls(inside, torch.clamp(tv_weight, min=0), right, down, problem.anisotropic)


def gradient(u: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Return forward differences ∇u, (2, K, H, W), zero across image and tissue borders."""
    out = torch.zeros((2, *u.shape), dtype=u.dtype, device=u.device)
    out[0, :, :, :-1] = (u[:, :, 1:] - u[:, :, :-1]) * right
    out[1, :, :-1, :] = (u[:, 1:, :] - u[:, :-1, :]) * down
    return out


def adjoint(p: Tensor) -> Tensor:
    """Return ∇ᵀp (the negative divergence), (K, H, W), for p that vanishes at the borders."""
    out = -(p[0] + p[1])
    out[:, :, 1:] += p[0, :, :, :-1]
    out[:, 1:, :] += p[1, :, :-1, :]
    return out


def project_simplex(v: Tensor) -> Tensor:
    """Project (K, H, W) onto the simplex along K, in K − 1 sweeps without a sort (Michelot)."""
    theta = (v.sum(0) - 1) / v.shape[0]
    for _ in range(v.shape[0] - 1):
        active = v > theta
        theta = ((v * active).sum(0) - 1) / active.sum(0)
    return torch.clamp(v - theta, min=0)


def project_ball(p: Tensor, ball: Tensor, anisotropic: bool) -> Tensor:
    """Project (2, K, H, W) forces onto |p|₂ ≤ λg/2, or onto the box of anisotropic boundaries."""
    if anisotropic:
        return torch.maximum(torch.minimum(p, ball), -ball)
    norm = torch.sqrt(p[0] ** 2 + p[1] ** 2)
    return p * (ball / torch.maximum(norm, ball + 1e-30))


class ReferenceEngine:
    """One image's state as tensors on a device, float32, stepped as the mathematics reads."""

    backend: ClassVar[str] = "reference"

    def __init__(
        self,
        problem: Problem,
        state: State,
        device: str = "cpu",
        threads: int = 0,  # noqa: ARG002 - the contract's; torch has its own
    ) -> None:
        self.problem = problem
        self.u = torch.tensor(state.u, device=device)
        self.p = torch.tensor(state.p, device=device)
        self.price = state.price.copy()
        self._cost = torch.tensor(problem.cost, device=device)
        self._borders = Borders.of(problem, device)
        self._pixels = max(1, problem.pixels)
        self._steps = step_sizes(problem)

    @classmethod
    def supports(cls, problem: Problem, device: str) -> bool:  # noqa: ARG003 - the contract's
        """See `contract.Engine.supports`: any problem, on any device that torch knows."""
        return True

    def area(self) -> Vector:
        """Return a(u), the (K,) fractions of the tissue pixels."""
        sums = (self.u * self._borders.inside).sum((1, 2), dtype=torch.float64)
        return np.asarray(sums.cpu().numpy() / self._pixels, dtype=np.float64)

    def advance(self, iterations: int, job: Job) -> None:
        """Run a block of iterations, the last one unrelaxed."""
        for relax in relaxations(iterations):
            job.check()
            self.step(relax)

    def step(self, relax: float) -> None:
        """Run one over-relaxed iteration (docs/energy.md, "The method")."""
        tau, sigma, kappa = self._steps.tau, self._steps.sigma, self._steps.kappa
        u, p, price = self.u, self.p, self.price
        price_new = self.problem.penalty.step(price - kappa * self.area(), kappa)
        pulled = p + sigma * gradient(u, self._borders.right, self._borders.down)
        p_new = project_ball(pulled, self._borders.ball, self._borders.anisotropic)
        pushed = self._cost + adjoint(2 * p_new - p) - self._column(2 * price_new - price)
        u_new = project_simplex(u - tau * pushed)
        self.u = u + relax * (u_new - u)
        self.p = p + relax * (p_new - p)
        self.price = price + relax * (price_new - price)

    def certify(self, job: Job) -> Certificate:
        """Return energies, gap and maps of the present state."""
        job.check()
        price = self._column(self.price)
        maps, spent = audit(self.u, self.p, self._cost, price, self._borders)
        maps = [m * self._borders.inside for m in maps]
        lost, length, gap = (float(m.sum(dtype=torch.float64)) for m in maps[:3])
        used = float((spent * self._borders.inside).sum(dtype=torch.float64))
        arrays = [m.cpu().numpy() for m in maps]
        sums = np.array([used, gap, length, lost])
        return certificate(self.problem, arrays, sums, self.area(), self.price)

    def export(self) -> State:
        """Return the state with its prices, for a warm start."""
        return State(self.u.cpu().numpy(), self.p.cpu().numpy(), self.price.copy())

    def _column(self, price: Vector) -> Tensor:
        return torch.tensor(price, dtype=torch.float32, device=self._cost.device)[:, None, None]


def audit(
    u: Tensor, p: Tensor, cost: Tensor, price: Tensor, borders: Borders
) -> tuple[list[Tensor], Tensor]:
    """Return the maps of fidelity, regularisation, gap and margin, and ⟨C, u⟩, (H, W) each.

    Parameters
    ----------
    u, cost
        (K, H, W) float32.
    p
        (2, K, H, W) float32.
    price
        (K, 1, 1) float32 φ.

    Notes
    -----
    The formulas are those of `audit_kernel.audit_rows`.
    """
    slope = gradient(u, borders.right, borders.down)
    order = 1 if borders.anisotropic else 2
    lengths = borders.ball * torch.linalg.vector_norm(slope, order, dim=0)
    priced = cost - price
    q = priced + adjoint(p)
    lowest = q.topk(min(2, len(q)), dim=0, largest=False).values
    boundary = torch.clamp(lengths - (slope * p).sum(0), min=0).sum(0)
    gap = boundary + torch.clamp((u * q).sum(0) - lowest[0], min=0)
    fidelity = torch.clamp((u * priced).sum(0) - priced.amin(0), min=0)
    return [fidelity, lengths.sum(0), gap, lowest[-1] - lowest[0]], (u * cost).sum(0)
