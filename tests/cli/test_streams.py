"""Streams that are closed, full or read no further, and paths that are empty: never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli

RUN = "import sys; from napari_vslp.cli import main; sys.exit(main())"
TWO = ("--tissue", "gland=60±5", "--tissue", "other=40±5")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def run(redirection, *words):
    """Run the command in a shell with a redirection of its streams."""
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", RUN, *words]
    return subprocess.run(shell, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_do_not_matter(closed):
    done = run(closed, "cache")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(closed, "cache", "too many").returncode == 2


@needs_full
@pytest.mark.parametrize("words", [("cache",), ("models", "list", "--json")])
def test_a_full_disk_behind_stdout_is_told(words):
    done = run("> /dev/full", *words)
    assert done.returncode == 2
    assert done.stderr == "napari-vslp: Not all could be written (No space left on device).\n"


@needs_full
def test_where_nothing_can_be_told_the_status_tells():
    assert run("2> /dev/full", "no command").returncode == 2


def test_a_reader_that_stops_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", RUN, "cache"],
        check=False,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "words",
    [
        ("segment", "IMAGE", *TWO, "--out", ""),
        ("segment", "IMAGE", *TWO, "--out", "  "),
        ("segment", "IMAGE", *TWO, "--out="),
        ("segment", "", *TWO, "--out", "out"),
        ("demo", "--out", ""),
        ("evaluate", "bundled", "", "--masks", "masks"),
        ("train", "cohort.csv", "--out", ""),
        ("models", "add", ""),
    ],
)
def test_an_empty_path_is_never_the_current_folder(words, tmp_path, monkeypatch, capsys):
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(tmp_path / "image.png")
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    assert cli.main([word.replace("IMAGE", str(tmp_path / "image.png")) for word in words]) == 2
    assert "A path is empty" in capsys.readouterr().err
    assert not list(here.iterdir())
