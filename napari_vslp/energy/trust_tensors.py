"""The proportion term's dual step on tensors, so that a GPU needs no word from the processor."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_vslp.energy.penalties import TrustTerm

# Newton's sweeps for the Kullback–Leibler step: quadratic convergence from the softplus, so a
# fixed number serves every price (tests/energy/test_backends.py holds it to scipy's root).
NEWTON_SWEEPS = 8
_TINY = 1e-12
# Below this exponent exp() is zero in float32, and so is the tissue's pull.
_LOWEST = -80.0


class TrustTensors:
    """`TrustTerm.step` with everything on one device and nothing read back.

    Parameters
    ----------
    trust
        The term.
    kappa
        κ, fixed for the whole solve.
    like
        A tensor whose device and dtype the prices have.
    """

    def __init__(self, trust: TrustTerm, kappa: float, like: Tensor) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, dtype=like.dtype, device=like.device)

        self.mode, self.kappa, self.rho = trust.mode, kappa, trust.rho
        self._low, self._high = tensor(kappa * trust.low), tensor(kappa * trust.high)
        self._target = tensor(kappa * trust.target)
        self._logs = torch.log(torch.clamp(self._target / trust.rho, min=_TINY))

    def step(self, z: Tensor) -> Tensor:
        """Return argmax_r D(r) − |r − z|²/2κ, (K,); see the table in docs/energy.md."""
        if self.mode == "measured":
            return z + self._target
        if self.mode == "interval":
            return torch.clamp(z + self._low, min=0) + torch.clamp(z + self._high, max=0)
        if self.mode == "robust":
            return torch.clamp(z + self._target, -self.rho, self.rho)
        if self.mode == "quadratic":
            return (z + self._target) / (1 + self.kappa / self.rho)
        if self.mode == "kl":
            return z + self.rho * wright_omega(self._logs - z / self.rho)
        return torch.zeros_like(z)


def wright_omega(y: Tensor) -> Tensor:
    """Return the ω with ω + log ω = y, of y's shape, by a fixed number of Newton's sweeps."""
    bounded = torch.clamp(y, min=_LOWEST)
    omega = torch.logaddexp(bounded, torch.zeros_like(bounded))
    for _ in range(NEWTON_SWEEPS):
        omega = omega * (1 + bounded - torch.log(omega)) / (1 + omega)
    return omega
