"""What was answered before the rebuild is answered after it: to the bit on the same machine."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.net.golden import CASES, GOLDEN, SHARED_CASES, look, shared_data

NAMES = (*CASES, *SHARED_CASES)


@pytest.fixture(scope="module")
def now(tmp_path_factory):
    """Return what the present code answers, in processes that pin what decides the last bits."""
    return look(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def then():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.fixture
def same_machine(now, then):
    here, there = now["fingerprint"], then["fingerprint"]
    others = [
        f"{key}: {there.get(key)}, here {here[key]}" for key in here if differs(key, now, then)
    ]
    if others:
        pytest.skip(
            f"the last bits depend on the machine, and another wrote golden.json ({others})"
        )


def differs(key, now, then):
    return now["fingerprint"][key] != then["fingerprint"].get(key)


def case(told, name):
    if name in SHARED_CASES and name not in told["cases"]:
        pytest.skip(f"the shared histology data is not at {shared_data()}")
    return told["cases"][name]


def confidences(told):
    return np.array([[int(v) for v in one.split()] for one in told["confidence"]]) / 1000


def nearly_the_same_counts(now, then):
    return np.abs(np.subtract(now, then)).max() <= 0.005 * sum(then)


@pytest.mark.parametrize("name", NAMES)
def test_tissues_are_where_they_were_on_any_machine(now, then, name):
    here, there = case(now, name), case(then, name)
    assert nearly_the_same_counts(here["counts"], there["counts"])
    assert np.abs(confidences(here) - confidences(there)).max() <= 0.02


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_what_it_was_on_the_same_machine(now, then, same_machine, name):
    assert case(now, name)["bits"] == case(then, name)["bits"]


def test_the_command_writes_the_same_files_on_any_machine(now, then):
    here, there = now["cli"], then["cli"]
    assert here["files"].keys() >= there["files"].keys()
    assert here["summary"].keys() >= there["summary"].keys()
    assert nearly_the_same_counts(here["counts"], there["counts"])
    for tissue, share in there["summary"]["reached"].items():
        assert here["summary"]["reached"][tissue] == pytest.approx(share, abs=0.005)


def test_the_command_writes_the_same_bits_on_the_same_machine(now, then, same_machine):
    here, there = now["cli"], then["cli"]
    assert {name: here["files"].get(name) for name in there["files"]} == there["files"]
    # A summary may come to say more; what it said it still says.
    assert within(here["summary"], there["summary"]) == there["summary"]


def within(told, asked):
    """Return of a nested dictionary only what another one holds, too."""
    if not isinstance(asked, dict) or not isinstance(told, dict):
        return told
    return {key: within(told.get(key), value) for key, value in asked.items()}


def test_a_changed_bit_and_a_moved_border_would_be_noticed(then):
    there = case(then, "corner")
    counts = list(there["counts"])
    counts[1], counts[2] = counts[1] + 300, counts[2] - 300
    assert not nearly_the_same_counts(counts, there["counts"])
    assert len({case(then, name)["bits"]["labels"] for name in CASES}) == len(CASES)
    assert confidences(there).shape == (4, 64)
    assert confidences(there).sum(axis=0) == pytest.approx(1, abs=0.003)
