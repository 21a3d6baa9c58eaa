"""Autosave every edit in children that are killed at random, and check what they leave.

As a program: ``python killed.py FOLDER KILLS`` ends with status 0 if after each kill the session
could be read, with at most the last edit lost. It is a program of its own, since it forks.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

from napari_vslp.core.edits import SetClicks
from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.saved.autosave import Autosave, left_behind
from napari_vslp.core.saved.session_file import read_session
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Click, Tissue, coloured

LONGEST_S = 0.15


def work(folder: Path, pipe: int) -> None:
    """Click and autosave without end, and say how many clicks there were before each write."""
    image = ImageReference("slide.png", shape=(60, 80))
    session = Session(Inputs(image, tuple(coloured([Tissue("a", 0.5), Tissue("b", 0.5)]))))
    kept = Autosave(image, folder)
    clicks: tuple[Click, ...] = ()
    while True:
        clicks = (*clicks, Click("a", len(clicks) % 60, len(clicks) // 60))
        session.apply(SetClicks(clicks))
        os.write(pipe, struct.pack("<i", len(clicks)))
        kept.write(session.history())


def kill_often(folder: Path, kills: int) -> None:
    """Kill a child that autosaves, again and again."""
    rng = random.Random(0)  # noqa: S311 - no secret
    written, halves = 0, 0
    for _ in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            work(folder, writing)
        os.close(writing)
        first = os.read(reading, 4)  # it has begun
        time.sleep(rng.uniform(0.02, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said = first + os.read(reading, 2**16)
        os.close(reading)
        (edits,) = struct.unpack("<i", said[-4:])
        halves += any(folder.glob("*.partial"))
        left = left_behind(folder)
        assert len(left) == 1 or edits == 1, (left, edits)
        for one in left:
            history = read_session(one.path).history
            assert len(history.inputs.clicks) >= edits - 1, (len(history.inputs.clicks), edits)
            assert len(history.steps) == len(history.inputs.clicks) + 1
            written += len(history.inputs.clicks)
            assert one.discard()
        assert not any(folder.glob("*.vslp")), list(folder.iterdir())
    sys.stdout.write(f"{kills} kills, {halves} within a write, {written} edits kept\n")


if __name__ == "__main__":
    kill_often(Path(sys.argv[1]), int(sys.argv[2]))
