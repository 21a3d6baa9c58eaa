"""How many cases the fuzz has: 300; over 3,000 with ``-m fuzz``; any number with ``VSLP_FUZZ=N``.

300 are always the same ones. More are drawn by a seed that the header names and
``VSLP_FUZZ_SEED=N`` repeats.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.fuzz.harness import OUTCOMES, Run


def pytest_configure(config: pytest.Config) -> None:
    chosen = os.environ.get("VSLP_FUZZ", "")
    many = config.getoption("markexpr") == "fuzz"
    Run.cases = int(chosen) if chosen else 3200 if many else 300
    typed = os.environ.get("VSLP_FUZZ_SEED")
    if typed or Run.cases > 300:
        Run.seed = int(typed or secrets.randbelow(10**6))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not OUTCOMES:
        return
    total = sum(count.total() for count in OUTCOMES.values())
    drawn = "the same as always" if Run.seed is None else f"VSLP_FUZZ_SEED={Run.seed}"
    terminalreporter.section(f"fuzz: {total} cases, {drawn}")
    for area, count in OUTCOMES.items():
        told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(count.items()))
        terminalreporter.line(f"{area}: {count.total()} ({told})")
