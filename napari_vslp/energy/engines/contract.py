"""What the primal–dual loop needs of an engine, what all share, and which one a problem gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.core.registries import ENGINES
from napari_vslp.energy.certificate import Certificate
from napari_vslp.energy.problem import Problem, State

if TYPE_CHECKING:
    from napari_vslp.energy.engines.window_kernel import Index

KAPPA = 1.0
TRANSPORT_KAPPA = 0.25
RELAXATION = 1.9


class Engine(Protocol):
    """Steps one problem's state on one device (docs/energy.md, "The method").

    Attributes
    ----------
    backend
        What a user names to have it: ``"numba"`` or ``"torch"``.
    """

    backend: ClassVar[str]

    def __init__(
        self, problem: Problem, state: State, device: str = "cpu", threads: int = 0
    ) -> None:
        """Begin at a state that is legal here (see `solver.make_legal`); it may be changed.

        Parameters
        ----------
        threads
            Of the processor; 0 chooses by measuring.
        """

    @classmethod
    def supports(cls, problem: Problem, device: str) -> bool:
        """Return whether it can solve the problem, and solves it well, on a device."""

    def advance(self, iterations: int, job: Job) -> None:
        """Run a block of iterations, the last one unrelaxed.

        Raises
        ------
        Cancelled
            If the job was told to stop.
        """

    def certify(self, job: Job) -> Certificate:
        """Return the certificate of the present state; its maps hold until the next one."""

    def export(self) -> State:
        """Return the state with its prices."""


@runtime_checkable
class WindowEngine(Engine, Protocol):
    """An engine that can also iterate in windows while the rest of the image is frozen."""

    def advance_windows(self, boxes: Index, iterations: int, job: Job) -> None:
        """Run a block of anchored iterations in windows that share the prices.

        The areas are those of what is frozen and of the windows together. The last iteration
        leaves a state that can be certified.

        Parameters
        ----------
        boxes
            (n, 4) int64, disjoint: first row, stop row, first column, stop column (px).

        Raises
        ------
        Cancelled
            If the job was told to stop.
        """


def make_engine(
    problem: Problem, state: State, backend: str = "auto", device: str = "cpu", threads: int = 0
) -> Engine:
    """Return the first registered engine of a backend that supports a problem on a device.

    A backend that cannot use the device runs on the processor.

    Parameters
    ----------
    state
        Legal here (see `solver.make_legal`); it may be changed.
    backend
        ``"auto"`` for any.
    threads
        Of the processor; 0 chooses by measuring.

    Raises
    ------
    VslpError
        If no engine of that backend supports the problem.
    """
    for place in dict.fromkeys((device, "cpu")):
        # One name after the other, so that torch is not imported where numba will do.
        for name in ENGINES.names():
            engine: type[Engine] = ENGINES.get(name)
            if backend in ("auto", engine.backend) and engine.supports(problem, place):
                return engine(problem, state, place, threads)
    raise VslpError(f"No solver “{backend}” can solve this: choose auto, numba or torch.")


@dataclass(frozen=True)
class Steps:
    """τ of u, σ of the boundary forces p and κ of the prices φ, with τ(8σ + κ) = 0.99."""

    tau: float
    sigma: float
    kappa: float


def step_sizes(problem: Problem) -> Steps:
    """Return the steps with σ/τ = the largest λg, between 1 and 8.

    Of the ratios 1 to 64 that one needed the fewest iterations, or nearly, for every λ from 1 to
    8; a fixed ratio of 2 takes 1.5 times as many at λ = 8. Without boundaries the prices alone
    must travel, in larger steps of u and smaller ones of φ.
    """
    smoothness = 2 * float(problem.tv_weight.max(initial=0.0))
    if smoothness == 0:
        return Steps(0.99 / TRANSPORT_KAPPA, 0.0, TRANSPORT_KAPPA)
    ratio = float(np.clip(smoothness, 1, 8))
    tau = (-KAPPA + np.sqrt(KAPPA**2 + 31.68 * ratio)) / (16 * ratio)
    return Steps(float(tau), float(ratio * tau), KAPPA)


def relaxations(iterations: int) -> list[float]:
    """Return the relaxation of each iteration of a block: the last one is left unrelaxed.

    So that u ends in the simplex, p in its ball and φ in the domain of D, as the certificate
    needs.
    """
    return [RELAXATION] * (iterations - 1) + [1.0]


def anchored(iterations: int) -> list[tuple[float, float]]:
    """Return relaxation and pull to the start of each iteration of a block in windows.

    Reflected steps of weight 1/(k + 2) on the start; the last one neither reflects nor pulls, so
    that the state can be certified.
    """
    return [(2.0, 1 / (k + 2)) for k in range(iterations - 1)] + [(1.0, 0.0)]
