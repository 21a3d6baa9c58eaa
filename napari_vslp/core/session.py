"""The one owner of an image's state: what was said, what came of it, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from psygnal import Signal

from napari_vslp.core.edits import Edit
from napari_vslp.core.inputs import Inputs
from napari_vslp.core.segmentation import Segmentation

# Results of earlier steps are kept up to here; older ones are solved again when undo asks.
RESULT_BYTES = 512 * 2**20
# As many steps as a long afternoon makes.
MOST_STEPS = 1000


@dataclass(frozen=True)
class Kept:
    """One step of a history as it is saved: inputs, what led to them, and their own result."""

    inputs: Inputs
    title: str = ""
    result: Segmentation | None = None


@dataclass(frozen=True)
class History:
    """All steps of a session, oldest first; those after `now` were taken back."""

    steps: tuple[Kept, ...]
    now: int = 0

    @property
    def inputs(self) -> Inputs:
        """What is said now."""
        return self.steps[self.now].inputs


@dataclass
class _Step:
    """Inputs as they stood after one edit, and the result that belongs to them."""

    inputs: Inputs
    title: str = ""
    merge: str = ""
    result: Segmentation | None = None


@dataclass
class Session:
    """One image with everything that was said about it and found in it.

    There is one door for changes, `apply`; `undo` and `redo` go back and forth between what it
    made, with the result that belonged to each step. Listeners hear of it by two signals and
    draw what `inputs` and `result` say.

    Attributes
    ----------
    embedding, embedding_key
        What the network saw, and what that depends on; opaque here.
    review
        Where looking the result over stands; opaque here.
    latest
        The result that came last, whatever is shown: the next solve starts from its state.

    Signals
    -------
    edited
        (Inputs before, Inputs after): by an edit, undo or redo.
    resulted
        Another result, or none, is to be shown.
    """

    edited = Signal(Inputs, Inputs)
    resulted = Signal()

    start: Inputs
    embedding: Any = None
    embedding_key: Any = None
    review: Any = None
    latest: Segmentation | None = None
    _past: list[_Step] = field(default_factory=list, init=False, repr=False)
    _future: list[_Step] = field(default_factory=list, init=False, repr=False)
    _now: _Step = field(init=False, repr=False)
    _passing: Segmentation | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with the first inputs and an empty history."""
        self._now = _Step(self.start)

    @property
    def inputs(self) -> Inputs:
        """What is said now."""
        return self._now.inputs

    @property
    def result(self) -> Segmentation | None:
        """The result to show: of these inputs, or else the last one before them."""
        if self._passing is not None:
            return self._passing.dressed(self.inputs)
        for step in (self._now, *reversed(self._past)):
            if step.result is not None:
                return step.result.dressed(self.inputs)
        return None

    @property
    def stale(self) -> bool:
        """Whether the result shown is of other inputs than the present ones."""
        return self.result is not None and (self._passing is not None or self._now.result is None)

    @property
    def undo_title(self) -> str:
        """What `undo` would take back; empty if there is nothing."""
        return self._now.title if self._past else ""

    @property
    def redo_title(self) -> str:
        """What `redo` would do again; empty if there is nothing."""
        return self._future[-1].title if self._future else ""

    def apply(self, edit: Edit, merge: str = "") -> bool:
        """Edit the inputs: the one door for every change.

        Parameters
        ----------
        edit
            From `core.edits`.
        merge
            Edits in a row of the same `merge`, such as those of one drag, are one step of the
            history: each takes the place of the one before, from where the first one began.

        Returns
        -------
        bool
            Whether anything changed.

        Raises
        ------
        VslpError
            If the edit cannot be; nothing has changed then.
        """
        going_on = bool(merge) and self._now.merge == merge and bool(self._past)
        base = self._past[-1] if going_on else self._now
        before, after = self.inputs, edit(base.inputs)
        if after == before:
            return False
        if going_on and after == base.inputs:
            # The hand is back where it began: there was nothing to undo.
            self._future.clear()
            self._turn_to(self._past.pop())
            return True
        if not going_on:
            self._past.append(self._now)
            del self._past[:-MOST_STEPS]
        shown = self._now.result if going_on else None
        self._now = _Step(after, edit.title, merge, _carried(base, after))
        if shown is not None and self._now.result is None:
            self._passing = shown  # of a place that the hand only came past
        self._future.clear()
        self.edited.emit(before, after)
        return True

    def end_merge(self) -> None:
        """Let the next edit be a step of its own, whatever its `merge`."""
        self._now.merge = ""

    def undo(self) -> bool:
        """Go back one step; return whether there was one."""
        return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Do again what was taken back; return whether there was anything."""
        return self._go(self._future, self._past)

    def take(self, result: Segmentation, inputs: Inputs, passing: bool = False) -> None:
        """Keep the result of a job.

        Parameters
        ----------
        result
            What came of it.
        inputs
            What the job was started with. If they are the present ones, or those of an earlier
            step, the result belongs to that step; else it is shown until another one comes.
        passing
            Whether it is a quick one, while a slider moves, that no step keeps.
        """
        owner = None if passing else self._step_of(inputs)
        if owner is not None:
            owner.result = result
            self._forget_old_results()
        known = owner is not None and not any(owner is step for step in self._future)
        # What was taken back meanwhile waits for redo where the present step has its own result.
        waits = owner is not None and self._now.result is not None
        self._passing = None if known or waits else result
        self.latest = result
        self.resulted.emit()

    def history(self) -> History:
        """Return all steps as they stand, to be saved; later edits do not change it."""
        steps = (*self._past, self._now, *reversed(self._future))
        kept = tuple(Kept(step.inputs, step.title, step.result) for step in steps)
        return History(kept, len(self._past))

    def restore(self, history: History) -> None:
        """Go on where a saved history ended, with its undo and redo; what was here is gone."""
        before = self.inputs
        steps = [_Step(one.inputs, one.title, result=one.result) for one in history.steps]
        self._past, self._now = steps[: history.now], steps[history.now]
        self._future = steps[: history.now : -1]
        self._passing, self.latest = None, None
        self.embedding = self.embedding_key = None
        self.edited.emit(before, self.inputs)
        self.resulted.emit()

    @property
    def passing(self) -> Segmentation | None:
        """The quick result that is shown in the place of any step's, or None."""
        return self._passing

    def put_back(self, passing: Segmentation | None) -> None:
        """Show again what was shown before quick results came: `passing` as it was then."""
        self._passing = passing
        self.latest = passing or self.result
        self.resulted.emit()

    def name_image(self, **known: Any) -> None:  # noqa: ANN401 - fields of ImageReference
        """Say more of the image (path, sha256, name): no edit, so nothing to undo."""
        for step in (*self._past, self._now, *self._future):
            step.inputs = replace(step.inputs, image=replace(step.inputs.image, **known))

    def _go(self, source: list[_Step], target: list[_Step]) -> bool:
        if not source:
            return False
        target.append(self._now)
        self._turn_to(source.pop())
        return True

    def _turn_to(self, step: _Step) -> None:
        before, shown = self.inputs, self.result
        self._now = step
        self._now.merge = ""
        self._passing = None
        self.edited.emit(before, self.inputs)
        if self.result is not shown:
            self.resulted.emit()

    def _step_of(self, inputs: Inputs) -> _Step | None:
        solved = inputs.solved_by
        steps = (self._now, *reversed(self._past), *reversed(self._future))
        return next((step for step in steps if step.inputs.solved_by == solved), None)

    def _forget_old_results(self) -> None:
        steps = [self._now, *reversed(self._past), *reversed(self._future)]
        kept: set[int] = set()
        held = 0
        for step in steps:
            if step.result is None or id(step.result) in kept:
                continue
            if step is not self._now and step.result.state is not None:
                step.result = replace(step.result, state=None)  # `latest` has the one needed
            held += _size_of(step.result)
            kept.add(id(step.result))
            if held > RESULT_BYTES and step is not self._now:
                step.result = None


def _carried(base: _Step, after: Inputs) -> Segmentation | None:
    """Return the result of a step that still holds after an edit of looks alone."""
    return base.result if after.solved_by == base.inputs.solved_by else None


def _size_of(result: Segmentation) -> int:
    maps = [term.map for term in result.terms.values()]
    maps += [one.map for one in result.evidence.values()]
    arrays = (result.labels, result.confidence, result.spread, result.margin, result.gap_map)
    return sum(int(np.asarray(array).nbytes) for array in (*arrays, *maps))
