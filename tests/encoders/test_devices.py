"""Which device computes, and how full memory is told from other errors."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.devices import choose_device, is_out_of_memory


@pytest.mark.parametrize("name", ["quantum", "cuda:99", "", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(VslpError, match="device"):
        choose_device(name)


def test_auto_takes_what_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (MemoryError(), True),
        (np._core._exceptions._ArrayMemoryError((9,), np.dtype(float)), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 B"), True),
        (RuntimeError("The size of tensor a must match the size of tensor b"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_full_memory_is_told_from_other_errors(error, full):
    assert is_out_of_memory(error) is full


def test_an_allocation_that_no_machine_can_hold_is_full_memory():
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(1 << 48, dtype=torch.float64)
    assert is_out_of_memory(caught.value)


def test_asking_loads_no_torch():
    code = (
        "import sys; from napari_vslp.encoders.devices import is_out_of_memory\n"
        "is_out_of_memory(MemoryError()); assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
