"""The primal–dual method in plain torch: the readable reference, on any device.

Chambolle & Pock, "A first-order primal-dual algorithm" (2011), over-relaxed as in Condat (2013),
with the areas' dual price as a second, K-dimensional dual variable (DESIGN, section 2).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_vslp.energy.certificate import Certificate, certificate
from napari_vslp.energy.problem import Problem, State
from napari_vslp.energy.trust import Vector
from napari_vslp.progress import Job


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


class TorchBackend:
    """One image's state as tensors on a device, float32."""

    name = "torch"

    def __init__(self, problem: Problem, state: State, device: str = "cpu") -> None:
        self.problem = problem
        self.u = torch.tensor(state.u, device=device)
        self.p = torch.tensor(state.p, device=device)
        self._cost = torch.tensor(problem.cost, device=device)
        radius = torch.tensor(problem.radius, device=device)
        self._inside = (radius >= 0).to(torch.float32)
        self._ball = torch.clamp(radius, min=0)
        self._right = self._inside[:, 1:] * self._inside[:, :-1]
        self._down = self._inside[1:] * self._inside[:-1]
        self._pixels = max(1, problem.pixels)

    def area(self) -> Vector:
        """Return a(u), the (K,) fractions of the tissue pixels."""
        sums = (self.u * self._inside).sum((1, 2), dtype=torch.float64)
        return np.asarray(sums.cpu().numpy() / self._pixels, dtype=np.float64)

    def step(self, price_bar: Vector, tau: float, sigma: float, relax: float, job: Job) -> Vector:
        """Run one iteration and return the new a(u)."""
        job.check()
        u, p = self.u, self.p
        pulled = p + sigma * gradient(u, self._right, self._down)
        p_new = project_ball(pulled, self._ball, self.problem.anisotropic)
        price = self._column(price_bar)
        u_new = project_simplex(u - tau * (self._cost + adjoint(2 * p_new - p) - price))
        self.p = p + relax * (p_new - p)
        self.u = u + relax * (u_new - u)
        return self.area()

    def certify(self, price: Vector, job: Job) -> Certificate:
        """Return energies, gap and maps of the present state at the given prices."""
        job.check()
        slope = gradient(self.u, self._right, self._down)
        order = 1 if self.problem.anisotropic else 2
        lengths = self._ball * torch.linalg.vector_norm(slope, order, dim=0)
        priced = self._cost - self._column(price)
        q = priced + adjoint(self.p)
        lowest = q.topk(min(2, len(q)), dim=0, largest=False).values
        boundary = torch.clamp(lengths - (slope * self.p).sum(0), min=0).sum(0)
        gap = boundary + torch.clamp((self.u * q).sum(0) - lowest[0], min=0)
        fidelity = torch.clamp((self.u * priced).sum(0) - priced.amin(0), min=0)
        maps = [fidelity, lengths.sum(0), gap, lowest[-1] - lowest[0]]
        arrays = [(m * self._inside).cpu().numpy() for m in maps]
        spent = (self.u * self._cost).sum(0).mul(self._inside).sum(dtype=torch.float64)
        sums = np.array([float(spent), float(arrays[2].sum(dtype=np.float64))])
        return certificate(self.problem, arrays, sums, self.area(), price)

    def export(self, price: Vector) -> State:
        """Return the state with its prices, for a warm start."""
        return State(self.u.cpu().numpy(), self.p.cpu().numpy(), price.copy())

    def _column(self, price: Vector) -> Tensor:
        return torch.tensor(price, dtype=torch.float32, device=self._cost.device)[:, None, None]
