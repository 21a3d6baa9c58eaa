"""Write sets of files in children that are killed at random, and check what they leave.

As a program: ``python killed.py FOLDER KILLS`` ends with status 0 if each kill left one whole set.
It is a program of its own, since it forks and a process of tests may have threads.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from napari_vslp.core.files import result_folder
from napari_vslp.core.files.result_folder import results_in, writing_results

LONGEST_S = 0.04


def write_set(folder: Path, turn: int) -> None:
    """Write the turn's set: a folder and four files, every third turn five."""
    with writing_results(folder, "test") as stage:
        for number in range(4 + (turn % 3 == 0)):
            (stage / f"{number}.txt").write_text(f"{turn}\n" * 500)
        (stage / "maps.zarr").mkdir()
        for number in range(2):
            (stage / "maps.zarr" / str(number)).write_text(f"{turn}")


def check_set(folder: Path) -> int:
    """Return the turn of the set in a folder, having checked that it is whole and alone."""
    results_in(folder)
    own = {path.name: path.read_text() for path in folder.glob("[0-9].txt")}
    (turn,) = {int(text.split()[0]) for text in own.values()}
    assert own == {f"{n}.txt": f"{turn}\n" * 500 for n in range(4 + (turn % 3 == 0))}
    inner = {path.name: path.read_text() for path in (folder / "maps.zarr").iterdir()}
    assert inner == {"0": f"{turn}", "1": f"{turn}"}
    left = {path.name for path in folder.iterdir()} - own.keys() - {"maps.zarr"}
    assert left <= {".napari-vslp.json", ".napari-vslp.lock", "mine.txt"}, left
    assert (folder / "mine.txt").read_text() == "mine"
    return turn


def kill_often(folder: Path, kills: int) -> None:
    """Kill a child that writes sets without end, again and again."""
    rng = random.Random(0)  # noqa: S311 - no secret
    turn, interrupted = 0, 0
    # Renames of files that the disk has not got yet are slow, so that more kills hit them.
    result_folder._flush = lambda _: None
    folder.mkdir(exist_ok=True)
    (folder / "mine.txt").write_text("mine")
    write_set(folder, turn)
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            while True:
                turn += 1
                write_set(folder, turn)
        time.sleep(rng.uniform(0, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        interrupted += (folder / ".napari-vslp.work" / "redo.json").exists()
        turn = check_set(folder)
    sys.stdout.write(f"{kills} kills, {interrupted} between two renames, {turn} sets written\n")


if __name__ == "__main__":
    kill_often(Path(sys.argv[1]), int(sys.argv[2]))
