"""Processes that fork after a segmentation, as `multiprocessing` does on Linux."""

from __future__ import annotations

import os
import sys


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
