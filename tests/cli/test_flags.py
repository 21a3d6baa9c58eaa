"""Flags made from options: what is typed comes back as the dataclass, and back again as flags."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from napari_vslp.cli.flags import add_flags, read_flags
from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import as_flags, option
from napari_vslp.core.settings import Settings, parse_smoothness


def steps(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


@dataclass(frozen=True)
class Options:
    size: int = option(3, "Size", "How many of 100 %", flag="--size", low=1, high=9)
    weight: float = option(0.5, "Weight", "How much", flag="--weight", low=0.0)
    way: str = option("near", "Way", "Which", flag="--way", choices={"near": "N", "far": "F"})
    fast: bool = option(False, "Be quick", "Whether", flag="--fast")
    edges: bool = option(True, "Edges", "Follow edges", flag="--no-edges")
    colour: bool = option(True, "Colour", "Follow colours", flag="--colour")
    file: Path | None = option(None, "File", "Where", flag="--file")
    note: str | None = option(None, "Note", "What", flag="--note")
    rounds: tuple[int, ...] = option((2, 3), "Rounds", "Of each", flag="--rounds", parse=steps)
    smooth: float | str = option(
        "auto", "Smooth", "Or auto", flag="--smooth", words=("auto",), low=0.0
    )
    silent: int = option(1, "Silent", "Has no flag")


def parsed(typed, cls=Options, prefix=""):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser.add_argument_group("some"), cls, prefix)
    return read_flags(cls, parser.parse_args(typed), prefix)


OTHER = Options(5, 0.25, "far", True, False, False, Path("x y.csv"), "-n=1", (4, 5, 6), 2.5)


@pytest.mark.parametrize("prefix", ["", "toy"])
@pytest.mark.parametrize("options", [Options(), OTHER, Options(smooth=0.0), Options(note="")])
def test_options_become_flags_and_flags_become_options(options, prefix):
    assert parsed(as_flags(options, prefix), prefix=prefix) == options


def test_only_what_differs_from_the_default_is_a_flag():
    assert as_flags(Options()) == []
    assert as_flags(OTHER, "toy")[:5] == [
        *("--toy-size=5", "--toy-weight=0.25", "--toy-way=far", "--toy-fast", "--no-toy-edges")
    ]


def test_a_switch_that_is_on_has_a_flag_that_turns_it_off():
    assert not parsed(["--no-edges"]).edges
    assert not parsed(["--no-colour"]).colour


def test_two_members_with_the_same_options_do_not_mix():
    parser = argparse.ArgumentParser()
    for prefix in ("", "toy"):
        add_flags(parser, Options, prefix)
    typed = parser.parse_args(["--size", "4", "--toy-size", "7"])
    assert (read_flags(Options, typed).size, read_flags(Options, typed, "toy").size) == (4, 7)


@pytest.mark.parametrize(
    ("typed", "said"),
    [(["--size", "10"], "Size must"), (["--weight", "nan"], "Weight"), (["--smooth", "x"], "auto")],
)
def test_what_cannot_be_meant_is_a_sentence(typed, said):
    with pytest.raises(VslpError, match=said):
        parsed(typed)


def test_the_help_names_defaults_and_survives_per_cent_signs(capsys):
    parser = argparse.ArgumentParser(prog="x")
    add_flags(parser, Options)
    text = " ".join(parser.format_help().split())
    assert "--size N how many of 100 % (default 3)" in text
    assert "--rounds N of each (default 2,3)" in text
    assert "--silent" not in text


def test_the_settings_of_a_segmentation_are_read_from_flags():
    wanted = Settings(trust="kl", smoothness=4.0, edges=False, seed=7, device="cpu")
    assert parsed(as_flags(wanted), Settings) == wanted
    assert parsed(["--smoothness", "auto"], Settings).smoothness == parse_smoothness("auto")
