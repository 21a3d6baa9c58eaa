"""The library of trained models: what goes in, what is refused, and that nothing is lost."""

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import locked
from napari_vslp.core.settings import Settings
from napari_vslp.encoders import library
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.library import (
    add_model,
    check_model,
    find_model,
    list_models,
    remove_model,
)
from napari_vslp.encoders.model_names import model_fingerprint, models_folder, resolve_model
from napari_vslp.encoders.weights import BUNDLED
from napari_vslp.pipeline import segment
from tests.encoders.made import CARD, model_files, model_names, write_model


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
    assert model_names() == ["bundled", "a", "Brust (2) Größe+1.5", "lung"]
    assert load_encoder("Brust (2) Größe+1.5", "cpu").tissues == CARD.tissues
    remove_model("lung")
    assert model_names() == ["bundled", "a", "Brust (2) Größe+1.5"]
    assert model_files() == ["Brust (2) Größe+1.5.safetensors", "a.safetensors"]


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
    assert model_fingerprint(trained) == model_fingerprint(str(trained))
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
    other = write_model(tmp_path / "better.safetensors", seed=1)
    with pytest.raises(VslpError, match="already a model called “lung”"):
        add_model(other, "lung")
    assert load_encoder("lung", "cpu") is first
    add_model(other, "lung", replace=True)
    assert load_encoder("lung", "cpu").weights_hash != first.weights_hash


def test_a_name_in_another_library_is_another_model(trained, tmp_path, monkeypatch):
    add_model(trained)
    first = load_encoder("lung", "cpu")
    monkeypatch.setenv("VSLP_MODELS", str(tmp_path / "theirs"))
    add_model(write_model(tmp_path / "theirs.safetensors", seed=1), "lung")
    assert load_encoder("lung", "cpu").weights_hash != first.weights_hash


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
    write_model(path, head__bias=float("nan"))


def endless(path: Path) -> None:
    write_model(path, head__weight=float("inf"))


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
    bad = write_model(tmp_path / "bad.safetensors")
    spoil(bad)
    for replaced in ("bad", "lung"):
        with pytest.raises(VslpError, match=says) as caught:
            add_model(bad, replaced, replace=True)
        assert "\n" not in str(caught.value)
    assert model_files() == ["lung.safetensors"]
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
    write_model(trained, head__bias=float("nan"))
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
    assert model_files() == ["lung.safetensors"]
    assert (models_folder() / "lung.safetensors").read_bytes() == kept


def test_of_two_processes_one_takes_a_name(trained, monkeypatch):
    def taken_meanwhile(spec: str) -> None:
        models_folder().mkdir(parents=True)
        (models_folder() / "lung.safetensors").write_bytes(b"of another process")

    monkeypatch.setattr(library, "check_model", taken_meanwhile)
    with pytest.raises(VslpError, match="already a model called “lung”"):
        add_model(trained)
    assert (models_folder() / "lung.safetensors").read_bytes() == b"of another process"
    assert model_files() == ["lung.safetensors"]


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
    assert model_files() == ["other.safetensors"]


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
