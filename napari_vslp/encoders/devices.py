"""Which device computes, and how its memory says that it is full."""

from __future__ import annotations

import torch

from napari_vslp.core.errors import VslpError

# How CUDA, Metal and the processor's allocators word it in a plain RuntimeError.
_FULL = ("out of memory", "can't allocate memory", "not enough memory")


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


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the device's memory is full."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _FULL)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _present(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"
