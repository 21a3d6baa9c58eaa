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
from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.torchvision_shim import import_timm

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


class Watch(Callback):
    """Stops when told to, and reports every few steps.

    Parameters
    ----------
    job : Job
        Cancel token and progress.
    stage : str
        What to call this round before the user.
    steps : int
        Of the whole round.
    record : callable
        Takes the figures of every check.
    """

    def __init__(self, job: Job, stage: str, steps: int, record: Record) -> None:
        self._job, self._stage, self._steps, self._record = job, stage, steps, record

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Look at the cancel token, tell how far it is."""
        self._job.check()
        step = trainer.global_step
        self._job.report(Progress(self._stage, step / self._steps, iteration=step))

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Hand on the figures of this check."""
        names = ("loss", "held_out_loss", "area_error")
        known = {
            n: float(trainer.callback_metrics[n]) for n in names if n in trainer.callback_metrics
        }
        step = trainer.global_step
        if trainer.is_global_zero:
            self._record({"step": float(step), **known})
        report = Progress(self._stage, step / self._steps, iteration=step, figures=known)
        self._job.report(report)


class Checkpoint(Saver):
    """Writes the state at every check, beside the last one, and then in its place.

    Lightning calls savers last, so that the state holds what all others know by then.

    Parameters
    ----------
    path : Path
        Of the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: Trainer, _: LightningModule) -> None:
        """Save; a full disk ends the training, but not the last good checkpoint.

        Raises
        ------
        VslpError
            If the checkpoint cannot be written.
        """
        partial = self._path.with_suffix(".partial")
        try:
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self._path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise VslpError(
                f"The training could not be saved in {self._path.parent} ({error.strerror}): make "
                "room and give the same command again; it goes on from the last good checkpoint."
            ) from error


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
