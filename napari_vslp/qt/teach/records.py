"""The checks of a training: those of an earlier run, read from its folder, and those that come."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

Key = tuple[int, int]


def folder_of(out: Path) -> Path:
    """Return where a model is made, as `learning.train.default_work` has it.

    That module loads torch, which the window must not do merely to look for a folder.
    """
    return out.with_name(f"{out.stem}.training")


def lies_there(out: Path) -> bool:
    """Return whether a stopped training of this model can be gone on with."""
    try:
        return (folder_of(out) / "state.json").is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


class Records:
    """The figures of all checks so far.

    Parameters
    ----------
    rounds
        Steps of each round.
    """

    def __init__(self, rounds: Sequence[int] = ()) -> None:
        self.rounds = tuple(rounds)
        self._checks: dict[Key, Mapping[str, float]] = {}

    @property
    def total(self) -> int:
        """Steps of all rounds."""
        return sum(self.rounds)

    def add(self, turn: int, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of one check; a check done again takes the place of the first."""
        self._checks[turn, step] = dict(figures)

    def load(self, out: Path) -> None:
        """Take the checks of the training that lies in the folder of a model, if one does."""
        try:
            with (folder_of(out) / "curves.csv").open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            return  # the curves then merely begin anew
        for row in rows:
            try:
                known = {name: float(value) for name, value in row.items() if value}
                self.add(int(known.pop("round")), int(known.pop("step")), known)
            except (ValueError, KeyError, TypeError):
                continue  # a line cut short by a crash

    def has(self, name: str) -> bool:
        """Return whether any check measured this figure."""
        return any(name in figures for figures in self._checks.values())

    def last(self, name: str) -> float | None:
        """Return the figure as it was measured last."""
        values = [figures[name] for _, figures in sorted(self._checks.items()) if name in figures]
        return values[-1] if values else None

    def line(self, name: str) -> tuple[list[float], list[float]]:
        """Return steps since the beginning and values, with a gap (nan) between two rounds.

        Each round learns from other outlines, so that its figures do not go on from the last's.
        """
        steps: list[float] = []
        values: list[float] = []
        before = None
        for (turn, step), figures in sorted(self._checks.items()):
            if name not in figures:
                continue
            at = float(sum(self.rounds[:turn]) + step)
            if before is not None and turn != before:
                steps.append(at)
                values.append(float("nan"))
            steps.append(at)
            values.append(figures[name])
            before = turn
        return steps, values

    def __len__(self) -> int:
        """Return how many checks there are."""
        return len(self._checks)
