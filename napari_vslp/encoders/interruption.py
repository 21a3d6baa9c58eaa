"""Stop a network in the middle of its pass, so that Cancel need not wait for the end of a tile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import nn

from napari_vslp.core.progress import Job

# One per thread: two windows may share a cached network and cancel each their own job.
_running: ContextVar[Job | None] = ContextVar("running", default=None)


def make_interruptible(module: nn.Module) -> None:
    """Let every layer of a network look at the running job's cancel token before it computes."""
    for layer in module.modules():
        if next(layer.children(), None) is None:
            layer.register_forward_pre_hook(_look)


@contextmanager
def running(job: Job) -> Iterator[None]:
    """Make a job the one that interruptible networks of this thread obey.

    Raises
    ------
    Cancelled
        From inside the network's pass, as soon as the job is told to stop.
    """
    token = _running.set(job)
    try:
        yield
    finally:
        _running.reset(token)


def _look(_layer: nn.Module, _inputs: Any) -> None:  # noqa: ANN401
    job = _running.get()
    if job is not None:
        job.check()
