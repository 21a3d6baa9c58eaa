"""From a table of images and shares to a model file: the one way that all trainings go."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import write_whole
from napari_vslp.core.progress import Job
from napari_vslp.encoders.devices import choose_device
from napari_vslp.encoders.weights import save_model
from napari_vslp.learning.cohort import Cohort, check_identifiable
from napari_vslp.learning.contract import Event, Run, Trained
from napari_vslp.learning.proportions.bags import Bags, load_bags
from napari_vslp.learning.proportions.labels import first_labels, next_labels, true_labels
from napari_vslp.learning.proportions.learner import Recipe
from napari_vslp.learning.proportions.model import (
    Origin,
    Start,
    card_of,
    card_text,
    check_out,
    start_from,
)
from napari_vslp.learning.proportions.work_folder import TrainingFolder

if TYPE_CHECKING:
    from napari_vslp.learning.proportions.rounds import Hardware


def train(
    cohort: Cohort,
    run: Run,
    *,
    recipe: Recipe | None = None,
    origin: Origin | None = None,
    job: Job | None = None,
) -> Trained:
    """Train a model from the proportions of a cohort; a stopped training goes on where it was.

    Stage one labels the cohort with small heads on shallow features; then one student after the
    other learns from labels cut at each image's own shares (docs/learning.md). From a cohort with
    masks the supervised upper bound is learnt instead, from the masks alone.

    Parameters
    ----------
    cohort : Cohort
        From `read_cohort`.
    run : Run
        The file to write, beside which its card is written as ``.md``; the device; the folder of
        labels and checkpoints, removed at the end.
    recipe : Recipe, optional
        How to train.
    origin : Origin, optional
        What to say of the data, their licence and whom to name.
    job : Job, optional
        Cancel token and progress.

    Returns
    -------
    Trained
        The model's path, card and curves.

    Raises
    ------
    VslpError
        With one sentence, if the cohort, the folder or the encoder cannot be used, or if a file
        would be overwritten that no training has written.
    Cancelled
        If the job is told to stop; the same call goes on later.
    """
    recipe, job = recipe or Recipe(), job or Job()
    if run.devices < 1:
        raise VslpError("A training needs at least one device: raise --devices.")
    if cohort.truth is None:
        check_identifiable(cohort)
    _check_extra()
    check_out(run.out)
    masks = cohort.truth is not None
    folder = TrainingFolder(run.folder, cohort, recipe, restart=run.restart, masks=masks)
    plan = recipe.rounds
    job.report(Event(stage="Reading the images", fraction=0.0, kind="reading", plan=plan))
    bags = load_bags(cohort, job)
    labels = true_labels(cohort, bags)
    from napari_vslp.learning.proportions.rounds import Hardware

    hardware = Hardware(choose_device(run.device), run.devices, run.precision)
    start = _Training(folder, bags, recipe, labels, hardware, job).run()
    card = card_of(
        cohort,
        bags,
        start,
        recipe,
        origin or Origin(),
        curves=folder.curves(),
        seconds=folder.seconds,
        machine=f"{run.devices} × {_hardware_name(hardware.device)}, {platform.machine()}",
    )
    start.network.to("cpu").eval()
    page = run.out.with_suffix(".md")
    # If this is cut short, no page is better than that of another model.
    page.unlink(missing_ok=True)
    save_model(run.out, start.network, card)
    write_whole(page, card_text(card).encode())
    curves = tuple(folder.curves())
    folder.remove()
    said = f"What it was made from stands in {page.name} beside it."
    return Trained(run.out, card, ", ".join(card.tissues), card.figures, said, curves)


@dataclass
class _Training:
    """The rounds of one training, each skipped where an earlier run has finished it."""

    folder: TrainingFolder
    bags: Bags
    recipe: Recipe
    given: Sequence[Tensor] | None
    hardware: Hardware
    job: Job
    _last: Start = field(init=False)

    def run(self) -> Start:
        """Return the start whose network is the last round's student."""
        for number in range(len(self.recipe.rounds)):
            if self.folder.has_labels(number + 1):
                continue
            labels = self._labels(number)
            start = self._start(number)
            if number > 0 and self.recipe.go_on:
                start.network.load_state_dict(self._weights(number - 1))
            weights = self.folder.student(number)
            if weights is None:
                self._learn(number, labels, start)
                self.folder.save_student(number, start.network.state_dict())
            else:
                start.network.load_state_dict(weights)
            self._last = start
        return self._last

    def _weights(self, number: int) -> dict[str, Tensor]:
        found = self.folder.student(number)
        if found is None:
            raise VslpError(
                f"A round is missing from {self.folder.path}",
                mend="add --restart to begin anew",
                remedy="restart",
            )
        return found

    def _start(self, number: int) -> Start:
        return start_from(self.recipe.encoder, self.bags.tissues, self.recipe.seed + number)

    def _labels(self, number: int) -> Sequence[Tensor]:
        """Return the labels of a round: given, kept from before, or made now."""
        if self.given is not None:
            return self.given
        kept = self.folder.labels(number)
        if kept is not None:
            return kept
        found = self._first_labels() if number == 0 else self._next_labels(self._last)
        self.folder.save_labels(number, found)
        return found

    def _first_labels(self) -> list[Tensor]:
        start, recipe = self._start(0), self.recipe
        if start.knows:
            return self._next_labels(start)
        device = self.hardware.device
        return first_labels(
            self.bags, start, recipe.shallow, seed=recipe.seed, device=device, job=self.job
        )

    def _next_labels(self, start: Start) -> list[Tensor]:
        device = self.hardware.device
        halves = self.hardware.chosen_precision() == "bf16-mixed"
        with torch.autocast(device.type, torch.bfloat16, enabled=halves):
            return next_labels(self.bags, start.network, start, device, self.job)

    def _learn(self, number: int, labels: Sequence[Tensor], start: Start) -> None:
        from napari_vslp.learning.proportions.loop import Round
        from napari_vslp.learning.proportions.rounds import RoundInputs, run_round

        rounds = self.recipe.rounds
        inputs = RoundInputs(
            self.bags,
            labels,
            start,
            self.recipe,
            Round(number, len(rounds), rounds[number], self.folder.checkpoint(number)),
            self.hardware,
            partial(self.folder.record, number),
        )
        run_round(inputs, self.job)


def _check_extra() -> None:
    if find_spec("lightning") is None:
        raise VslpError(
            "Training needs one more package: pip install “napari-vslp[train]”, then try again."
        )


def _hardware_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of a processor"
