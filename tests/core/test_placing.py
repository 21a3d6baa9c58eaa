"""One output in a place of the user's: whole or not at all, and nothing of theirs is taken."""

import os
import resource
from pathlib import Path

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.placing import placing


def write_file(path, text="new"):
    with placing(path) as made:
        assert made.name == path.name
        made.write_text(text)


def write_folder(path, text="new"):
    with placing(path) as made:
        (made / "0").mkdir(parents=True)
        (made / "0" / "chunk").write_text(text)


def hidden(folder):
    return [one.name for one in folder.iterdir() if one.name.startswith(".")]


def test_a_file_takes_the_place_of_another(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    write_file(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert not hidden(tmp_path)


def test_a_folder_takes_the_place_of_one_that_was_written_before(tmp_path):
    write_folder(tmp_path / "a.zarr", "old")
    write_folder(tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "0" / "chunk").read_text() == "new"
    assert not hidden(tmp_path)
    write_file(tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr").read_text() == "new"
    write_folder(tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "0" / "chunk").read_text() == "new"


@pytest.mark.parametrize("change", ["edited", "added", "foreign", "link", "damaged"])
def test_a_folder_of_the_users_is_kept(tmp_path, change):
    place = tmp_path / "a.zarr"
    if change == "foreign":
        (place / "0").mkdir(parents=True)
        (place / "0" / "chunk").write_text("mine")
    else:
        write_folder(place, "mine" if change != "edited" else "old")
    if change == "edited":
        (place / "0" / "chunk").write_text("mine")
    elif change == "added":
        (place / "notes").write_text("mine")
    elif change == "link":
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
    elif change == "damaged":
        (place / ".napari-vslp.json").write_text("[]")
    with pytest.raises(VslpError, match="would be replaced"):
        write_folder(place)
    assert (place / "0" / "chunk").read_text() == "mine"
    assert not hidden(tmp_path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_what_was_there(tmp_path, error):
    def fail():
        with placing(tmp_path / "a.zarr") as made:
            made.mkdir()
            (made / "half").write_text("half")
            raise error

    write_folder(tmp_path / "a.zarr", "old")
    with pytest.raises((VslpError, KeyboardInterrupt)):
        fail()
    assert (tmp_path / "a.zarr" / "0" / "chunk").read_text() == "old"
    assert not hidden(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs rlimits")
def test_a_full_disk_is_said(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(VslpError, match="cannot be written"):
            write_file(tmp_path / "a.txt", "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["gone", "file"])
def test_a_folder_that_is_not_there_is_said(tmp_path, folder):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(VslpError, match="There is no folder"):
        write_file(tmp_path / folder / "a.txt")


def test_a_rename_that_fails_brings_the_old_folder_back(tmp_path, monkeypatch):
    write_folder(tmp_path / "a.zarr", "old")
    replace = Path.replace

    def fail(self, target):
        if Path(target) == tmp_path / "a.zarr" and self.name != "before":
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(VslpError, match="Permission denied"):
            write_folder(tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "0" / "chunk").read_text() == "old"
    assert not hidden(tmp_path)


class Killed(BaseException):
    """Stands for the end of the process: nothing below is run."""


def test_a_kill_between_the_two_renames_is_mended_by_the_next_write(tmp_path, monkeypatch):
    write_folder(tmp_path / "a.zarr", "old")
    replace = Path.replace

    def die(self, target):
        if self.name == "a.zarr" and self.parent != tmp_path:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(Killed):
            write_folder(tmp_path / "a.zarr", "newer")
    assert not (tmp_path / "a.zarr").exists()
    with pytest.raises(KeyError), placing(tmp_path / "a.zarr"):
        raise KeyError
    assert (tmp_path / "a.zarr" / "0" / "chunk").read_text() == "newer"
