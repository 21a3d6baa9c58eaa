"""Processes that fork after torch has computed in them."""

import subprocess
import sys

import pytest

CODE = """
import multiprocessing, torch
from napari_vslp.encoders.devices import one_thread_in_forks
torch.set_num_threads(4)
one_thread_in_forks()
one_thread_in_forks()
def work(seed):
    made = torch.full((600, 600), float(seed)) @ torch.ones(600, 600)
    return torch.get_num_threads(), float(made[0, 0])
work(1)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(work, [1, 2]))
print(torch.get_num_threads())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no forks")
def test_a_forked_process_computes_with_one_thread_instead_of_waiting_for_ever():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split("\n")[:2] == ["[(1, 600.0), (1, 1200.0)]", "4"]
