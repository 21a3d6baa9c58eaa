"""The library of trained models: what goes in, what it is called, what is refused."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vslp import cli
from napari_vslp.core.errors import VslpError
from napari_vslp.core.folders import locked
from napari_vslp.core.settings import Settings
from napari_vslp.encoders import library, model_names
from napari_vslp.encoders.card import ModelCard
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.library import (
    add_model,
    check_model,
    find_model,
    list_models,
    models_folder,
    remove_model,
    resolve_model,
)
from napari_vslp.encoders.model_names import library_names, model_stamp
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.weights import BUNDLED, save_model
from napari_vslp.pipeline import segment

SMALL = HybridArguments(tissues=3, width=16, depth=1, heads=2, decoder_width=8)
CARD = ModelCard(
    tissues=("tumour", "stroma", "Lücke"),
    colours=((1, 2, 3), (4, 5, 6), (7, 8, 9)),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.4, 0.3),
    microns_per_pixel=0.25,
    data="made up of nothing, at great length and in many words, for a test",
    licence="CC0",
    attribution="nobody",
    figures={"dice": 0.5},
    seed=3,
    seconds=1.5,
    machine="a test",
    arguments=SMALL,
)


def write(path: Path, seed: int = 0, **spoilt: float) -> Path:
    torch.manual_seed(seed)
    module = HybridSegmenter(SMALL).eval()
    for name, value in spoilt.items():
        module.get_parameter(name.replace("__", ".")).data.fill_(value)
    save_model(path, module, CARD)
    return path


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write(tmp_path / "lung.safetensors")


def names() -> list[str]:
    return [entry.name for entry in list_models()]


def files() -> list[str]:
    """Return the names of all files in the folder but the lock."""
    return sorted(path.name for path in models_folder().iterdir() if path.name != ".lock")


def test_an_empty_library_holds_the_built_in_model():
    (entry,) = list_models()
    assert (entry.name, entry.path, entry.bundled) == ("bundled", BUNDLED, True)
    assert entry.card is not None
    assert entry.card.tissues == ("other", "gland")
    assert entry.size == BUNDLED.stat().st_size
    assert not models_folder().exists()


def test_a_model_is_added_listed_used_and_removed(trained):
    entry = add_model(trained)
    assert (entry.name, entry.bundled, entry.problem) == ("lung", False, None)
    assert entry.card == CARD
    assert entry.path.read_bytes() == trained.read_bytes()
    assert entry.path.parent == models_folder()
    trained.unlink()
    add_model(entry.path, "Brust (2) Größe+1.5")
    add_model(entry.path, "a")
    assert names() == ["bundled", "a", "Brust (2) Größe+1.5", "lung"]
    assert load_encoder("Brust (2) Größe+1.5", "cpu").tissues == CARD.tissues
    remove_model("lung")
    assert names() == ["bundled", "a", "Brust (2) Größe+1.5"]
    assert files() == ["Brust (2) Größe+1.5.safetensors", "a.safetensors"]


def test_a_segmentation_takes_a_name(trained):
    add_model(trained)
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    settings = Settings(encoder="lung", augmentation=False, device="cpu", tolerance=1e-2)
    result = segment(image, {"tumour": "50±20", "nerve": "?"}, settings=settings)
    assert result.weights_hash == load_encoder(str(trained), "cpu").weights_hash
    assert result.settings.encoder == "lung"


def test_a_path_is_as_good_as_its_text(trained):
    settings = Settings(encoder=trained, augmentation=False, device="cpu", tolerance=1e-2)
    assert settings == replace(settings, encoder=str(trained))
    assert settings.as_dict()["encoder"] == str(trained)
    assert load_encoder(trained, "cpu") is load_encoder(str(trained), "cpu")
    assert resolve_model(trained) == str(trained)
    assert model_stamp(trained) == model_stamp(str(trained))
    assert find_model(trained).card == CARD
    image = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    result = segment(image, {"tumour": "50±20", "nerve": "?"}, settings=settings)
    assert result.settings.encoder == str(trained)
    with pytest.raises(VslpError, match="no readable model file"):
        segment(image, {"a": "?", "b": "?"}, encoder=trained.with_name("gone.safetensors"))


def test_a_replaced_model_is_loaded_again(trained, tmp_path):
    add_model(trained)
    first = load_encoder("lung", "cpu")
    assert load_encoder("lung", "cpu") is first
    assert load_encoder(str(models_folder() / "lung.safetensors"), "cpu") is first
    other = write(tmp_path / "better.safetensors", seed=1)
    with pytest.raises(VslpError, match="already a model called “lung”"):
        add_model(other, "lung")
    assert load_encoder("lung", "cpu") is first
    add_model(other, "lung", replace=True)
    assert load_encoder("lung", "cpu").weights_hash != first.weights_hash


def test_a_name_in_another_library_is_another_model(trained, tmp_path, monkeypatch):
    add_model(trained)
    first = load_encoder("lung", "cpu")
    monkeypatch.setenv("VSLP_MODELS", str(tmp_path / "theirs"))
    add_model(write(tmp_path / "theirs.safetensors", seed=1), "lung")
    assert load_encoder("lung", "cpu").weights_hash != first.weights_hash


def test_what_is_no_name_is_left_alone(trained, tmp_path, monkeypatch):
    for spec in ("bundled", "timm:test_vit", "timm:test_vit@x.safetensors", "hf-hub:a/b"):
        assert resolve_model(spec) == spec
    assert resolve_model(str(trained)) == str(trained)
    monkeypatch.chdir(tmp_path)
    assert resolve_model("lung.safetensors") == "lung.safetensors"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_model("~/lung.safetensors") == "~/lung.safetensors"


def test_a_name_means_the_same_in_every_folder(trained, tmp_path, monkeypatch):
    add_model(trained)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lung").write_text("a file that happens to lie here")
    assert resolve_model("lung") == str(models_folder() / "lung.safetensors")
    assert resolve_model("./lung") == "./lung"


@pytest.mark.parametrize(
    "spec",
    [
        "lunge",
        "lung.safetensors",
        "../lung",
        "Lung/x",
        "",
        "\0",
        "x" * 5000,
        "~nobody-here/x",
        "a:b",
    ],
)
def test_an_unknown_name_is_told_the_known_ones(spec, trained, tmp_path, monkeypatch):
    add_model(trained)
    trained.unlink()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    if spec == "":  # the folder itself, which is there but no file
        with pytest.raises(VslpError, match="no readable model file"):
            load_encoder(spec, "cpu")
        return
    with pytest.raises(VslpError, match="bundled, lung") as caught:
        resolve_model(spec)
    assert "\n" not in str(caught.value)
    assert model_stamp(spec) is None


def test_a_stamp_follows_the_file(trained):
    assert model_stamp("bundled") is None
    assert model_stamp("hf-hub:a/b") is None
    assert model_stamp("timm:test_vit") is None
    assert model_stamp(str(trained.parent)) is None
    before = model_stamp(str(trained))
    assert before == model_stamp(f"timm:test_vit@{trained}")
    add_model(trained)
    assert model_stamp("lung") is not None
    trained.write_bytes(b"shorter")
    assert model_stamp(str(trained)) != before


@pytest.mark.parametrize(
    "name",
    [
        *("bundled", "Bundled", "bundled.safetensors", "", " ", ".hidden", "-x", "a/b", "a\\b"),
        *("..", "a:b", "timm:x", "a\nb", "a\0b", "x" * 81, "con", "NUL", "com1", "Aux.v2", "a…"),
        *("trailing.", "a*b", "a?"),
    ],
)
def test_what_cannot_be_a_name_is_refused(name, trained):
    with pytest.raises(VslpError) as caught:
        add_model(trained, name)
    assert "name" in str(caught.value)
    assert library_names() == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("lung.safetensors", "lung"),
        (" lung ", "lung"),
        ("lung.v2", "lung.v2"),
        ("Dru\u0308se", "Dr\u00fcse"),
        ("7", "7"),
        ("conus", "conus"),
    ],
)
def test_a_name_is_kept_in_one_form(name, kept, trained):
    assert add_model(trained, name).name == kept
    assert library_names() == [kept]


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def pickled(path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, path)


def of_another_program(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)


def not_a_number(path: Path) -> None:
    write(path, head__bias=float("nan"))


def endless(path: Path) -> None:
    write(path, head__weight=float("inf"))


BAD = [
    (missing, "no readable model file"),
    (folder, "no readable model file"),
    (cut, "damaged or incomplete"),
    (emptied, "damaged or incomplete"),
    (pickled, "pickle"),
    (of_another_program, "another program"),
    (not_a_number, "not finite"),
    (endless, "not finite"),
]


@pytest.mark.parametrize(("spoil", "says"), BAD)
def test_a_bad_file_is_refused_and_nothing_is_lost(spoil, says, trained, tmp_path):
    add_model(trained)
    kept = (models_folder() / "lung.safetensors").read_bytes()
    bad = write(tmp_path / "bad.safetensors")
    spoil(bad)
    for replaced in ("bad", "lung"):
        with pytest.raises(VslpError, match=says) as caught:
            add_model(bad, replaced, replace=True)
        assert "\n" not in str(caught.value)
    assert files() == ["lung.safetensors"]
    assert (models_folder() / "lung.safetensors").read_bytes() == kept


@pytest.mark.parametrize(("spoil", "says"), BAD[2:6])
def test_a_damaged_model_is_listed_with_its_problem(spoil, says, trained):
    path = add_model(trained).path
    spoil(path)
    entry = list_models()[1]
    assert entry.name == "lung"
    assert entry.card is None
    assert entry.problem is not None
    with pytest.raises(VslpError, match=says):
        check_model("lung")


def test_checking_runs_the_model(trained, tmp_path):
    assert check_model("bundled").bundled
    assert check_model(str(trained)).card == CARD
    write(trained, head__bias=float("nan"))
    assert find_model(str(trained)).problem is None, "the header alone does not show it"
    with pytest.raises(VslpError, match="not finite"):
        check_model(str(trained))
    for spec in ("timm:test_vit", "hf-hub:a/b"):
        with pytest.raises(VslpError, match="not a model on this computer"):
            find_model(spec)


@pytest.mark.parametrize("fails", ["copyfile", "replace", "mkdir"])
def test_a_full_disk_leaves_what_was_there(fails, trained, monkeypatch):
    add_model(trained)
    kept = (models_folder() / "lung.safetensors").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "copyfile":
        monkeypatch.setattr("shutil.copyfile", full)
    else:
        monkeypatch.setattr(Path, fails, full)
    with pytest.raises(VslpError, match="No space left"):
        add_model(trained, "lung", replace=True)
    assert files() == ["lung.safetensors"]
    assert (models_folder() / "lung.safetensors").read_bytes() == kept


def test_of_two_processes_one_takes_a_name(trained, monkeypatch):
    def taken_meanwhile(spec: str) -> None:
        models_folder().mkdir(parents=True)
        (models_folder() / "lung.safetensors").write_bytes(b"of another process")

    monkeypatch.setattr(library, "check_model", taken_meanwhile)
    with pytest.raises(VslpError, match="already a model called “lung”"):
        add_model(trained)
    assert (models_folder() / "lung.safetensors").read_bytes() == b"of another process"
    assert files() == ["lung.safetensors"]


def test_a_library_that_another_process_changes_is_waited_for(trained, monkeypatch):
    add_model(trained)
    monkeypatch.setattr(library, "_PATIENCE_S", 0.1)
    with locked(models_folder(), wait_s=0):
        with pytest.raises(VslpError, match="try again when it is done"):
            add_model(trained, "other")
        with pytest.raises(VslpError, match="try again when it is done"):
            remove_model("lung")
    add_model(trained, "other")
    remove_model("lung")
    assert files() == ["other.safetensors"]


def test_what_cannot_be_removed_is_refused(trained, monkeypatch):
    add_model(trained)
    with pytest.raises(VslpError, match="cannot be removed"):
        remove_model("bundled")
    for name in ("lunge", str(trained), "../lung"):
        with pytest.raises(VslpError, match="there is lung"):
            remove_model(name)
    assert trained.exists()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(VslpError, match="Permission denied"):
        remove_model("lung")


def test_a_folder_that_cannot_be_read_is_said(monkeypatch):
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(VslpError, match="VSLP_MODELS"):
        list_models()


def test_a_name_in_a_folder_that_cannot_be_read_is_said(monkeypatch, trained):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("stat", "iterdir"):
        monkeypatch.setattr(Path, name, refused)
    for act in (resolve_model, load_encoder, find_model, remove_model):
        with pytest.raises(VslpError, match="cannot be read"):
            act("lung")


def test_the_home_of_an_unknown_user_is_said(monkeypatch):
    monkeypatch.setenv("VSLP_MODELS", "~nobody-here/x")
    with pytest.raises(VslpError, match="VSLP_MODELS names “~nobody-here/x”"):
        list_models()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes")
@pytest.mark.parametrize("command", ["add", "check", "show"])
def test_a_named_pipe_is_not_waited_for(command, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert run(command, tmp_path / "pipe.safetensors") == 2
    assert "no readable model file" in capsys.readouterr().err


def test_strangers_in_the_folder_are_not_listed(trained, tmp_path, monkeypatch):
    add_model(trained)
    (models_folder() / "notes.txt").write_text("mine")
    (models_folder() / ".lung.safetensors").write_text("being written")
    (models_folder() / "folder.safetensors").mkdir()
    assert names() == ["bundled", "lung"]
    monkeypatch.setenv("VSLP_MODELS", str(models_folder() / "notes.txt"))
    assert names() == ["bundled"]


def test_without_a_wish_the_folder_is_the_users_data(monkeypatch):
    monkeypatch.delenv("VSLP_MODELS")
    assert models_folder().parts[-2:] == ("napari-vslp", "models")
    monkeypatch.setenv("VSLP_MODELS", "~/elsewhere")
    assert models_folder() == Path.home() / "elsewhere"


def test_names_are_known_without_torch():
    code = (
        "import sys\n"
        "from napari_vslp.encoders.library import models_folder\n"
        "from napari_vslp.encoders.model_names import library_names, resolve_model\n"
        "library_names(), models_folder(), resolve_model('bundled')\n"
        "sys.exit(str({'torch', 'timm', 'napari'} & set(sys.modules) or ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""


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
    assert names() == ["bundled"]


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
    module = HybridSegmenter(SMALL).eval()
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
    assert names() == ["bundled", "lung"]


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


def test_the_reserved_names_are_those_that_settings_know():
    assert Settings().encoder == model_names.BUNDLED_NAME
