"""One round of stage two: a student learns from labels, on one device or on several."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, multiprocessing
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn
from torch.utils.data import DataLoader

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import Job
from napari_vslp.learning.proportions.bags import Bags, Draws, Patches
from napari_vslp.learning.proportions.learner import Recipe
from napari_vslp.learning.proportions.loop import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Record,
    Round,
    Trainer,
    Watch,
    hush,
    running_average,
)
from napari_vslp.learning.proportions.model import Start
from napari_vslp.learning.proportions.student import Student

# Below, every bag is needed for learning.
_LEAST_BAGS = 20
_MOST_HELD_OUT = 64
_LOOK_S = 0.5


@dataclass(frozen=True)
class Hardware:
    """Where a training computes.

    Attributes
    ----------
    device
        As in `devices.choose_device`.
    devices
        How many of them.
    precision
        ``"auto"``, or as Lightning names it, such as ``"bf16-mixed"`` or ``"32-true"``.
    """

    device: torch.device
    devices: int = 1
    precision: str = "auto"

    def chosen_precision(self) -> Any:  # noqa: ANN401 - Lightning lists and checks the names
        """Return 16 bits where the hardware multiplies them faster, else 32."""
        if self.precision != "auto":
            return self.precision
        if self.device.type != "cuda":
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def held_out_rows(count: int, share: float, seed: int) -> list[int]:
    """Return which bags watch over the training instead of teaching."""
    if count < _LEAST_BAGS or share <= 0:
        return []
    generator = torch.Generator().manual_seed(seed)
    wanted = min(_MOST_HELD_OUT, max(1, round(share * count)))
    return sorted(torch.randperm(count, generator=generator)[:wanted].tolist())


@dataclass(frozen=True)
class RoundInputs:
    """All that a round needs, in a form that may go to another process.

    Attributes
    ----------
    bags, labels
        N of each; labels are (H/4, W/4) int8.
    start
        The network to train.
    recipe
        Rates, batch and augmentation.
    round
        Which one it is, how long it lasts and where it is resumed from.
    hardware
        Device, number of devices, precision.
    record
        Takes the figures of every check.
    """

    bags: Bags
    labels: Sequence[Tensor]
    start: Start
    recipe: Recipe
    round: Round
    hardware: Hardware
    record: Record


def run_round(inputs: RoundInputs, job: Job) -> None:
    """Train a student and leave its averaged weights in ``inputs.start.network``.

    Parameters
    ----------
    inputs : RoundInputs
        What to learn, from what.
    job : Job
        Cancel token and progress.

    Raises
    ------
    Cancelled
        If the job is told to stop; the last checkpoint stays.
    VslpError
        If the disk is full or the checkpoint of another make.
    """
    network = inputs.start.network
    if inputs.hardware.devices > 1:
        from napari_vslp.learning.proportions.rounds import fit_on_several

        fit_on_several(inputs, job)
        state = torch.load(inputs.round.checkpoint, weights_only=True)["state_dict"]
        # Lightning writes the running average as the state.
        own = {name.removeprefix("network."): value for name, value in state.items()}
        network.load_state_dict(own)
    else:
        fit(inputs, job)
    network.eval()


def fit(inputs: RoundInputs, job: Job) -> None:
    """Run Lightning's loop, in this process; for several devices, as one of theirs."""
    recipe, rules, hardware = inputs.recipe, inputs.recipe.student, inputs.hardware
    # Whole epochs, one a check: Lightning resumes a number of steps in the midst of an epoch.
    checks = -(-inputs.round.steps // rules.check_every)
    every = -(-inputs.round.steps // checks)
    place = replace(inputs.round, steps=checks * every)
    bags, labels = inputs.bags.items, inputs.labels
    out = held_out_rows(len(bags), rules.held_out, recipe.seed)
    kept = [i for i in range(len(bags)) if i not in set(out)]
    patches = Patches([bags[i] for i in kept], [labels[i] for i in kept], rules.patch)
    student = Student(inputs.start, recipe, place.steps, tuple(bags[i] for i in out))
    seed = recipe.seed * 101 + place.number
    count = rules.batch * every * hardware.devices
    draws = Draws(patches.areas, count, seed, student.epoch_number)
    trainer = _trainer(inputs, place, checks, watched=bool(out), job=job)
    learning = DataLoader(patches, batch_size=rules.batch, sampler=draws, drop_last=True)
    watching = DataLoader[int](range(len(out)), batch_size=8) if out else None  # type: ignore[arg-type]
    resume = str(place.checkpoint) if place.checkpoint.exists() else None
    try:
        trainer.fit(student, learning, watching, ckpt_path=resume, weights_only=True)
    except (RuntimeError, KeyError) as error:
        if resume is None or "state_dict" not in str(error):
            raise
        raise VslpError(
            f"The checkpoint {place.checkpoint} belongs to another network",
            mend="add --restart to begin anew",
            remedy="restart",
        ) from error


def _trainer(inputs: RoundInputs, place: Round, checks: int, *, watched: bool, job: Job) -> Trainer:
    rules, hardware = inputs.recipe.student, inputs.hardware
    callbacks: list[Callback] = [
        running_average(rules.average_decay),
        Watch(job, place, inputs.record),
        Checkpoint(job, place),
    ]
    if watched:
        callbacks.append(EarlyStopping("held_out_loss", patience=rules.patience, mode="min"))
    hush()
    return Trainer(
        accelerator={"cuda": "gpu"}.get(hardware.device.type, hardware.device.type),
        devices=_devices(hardware),
        strategy="auto" if hardware.devices == 1 else "ddp",
        precision=hardware.chosen_precision(),
        max_epochs=checks,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=place.checkpoint.parent,
    )


def _devices(hardware: Hardware) -> int | list[int]:
    if hardware.device.type == "cuda" and hardware.devices == 1:
        return [hardware.device.index or 0]
    return hardware.devices


def fit_on_several(inputs: RoundInputs, job: Job) -> None:
    """Run `rounds.fit` in as many processes as there are devices, and wait for them.

    They are started here and not by Lightning, whose own start imports torchvision before this
    package can mend it. What they learn lies in the round's checkpoint.

    Parameters
    ----------
    inputs : RoundInputs
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
    job.report(inputs.round.event(0))
    count = inputs.hardware.devices
    running = spawn(_one, (count, _free_port(), inputs), count, join=False)
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
        why = str(error).strip().splitlines()[-1]
        raise VslpError(
            f"One of the devices stopped ({why})",
            mend="give the same command again to go on, with fewer --devices if it happens again",
            remedy="again",
        ) from error


def _one(rank: int, count: int, port: int, inputs: RoundInputs) -> None:
    """Be one of the processes, told so in the way that torchrun tells its own."""
    place = {"LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    if inputs.hardware.device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    fit(inputs, Job())


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port
