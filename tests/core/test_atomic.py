"""One file, whole or not at all."""

import os
import time

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import check_folder, replacing, write_whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    for content in (b"old", b"new"):
        write_whole(tmp_path / "a.bin", content)
        assert (tmp_path / "a.bin").read_bytes() == content
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    def fail():
        with replacing(tmp_path / "a.bin") as partial:
            partial.write_bytes(b"half")
            raise error

    write_whole(tmp_path / "a.bin", b"old")
    with pytest.raises(type(error)):
        fail()
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_block_that_writes_nothing_changes_nothing(tmp_path):
    write_whole(tmp_path / "a.bin", b"old")
    with replacing(tmp_path / "a.bin"):
        pass
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_what_killed_programs_left_is_swept_once_it_is_old(tmp_path):
    fresh, left, other = (
        tmp_path / name for name in (".[a].1.partial", ".[a].2.partial", ".b.3.partial")
    )
    for path in (fresh, left, other):
        path.write_bytes(b"half")
    for path in (left, other):
        os.utime(path, (time.time() - 4000,) * 2)
    write_whole(tmp_path / "[a]", b"new")
    assert names(tmp_path) == [".[a].1.partial", ".b.3.partial", "[a]"]


def test_a_folder_is_made_or_refused_with_a_sentence(tmp_path):
    check_folder(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(VslpError, match="choose another folder"):
            check_folder(folder)
