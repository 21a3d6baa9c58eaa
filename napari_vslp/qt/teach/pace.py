"""How long the learning will still take, measured and never guessed."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence


def turn_of(stage: str) -> int | None:
    """Return which round a stage is, from 0: “Learning, round 2 of 2” is 1."""
    found = re.search(r"round (\d+)", stage)
    return int(found[1]) - 1 if found else None


class Pace:
    """Times the steps since this process began; silent until the first check.

    Parameters
    ----------
    rounds
        Steps of each round.
    """

    def __init__(self, rounds: Sequence[int]) -> None:
        self._rounds = tuple(rounds)
        self._turn = -1
        self._first = (0, 0.0)
        self._per_step: float | None = None
        self._done = 0

    def follow(self, turn: int, step: int, *, checked: bool, now: float | None = None) -> None:
        """Take note of a step; `checked` if it ends with a check, whose time counts too."""
        moment = time.monotonic() if now is None else now
        if turn != self._turn:
            # The time between two rounds is none of their steps'.
            self._turn, self._first = turn, (step, moment)
        self._done = step
        begun, since = self._first
        if checked and step > begun:
            self._per_step = (moment - since) / (step - begun)

    def seconds_left(self) -> float | None:
        """Return what all steps to come will take; None before the first check."""
        if self._per_step is None or self._turn < 0:
            return None
        to_come = sum(self._rounds[self._turn :]) - self._done
        return max(0, to_come) * self._per_step
