"""The contract of learners: one class and one line make a learner; events are for programs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from napari_vslp import cli
from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import check_options, option, options_of
from napari_vslp.core.progress import Progress
from napari_vslp.core.registries import LEARNERS
from napari_vslp.learning.contract import (
    Event,
    Run,
    Trained,
    check_columns,
    default_work,
    from_line,
    to_line,
)


@dataclass(frozen=True)
class ToyOptions:
    grain: int = option(3, "Grain", "How fine the toy is", flag="--grain", low=1, high=9)
    bright: bool = option(True, "Bright", "Whether it shines", flag="--no-bright")


class Toy:
    """Learns nothing, but says what it was told."""

    name, title, columns, makes = "toy", "Toys", ("image", "tissues"), "model"
    Options = ToyOptions

    def fit(self, cohort, options, run, job):
        job.report(Event(stage="Playing", fraction=0.5, kind="round", round=0, rounds=1, step=1))
        run.out.write_text(f"{options} {cohort.tissues}")
        return Trained(run.out, None, "toys", {"fun": 1.0}, "That was all.")


@pytest.fixture
def toy():
    LEARNERS.add("toy", Toy())
    yield
    LEARNERS.remove("toy")


def test_a_learner_is_on_the_command_line_by_one_line(toy, table, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "toy (Toys)" in shown
    assert "--toy-grain N how fine the toy is (default 3)" in shown
    out = tmp_path / "toy.safetensors"
    typed = ["train", str(table), "--from", "toy", "--out", str(out), "--toy-grain", "5"]
    assert cli.main([*typed, "--no-toy-bright"]) == 0
    told = capsys.readouterr()
    assert out.read_text() == "ToyOptions(grain=5, bright=False) ('stroma', 'nest')"
    assert told.out == f"{out}: toys; 0.0 MB\n  fun: 1\n"
    assert told.err == "That was all.\n"


def test_its_events_and_errors_are_lines_of_json(toy, table, tmp_path, capsys):
    out = tmp_path / "toy.safetensors"
    typed = ["train", str(table), "--from", "toy", "--out", str(out), "--json-lines"]
    assert cli.main(typed) == 0
    lines = [from_line(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.kind for line in lines] == ["round", "done"]
    assert (lines[0].round, lines[0].rounds, lines[0].step) == (0, 1, 1)
    assert (lines[1].path, lines[1].figures) == (str(out), {"fun": 1.0})
    assert cli.main([*typed, "--toy-grain", "12"]) == 2
    printed = capsys.readouterr()
    (refused,) = map(from_line, printed.out.splitlines())
    assert isinstance(refused, VslpError)
    assert printed.err == f"napari-vslp: {refused}\n"


@pytest.mark.parametrize(
    "report",
    [
        Event(stage="Reading", fraction=0.25, kind="reading"),
        Event(
            stage="Learning, round 2 of 3",
            fraction=0.5,
            kind="check",
            round=1,
            rounds=3,
            step=4,
            steps=8,
            figures={"loss": 0.1},
        ),
        Event(stage="Done", fraction=1.0, kind="done", path="Größe 5 µm.safetensors"),
        Event(stage="Note", fraction=0.0, kind="note", note="A “word”."),
    ],
)
def test_an_event_survives_its_line(report):
    line = to_line(report)
    assert "\n" not in line
    assert from_line(line) == report


def test_an_error_survives_its_line():
    error = VslpError("It was begun otherwise", mend="add --restart", remedy="restart")
    found = from_line(to_line(error))
    assert str(found) == "It was begun otherwise: add --restart."
    assert (found.what, found.remedy) == ("It was begun otherwise", "restart")
    assert str(from_line(to_line(VslpError("Just this.")))) == "Just this."


def test_a_plain_report_has_a_line_too():
    assert from_line(to_line(Progress("Fusing", 0.5, iteration=3))).fraction == 0.5
    assert from_line(to_line(Progress("Note", 0.0, note="Full."))).kind == "note"


@pytest.mark.parametrize(
    "line",
    [
        *("", "a library's advice", "[]", "3", "{}"),
        '{"kind": "party", "stage": "a", "fraction": 0}',
        '{"kind": "check", "stage": "a", "fraction": 0, "figures": {"loss": "low"}}',
    ],
)
def test_a_line_of_others_is_no_event(line):
    assert from_line(line) is None


def test_a_learner_that_cannot_be_loaded_keeps_none_of_the_others_away(table, tmp_path, capsys):
    LEARNERS.add("broken", "no_such_package:LEARNER")
    try:
        with pytest.raises(SystemExit):
            cli.main(["train", "--help"])
        assert "--regulariser-steps" in capsys.readouterr().out
        out = tmp_path / "x.safetensors"
        assert cli.main(["train", str(table), "--from", "broken", "--out", str(out)]) == 2
        assert "“broken” cannot be loaded" in capsys.readouterr().err
    finally:
        LEARNERS.remove("broken")


@pytest.mark.parametrize("name", LEARNERS.names())
def test_a_built_in_learner_keeps_the_contract(name):
    learner = LEARNERS.get(name)
    assert learner.name == name
    assert learner.title == LEARNERS.title(name)
    assert learner.columns[0] == "image"
    assert learner.makes in {"model", "regulariser"}
    check_options(learner.Options())
    assert all(described.tip for _, described in options_of(learner.Options))


def test_shares_are_asked_for_only_where_they_teach(cohort):
    bags = tuple(replace(bag, lower=(0.0, 0.0), upper=(1.0, 1.0)) for bag in cohort.bags)
    unknown = replace(cohort, bags=bags)
    check_columns(unknown, LEARNERS.get("regulariser"))
    with pytest.raises(VslpError, match="known share"):
        check_columns(unknown, LEARNERS.get("proportions"))
    check_columns(replace(unknown, truth=len), LEARNERS.get("proportions"))


def test_a_training_lies_beside_its_model_unless_it_is_told_otherwise(tmp_path):
    run = Run(tmp_path / "lung v1.2.safetensors")
    assert run.folder == tmp_path / "lung v1.2.training" == default_work(run.out)
    assert replace(run, work=tmp_path).folder == tmp_path
