"""How a case of the fuzz may end: in a right result, or in one sentence, in time. And a count."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import io
import math
import os
import re
import shutil
import signal
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

from napari_vslp import cli
from napari_vslp.core.errors import VslpError

LIMIT_S = 20
# How the cases are shared out among the areas.
SHARES = {
    "TIFF files": 20,
    "other TIFF files": 4,
    "pictures": 8,
    "deep pictures": 4,
    "JPEG": 2,
    "arrays": 8,
    "any objects": 4,
    "damaged images": 9,
    "cut images": 4,
    "any bytes": 3,
    "command lines that fit": 7,
    "command lines of any words": 7,
    "other commands": 2,
    "outputs in the way": 2,
    "calls from Python": 6,
    "tables that are right": 5,
    "tables of any cells": 6,
    "cards of models": 3,
    "headers of models": 2,
    "models": 2,
    "summaries": 2,
    "inputs": 3,
    "summaries of any bytes": 1,
    "annotations": 12,
    "sessions": 4,
    "session files": 4,
    "session arrays": 2,
}
# How the calls of the case that runs ended.
_ENDS: set[str] = set()
SLOW = {"command lines that fit", "outputs in the way", "summaries"}
OUTCOMES: dict[str, Counter[str]] = defaultdict(Counter)


class Run:
    """How many cases there are, and by which seed; conftest says."""

    cases = 300
    seed: int | None = None


class TooLong(BaseException):
    """A case took too long. No `Exception`, so that no library takes it for its own trouble."""


class Quiet(NamedTuple):
    """Something large of a fixture, of which a failed case shall not print all."""

    value: Any

    def __repr__(self) -> str:
        return f"<{type(self.value).__name__}>"


class Refused(NamedTuple):
    """A case that ended in one sentence."""

    sentence: str


class Command(NamedTuple):
    """A command line that ended as it may."""

    status: int
    out: str
    err: str


def fuzz(area: str) -> Callable[[Any], Any]:
    """Make a test of `given` one area of the fuzz, with its share of the cases."""

    def mark(test: Any) -> Any:
        count = math.ceil(Run.cases * SHARES[area] / sum(SHARES.values()))
        test.hypothesis.inner_test = _counted(area, test.hypothesis.inner_test)
        test = settings(
            max_examples=count,
            deadline=None,  # the watch below has one
            database=None,
            derandomize=Run.seed is None,
            print_blob=True,
            # What was drawn is small enough to be read as it is where a case takes long.
            phases=[Phase.explicit, Phase.generate] + ([] if area in SLOW else [Phase.shrink]),
            suppress_health_check=list(HealthCheck),
        )(test)
        test = test if Run.seed is None else seed(Run.seed)(test)
        return pytest.mark.fuzz(test)

    return mark


def _counted(area: str, case: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(case)
    def counting(*arguments: Any, **named: Any) -> None:
        _ENDS.clear()
        case(*arguments, **named)
        OUTCOMES[area]["refused" if "refused" in _ENDS else "right"] += 1

    return counting


def end_of(act: Callable[[], Any], *, limit: float = LIMIT_S) -> Any:
    """Return what a call returns, or how it was refused; anything else fails the test."""
    try:
        with watched(limit):
            value = act()
    except VslpError as error:
        check_sentence(str(error))
        _ENDS.add("refused")
        return Refused(str(error))
    return value


def end_of_command(*words: object, limit: float = LIMIT_S) -> Command:
    """Run a command line in this process; it must end in status 0, or in 2 with one sentence."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), watched(limit):
        status = cli.main([str(word) for word in words])
    done = Command(status, out.getvalue(), err.getvalue())
    assert status in {0, 2}, done
    if status == 2:
        assert done.err.endswith("\n"), done
        lines = done.err[:-1].split("\n")
        assert lines[-1].startswith("napari-vslp: "), done
        check_sentence(lines[-1].removeprefix("napari-vslp: "))
        # Before the sentence, replay says which versions differ.
        assert all(re.search(r" then, .* now$", line) for line in lines[:-1]), done
    if status:
        _ENDS.add("refused")
    return done


def check_sentence(text: str) -> None:
    """Check that a text is one sentence for a user: a line, with an end, of no Python."""
    assert text, "nothing was said"
    assert not any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in text), (
        f"not one line of text: {text!r}"
    )
    assert text.endswith((".", "more.")), f"no full stop: {text!r}"
    assert "Traceback" not in text
    assert len(text) < 1500, f"{len(text)} letters: {text[:200]!r}…"


@contextlib.contextmanager
def watched(limit: float) -> Iterator[None]:
    """End what takes too long: by an exception, and where C never comes back, by the process."""

    def ring(*_: object) -> None:
        raise TooLong

    faulthandler.dump_traceback_later(limit + 20, exit=True, file=sys.__stderr__)
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    except TooLong:
        raise AssertionError(f"not done after {limit:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a case a folder of its own; pytest's is the same for all cases of a test."""
    place = Path(tempfile.mkdtemp(prefix="case-", dir=os.environ["HOME"]))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
