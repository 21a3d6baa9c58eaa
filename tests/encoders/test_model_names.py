"""What a name of a model means, what can be one, and where the library lies."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.settings import Settings
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.library import add_model, find_model, list_models, remove_model
from napari_vslp.encoders.model_names import (
    BUNDLED_NAME,
    library_names,
    model_fingerprint,
    models_folder,
    resolve_model,
)
from tests.encoders.made import model_names


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
    assert model_fingerprint(spec) is None


def test_a_fingerprint_follows_the_file(trained):
    assert model_fingerprint("bundled") is None
    assert model_fingerprint("hf-hub:a/b") is None
    assert model_fingerprint("timm:test_vit") is None
    assert model_fingerprint(str(trained.parent)) is None
    before = model_fingerprint(str(trained))
    assert before == model_fingerprint(f"timm:test_vit@{trained}")
    add_model(trained)
    assert model_fingerprint("lung") is not None
    trained.write_bytes(b"shorter")
    assert model_fingerprint(str(trained)) != before


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


def test_strangers_in_the_folder_are_not_listed(trained, tmp_path, monkeypatch):
    add_model(trained)
    (models_folder() / "notes.txt").write_text("mine")
    (models_folder() / ".lung.safetensors").write_text("being written")
    (models_folder() / "folder.safetensors").mkdir()
    assert model_names() == ["bundled", "lung"]
    monkeypatch.setenv("VSLP_MODELS", str(models_folder() / "notes.txt"))
    assert model_names() == ["bundled"]


def test_without_a_wish_the_folder_is_the_users_data(monkeypatch):
    monkeypatch.delenv("VSLP_MODELS")
    assert models_folder().parts[-2:] == ("napari-vslp", "models")
    monkeypatch.setenv("VSLP_MODELS", "~/elsewhere")
    assert models_folder() == Path.home() / "elsewhere"


def test_names_are_known_without_torch():
    code = (
        "import sys\n"
        "import napari_vslp.encoders.cache, napari_vslp.encoders.library\n"
        "from napari_vslp.encoders.model_names import library_names, models_folder, resolve_model\n"
        "library_names(), models_folder(), resolve_model('bundled')\n"
        "sys.exit(str({'torch', 'timm', 'napari'} & set(sys.modules) or ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_the_reserved_names_are_those_that_settings_know():
    assert Settings().encoder == BUNDLED_NAME
