"""The commands on the library of models: list, add, check, show, remove."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_vslp import cli
from napari_vslp.encoders.library import add_model
from napari_vslp.encoders.model_names import models_folder
from napari_vslp.encoders.network import HybridSegmenter
from napari_vslp.encoders.weights import save_model
from tests.encoders.made import CARD, THREE, model_names, write_model


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_model(tmp_path / "lung.safetensors")


def run(*words: object) -> int:
    return cli.main(["models", *map(str, words)])


def test_the_commands_from_first_to_last(trained, capsys):
    assert run() == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split() == [
        *("name", "tissues", "µm/px", "size", "trained", "on")
    ]
    assert len(printed.out.splitlines()) == 2
    assert str(models_folder()) in printed.err
    assert run("add", trained, "--name", "my lung") == 0
    assert "Added as my lung" in capsys.readouterr().out
    assert run("list") == 0
    printed = capsys.readouterr()
    line = printed.out.splitlines()[2]
    assert line.startswith("my lung  tumour, stroma, Lücke  0.25")
    assert line.endswith("…")
    assert printed.err == ""
    assert run("check") == 0
    assert capsys.readouterr().out == "bundled: good\nmy lung: good\n"
    assert run("add", trained, "--name", "my lung", "--replace") == 0
    assert run("remove", "my lung") == 0
    assert capsys.readouterr().out.endswith("Removed my lung.\n")
    assert model_names() == ["bundled"]


def test_show_tells_the_whole_card(trained, capsys):
    add_model(trained)
    assert run("show", "lung") == 0
    told = capsys.readouterr().out
    for part in ("tissues: tumour, stroma, Lücke", CARD.data, "1, 2, 3 | 4, 5, 6", "  dice: 0.5"):
        assert part in told
    assert "microns per pixel: 0.25" in told
    assert "  decoder width: 8" in told
    assert run("show", trained) == 0
    assert f"file: {trained}" in capsys.readouterr().out


def test_a_model_of_unknown_pixel_size_is_listed_and_shown(tmp_path, capsys):
    module = HybridSegmenter(THREE).eval()
    path = tmp_path / "unsized.safetensors"
    save_model(path, module, replace(CARD, microns_per_pixel=None))
    assert run("add", path) == 0
    assert run("list") == 0
    printed = capsys.readouterr()
    assert "unsized  tumour, stroma, Lücke  unknown  " in printed.out
    assert printed.err == ""
    assert run("show", "unsized") == 0
    assert "microns per pixel: unknown" in capsys.readouterr().out
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[1]["card"]["microns_per_pixel"] is None


@pytest.mark.parametrize("words", [["--json"], ["list", "--json"], ["--json", "list"]])
def test_the_list_as_json(words, trained, capsys):
    add_model(trained).path.with_name("bad.safetensors").write_bytes(b"no model")
    assert run(*words) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told] == ["bundled", "bad", "lung"]
    assert [one["bundled"] for one in told] == [True, False, False]
    assert told[1]["card"] is None
    assert "damaged" in told[1]["problem"]
    assert told[2]["card"]["tissues"] == list(CARD.tissues)


@pytest.mark.parametrize("words", [["show", "lung", "--json"], ["--json", "show", "lung"]])
def test_a_card_as_json(words, trained, capsys):
    add_model(trained)
    assert run(*words) == 0
    assert json.loads(capsys.readouterr().out)["card"]["figures"] == {"dice": 0.5}


def test_check_goes_on_after_a_bad_one(trained, capsys):
    add_model(trained)
    (models_folder() / "bad.safetensors").write_bytes(b"no model")
    assert run("check") == 2
    printed = capsys.readouterr()
    assert printed.out == "bundled: good\nlung: good\n"
    assert printed.err.splitlines()[0].startswith("bad: The model file")
    assert printed.err.splitlines()[1].startswith("napari-vslp: 1 of the models")
    assert run("check", "lung", trained) == 0
    assert run() == 0
    assert "bad: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["paint"], "paint"),
        (["add"], "FILE"),
        (["add", "gone.safetensors"], "no readable model file"),
        (["add", "FILE"], "already a model"),
        (["add", "FILE", "--name", "bundled"], "another name"),
        (["add", "FILE", "--name", "a/b"], "cannot be a model's name"),
        (["show"], "NAME"),
        (["show", "lunge"], "bundled, lung"),
        (["show", "BAD"], "damaged"),
        (["show", "hf-hub:a/b"], "not a model on this computer"),
        (["remove"], "NAME"),
        (["remove", "lunge"], "there is lung"),
        (["remove", "bundled"], "cannot be removed"),
        (["check", "--json"], "--json"),
    ],
)
def test_bad_words_get_one_sentence(words, said, trained, tmp_path, capsys):
    add_model(trained)
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    known = {"FILE": trained, "BAD": tmp_path / "bad.safetensors"}
    assert run(*(known.get(word, word) for word in words)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("napari-vslp: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert model_names() == ["bundled", "lung"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes")
@pytest.mark.parametrize("command", ["add", "check", "show"])
def test_a_named_pipe_is_not_waited_for(command, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert run(command, tmp_path / "pipe.safetensors") == 2
    assert "no readable model file" in capsys.readouterr().err


def test_an_unknown_model_is_refused_before_torch_is_loaded(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "image.png")
    code = (
        "import sys; from napari_vslp.cli import main\n"
        "status = main(sys.argv[1:])\n"
        "sys.exit('torch' if 'torch' in sys.modules else status)"
    )
    words = ["segment", tmp_path / "image.png", "--out", tmp_path / "out", "--encoder", "lunge"]
    words += ["--tissue", "a=?", "--tissue", "b=?"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no model of that name" in done.stderr
    assert not (tmp_path / "out").exists()
