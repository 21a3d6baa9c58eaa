"""How a running job speaks to whoever started it, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from napari_vslp.core.errors import Cancelled


class CancelToken:
    """A flag that one thread sets and the working thread looks at every few milliseconds."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __reduce__(self) -> tuple[type[CancelToken], tuple[()]]:
        """Go to another process as a token of its own, which nobody here can set."""
        return CancelToken, ()

    def cancel(self) -> None:
        """Ask the job to stop at its next look."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if the job was asked to stop."""
        if self._event.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Progress:
    """One report from a running job.

    Attributes
    ----------
    stage
        What is being done, in words for the user ("Reading the tissue", "Fusing").
    fraction
        Share of this stage that is done, in [0, 1].
    iteration, gap, fidelity, regularisation
        Only from the solver: iterations so far, relative duality gap, energies (nats).
    seconds_left
        How long the rest of this stage will take (s), where that is known.
    note
        A sentence worth keeping, such as "The GPU is full; going on with the processor."
    """

    stage: str
    fraction: float
    iteration: int | None = None
    gap: float | None = None
    fidelity: float | None = None
    regularisation: float | None = None
    note: str | None = None
    seconds_left: float | None = None


@dataclass(frozen=True)
class Job:
    """A cancel token and a progress callback, handed down through every long function."""

    cancel: CancelToken = field(default_factory=CancelToken)
    on_progress: Callable[[Progress], None] | None = None

    def check(self) -> None:
        """Raise `Cancelled` if the job was asked to stop."""
        self.cancel.check()

    def report(self, progress: Progress) -> None:
        """Pass a report on to whoever listens."""
        if self.on_progress is not None:
            self.on_progress(progress)

    def say(self, note: str, stage: str = "Note") -> None:
        """Tell the user one sentence."""
        self.report(Progress(stage, 0.0, note=note))
