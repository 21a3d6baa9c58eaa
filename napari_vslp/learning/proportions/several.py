"""A round on several devices: one process for each, which Lightning's DDP joins."""

from __future__ import annotations

import os
import socket

import torch
from torch import multiprocessing
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import Job, Progress
from napari_vslp.learning.proportions.rounds import Lesson, fit

_LOOK_S = 0.5


def fit_on_several(lesson: Lesson, job: Job) -> None:
    """Run `rounds.fit` in as many processes as there are devices, and wait for them.

    They are started here and not by Lightning, whose own start imports torchvision before this
    package can mend it. What they learn lies in the round's checkpoint.

    Parameters
    ----------
    lesson : Lesson
        What to learn, from what.
    job : Job
        Looked at twice a second; told of the stage only, since the processes cannot report here.

    Raises
    ------
    Cancelled
        If the job is told to stop; the last checkpoint stays.
    VslpError
        If one of the processes fails.
    """
    # Thousands of images shared between the processes must not each hold a file open.
    multiprocessing.set_sharing_strategy("file_system")
    job.report(Progress(lesson.turn.stage, 0.0))
    count = lesson.hardware.devices
    running = spawn(_one, (count, _free_port(), lesson), count, join=False)
    try:
        while not running.join(timeout=_LOOK_S):
            job.check()
    except Cancelled:
        for process in running.processes:
            process.terminate()
        raise
    except (ProcessExitedException, ProcessRaisedException) as error:
        # Ctrl-C reaches the processes too, and may end them before this one looks.
        job.check()
        raise VslpError(
            "One of the devices stopped: give the same command again to go on, with fewer "
            f"--devices if it happens again ({str(error).strip().splitlines()[-1]})."
        ) from error


def _one(rank: int, count: int, port: int, lesson: Lesson) -> None:
    """Be one of the processes, told so in the way that torchrun tells its own."""
    place = {"LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    if lesson.hardware.device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    fit(lesson, Job())


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port
