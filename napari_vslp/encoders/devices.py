"""Which device computes, and how its memory says that it is full.

Imports torch only when asked: the solver's numba path needs none.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from napari_vslp.core.errors import VslpError

if TYPE_CHECKING:
    import torch


def one_thread_in_forks() -> None:
    """Let torch compute with one thread in processes that are forked from this one from now on.

    A forked process has none of the threads that its parent's OpenMP waits for, so that the first
    parallel loop of torch would wait for ever (pytorch/pytorch#17199). As torch's own data loaders
    do in theirs, it keeps to one thread there. Calling this again changes nothing.
    """
    if hasattr(os, "register_at_fork") and not _registered:
        _registered.append(True)
        os.register_at_fork(after_in_child=_one_thread)


_registered: list[bool] = []


def _one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


# How CUDA, Metal and the processor's allocators word it in a plain RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def choose_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` takes the first of CUDA, Metal and the processor.

    Parameters
    ----------
    name : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.

    Raises
    ------
    VslpError
        If there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device(_best())
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise VslpError(
            f"There is no device “{name}”: choose auto, cpu, cuda, cuda:1 or mps."
        ) from error
    if not _present(device):
        raise VslpError(f"This computer has no device “{name}”: choose auto or cpu.")
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device's memory is full.

    Parameters
    ----------
    error : BaseException
        A `MemoryError` (NumPy's and numba's included), torch's own class, or a `RuntimeError` whose
        message says so, as CUDA, Metal and the processor's allocator word it.
    """
    # torch's class by its name, so that torch need not be there.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        text in str(error).lower() for text in _OUT_OF_MEMORY
    )


def _best() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _present(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"
