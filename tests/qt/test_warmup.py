"""Loading torch, timm and numba in a thread without stopping the others."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.qt.work import warmup

SLACK = float(os.environ.get("VSLP_TIME_SLACK", "4" if os.environ.get("CI") else "2"))

# A second thread asks for the interpreter's lock every 10 ms, as the window does.
FROM_NOTHING = """
import sys, threading, time
import napari.layers
from napari_vslp.core.progress import Job
from napari_vslp.qt.work import warmup
assert not {"torch", "timm"} & set(sys.modules)
worker = threading.Thread(target=warmup.load_libraries, args=(Job(),))
worst, last = 0.0, time.perf_counter()
worker.start()
while worker.is_alive():
    time.sleep(0.01)
    now = time.perf_counter()
    worst, last = max(worst, now - last - 0.01), now
assert {"torch", "timm", "numba"} <= set(sys.modules)
print(1000 * worst)
"""


def test_the_libraries_load_without_stopping_other_threads():
    ran = subprocess.run(
        [sys.executable, "-c", FROM_NOTHING], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout.split()[-1]) <= 100 * SLACK


ALL_OF_IT = """
import sys, threading, time
import napari.layers
from napari_vslp.qt.work import warmup
token = warmup.start()
assert warmup.start() is token, "once a process"
worker = next(one for one in threading.enumerate() if "warm-up" in one.name)
worst, last = 0.0, time.perf_counter()
while worker.is_alive():
    time.sleep(0.01)
    now = time.perf_counter()
    worst, last = max(worst, now - last - 0.01), now
from napari_vslp.encoders import encoder
from napari_vslp.energy.engines import binary_kernel, kernels
assert len(encoder._in_memory) == 1
assert kernels.iterate.signatures and binary_kernel.iterate_two.signatures
print(1000 * worst)
"""


def test_network_and_kernels_are_ready_before_they_are_asked_for():
    ran = subprocess.run(
        [sys.executable, "-c", ALL_OF_IT], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout.split()[-1]) <= 150 * SLACK


def test_a_stopped_warm_up_ends_quietly(caplog):
    token = CancelToken()
    token.cancel()
    with caplog.at_level("WARNING"):
        warmup._warm_up(token)
    assert not caplog.records


def test_a_second_thread_waits_and_can_be_stopped_meanwhile():
    token = CancelToken()
    token.cancel()
    with warmup._loading, pytest.raises(Cancelled):
        warmup.load_libraries(Job(token))


def test_what_is_loaded_is_not_loaded_again():
    warmup.load_libraries(Job())
    told = []
    warmup.load_libraries(Job(on_progress=told.append))
    assert told == []
    assert gc.isenabled()


def test_torch_libraries_are_found_and_opened():
    found = warmup._found("torch", *warmup._LIBRARIES["torch"])
    assert any("torch_cpu" in library.name for library in found)
    for library in found:
        warmup._open(library)


def test_what_cannot_be_found_or_opened_only_loses_the_head_start(tmp_path: Path):
    assert find_spec("not_there_at_all") is None
    assert warmup._found("not_there_at_all", "lib", ("x",)) == []
    broken = tmp_path / "libbroken.so"
    broken.write_bytes(b"no library")
    warmup._open(broken)
