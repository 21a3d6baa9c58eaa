"""Lightning's loop: imported beside any build of torchvision, and watched by callbacks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import replacing
from napari_vslp.core.progress import Job
from napari_vslp.encoders.timm_network import import_timm
from napari_vslp.learning.contract import Event, Kind

# Lightning imports torchvision by way of torchmetrics, and it has to be mended before.
import_timm()

from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import Checkpoint as Saver  # noqa: E402
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging  # noqa: E402

__all__ = [
    "Callback",
    "EarlyStopping",
    "LightningModule",
    "Saver",
    "Trainer",
    "WeightAveraging",
    "hush",
]


def hush() -> None:
    """Keep Lightning's advice to its developers off the user's screen."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")


Record = Callable[[Mapping[str, float]], None]


@dataclass(frozen=True)
class Round:
    """One student's place in the whole training.

    Attributes
    ----------
    number, count
        From 0, and of how many.
    steps
        Of this round.
    checkpoint
        File to resume from and to write.
    """

    number: int
    count: int
    steps: int
    checkpoint: Path

    def event(
        self, step: int, kind: Kind = "round", figures: Mapping[str, float] | None = None
    ) -> Event:
        """Return what to report at a step."""
        return Event(
            stage=f"Learning, round {self.number + 1} of {self.count}",
            fraction=step / self.steps,
            kind=kind,
            round=self.number,
            rounds=self.count,
            step=step,
            steps=self.steps,
            figures=figures or {},
        )


class Watch(Callback):
    """Stops when told to, and reports every step and every check.

    Parameters
    ----------
    job : Job
        Cancel token and progress.
    place : Round
        The round that is watched.
    record : callable
        Takes the figures of every check.
    """

    def __init__(self, job: Job, place: Round, record: Record) -> None:
        self._job, self._place, self._record = job, place, record

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Look at the cancel token, tell how far it is."""
        self._job.check()
        self._job.report(self._place.event(trainer.global_step))

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Hand on the figures of this check."""
        names = ("loss", "held_out_loss", "area_error")
        known = {
            n: float(trainer.callback_metrics[n]) for n in names if n in trainer.callback_metrics
        }
        step = trainer.global_step
        if trainer.is_global_zero:
            self._record({"step": float(step), **known})
        self._job.report(self._place.event(step, "check", known))


class Checkpoint(Saver):
    """Writes the state at every check, beside the last one, and then in its place.

    Lightning calls savers last, so that the state holds what all others know by then.

    Parameters
    ----------
    job : Job
        Told when a stop loses nothing.
    place : Round
        With the path of the checkpoint.
    """

    def __init__(self, job: Job, place: Round) -> None:
        self._job, self._place = job, place

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save; a full disk ends the training, but not the last good checkpoint.

        Raises
        ------
        VslpError
            If the checkpoint cannot be written.
        """
        path = self._place.checkpoint
        try:
            # Of several processes the first one alone writes.
            with replacing(path) as partial:
                trainer.save_checkpoint(partial)
        except OSError as error:
            raise VslpError(
                f"The training could not be saved in {path.parent} ({error.strerror}); it goes on "
                "from the last good checkpoint",
                mend="make room and give the same command again",
                remedy="room and again",
            ) from error
        self._job.report(self._place.event(trainer.global_step, "saved"))


class _RunningAverage(WeightAveraging):
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the average in the network even where no step was left to do."""
        self.on_train_end(trainer, pl_module)


@dataclass(frozen=True)
class Decay:
    """The step of an exponential moving average; unlike torch's own it may go to a new process."""

    decay: float

    @torch.no_grad()
    def __call__(self, averaged: list[Tensor], current: list[Tensor], _: object) -> None:
        """Move each average by 1 − decay towards its current value; copy whole numbers."""
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - self.decay)
            else:
                mean.copy_(value)


def running_average(decay: float) -> WeightAveraging:
    """Return the callback that averages the weights: steadier than any single step."""
    return _RunningAverage(use_buffers=True, multi_avg_fn=Decay(decay))
