"""Results change as a whole, and what is not theirs is left alone, whatever happens in between."""

import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files import result_folder
from napari_vslp.core.files.result_folder import check_results, results_in, writing_results

KILLED = Path(__file__).with_name("killed.py")
POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def write(folder, content="old", names=("a", "b"), kind="test"):
    with writing_results(folder, kind) as stage:
        for name in names:
            (stage / name).write_text(content)


def shown(folder):
    """Return the contents of a folder as a user sees it."""
    return {p.name: p.read_text() for p in folder.iterdir() if not p.name.startswith(".")}


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_set_replaces_the_one_before_as_a_whole(tmp_path):
    folder = tmp_path / "new" / "folder"
    write(folder, "old", ("a", "b", "c"))
    write(folder, "new", ("b", "d"))
    assert shown(folder) == {"b": "new", "d": "new"}
    assert hidden(folder) == [".napari-vslp.json"]
    assert sorted(results_in(folder).files) == ["b", "d"]


@pytest.mark.parametrize(
    "make", [Path.mkdir, lambda p: p.write_text("old"), lambda p: p.symlink_to("x")]
)
def test_what_this_tool_did_not_write_is_not_replaced(tmp_path, make):
    write(tmp_path)
    make(tmp_path / "c")
    for refused in (
        lambda: check_results(tmp_path, "test", ["c"]),
        lambda: write(tmp_path, "new", ("a", "c")),
    ):
        with pytest.raises(VslpError, match=r"c” would be replaced, .* choose another folder\."):
            refused()
    assert os.path.lexists(tmp_path / "c")
    assert (tmp_path / "a").read_text() == "old"
    assert hidden(tmp_path) == [".napari-vslp.json"]


def test_a_result_that_the_user_edited_is_the_users(tmp_path):
    write(tmp_path)
    (tmp_path / "a").write_text("edited")
    with pytest.raises(VslpError, match="it was changed since"):
        write(tmp_path, "new")
    assert shown(tmp_path) == {"a": "edited", "b": "old"}
    write(tmp_path, "new", ("b",))
    assert shown(tmp_path) == {"a": "edited", "b": "new"}


def test_results_of_another_kind_are_not_mixed_in(tmp_path):
    write(tmp_path, kind="segmentation")
    with pytest.raises(VslpError, match=r"another kind \(segmentation\)"):
        check_results(tmp_path, "evaluation", ["z"])
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    write(tmp_path, kind="evaluation")


def test_what_is_read_is_not_replaced(tmp_path):
    write(tmp_path / "out", names=("a", "b"))
    (tmp_path / "link").symlink_to(tmp_path / "out" / "a")
    for path in (tmp_path / "out" / "a", tmp_path / "out" / ".." / "out" / "b", tmp_path / "link"):
        with pytest.raises(VslpError, match="is read, and a result would take its place"):
            check_results(tmp_path / "out", "test", ["c"], [path])
    check_results(tmp_path / "out", "test", ["a"], [tmp_path / "a", tmp_path / "out" / "image"])


def test_checking_leaves_no_trace(tmp_path):
    check_results(tmp_path, "test", ["a"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_set_before(tmp_path, error):
    def fail():
        with writing_results(tmp_path, "test") as stage:
            (stage / "a").write_text("half")
            raise error

    write(tmp_path)
    with pytest.raises((VslpError, KeyboardInterrupt)):
        fail()
    assert shown(tmp_path) == {"a": "old", "b": "old"}
    assert hidden(tmp_path) == [".napari-vslp.json"]


@POSIX
def test_a_full_disk_is_said_and_leaves_the_set_before(tmp_path):
    write(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(VslpError, match=r"cannot be written to .* choose another folder\."):
            write(tmp_path, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert shown(tmp_path) == {"a": "old", "b": "old"}
    assert hidden(tmp_path) == [".napari-vslp.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_is_read_only_is_said(tmp_path):
    write(tmp_path)
    tmp_path.chmod(0o500)
    with pytest.raises(VslpError, match="Permission denied"):
        write(tmp_path, "new")
    tmp_path.chmod(0o700)
    assert shown(tmp_path) == {"a": "old", "b": "old"}


@pytest.mark.parametrize("failing", range(2))
@pytest.mark.parametrize("linked", [True, False])
def test_a_rename_that_fails_is_undone_with_those_before_it(tmp_path, monkeypatch, failing, linked):
    write(tmp_path, "old", ("b", "z"))
    replace = Path.replace

    def fail(self, target):
        if self.parent.name == "new" and self.name == "ab"[failing]:
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    def no_links(*_):
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        if not linked:
            patch.setattr(Path, "hardlink_to", no_links)
        with pytest.raises(VslpError, match="Permission denied"):
            write(tmp_path, "new", ("a", "b"))
    assert shown(tmp_path) == {"b": "old", "z": "old"}
    assert hidden(tmp_path) == [".napari-vslp.json"]
    write(tmp_path, "new", ("a", "b"))
    assert shown(tmp_path) == {"a": "new", "b": "new"}


class Killed(BaseException):
    """Stands for the end of the process: nothing below is run."""


@pytest.mark.parametrize("renames", range(1, 5))
def test_a_set_interrupted_between_any_two_renames_is_ended_by_the_next_reader(
    tmp_path, monkeypatch, renames
):
    write(tmp_path, "old", ("b", "c", "z"))
    replace, done = Path.replace, []

    def some(self, target):
        if len(done) == renames:
            raise Killed
        done.append(self)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", some)
        settle = result_folder._settle
        # A killed process does not tidy up.
        patch.setattr(result_folder, "_settle", lambda folder: None if done else settle(folder))
        with pytest.raises(Killed):
            write(tmp_path, "new", ("a", "b", "c"))
    results_in(tmp_path)
    assert shown(tmp_path) == dict.fromkeys("abc", "new")
    assert hidden(tmp_path) == [".napari-vslp.json"]


def test_an_interrupted_undoing_is_ended_by_the_next_reader(tmp_path):
    write(tmp_path, "old", ("b", "z"))
    work = tmp_path / ".napari-vslp.work"
    (work / "old").mkdir(parents=True)
    (work / "new").mkdir()
    shutil.copy(tmp_path / "z", work / "old")
    journal = {"kind": "test", "files": {"a": "", "b": ""}, "replaced": ["b"], "removed": ["z"]}
    (work / "undo.json").write_text(json.dumps(journal))
    (tmp_path / "a").write_text("new")
    (tmp_path / "z").unlink()
    results_in(tmp_path)
    assert shown(tmp_path) == {"b": "old", "z": "old"}
    assert hidden(tmp_path) == [".napari-vslp.json"]


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        '{"kind": "test", "files": {"../mine": ""}, "replaced": [], "removed": []}',
        '{"kind": "test", "files": {}, "replaced": [], "removed": ["../mine"]}',
    ],
)
def test_a_manifest_that_is_damaged_or_names_files_elsewhere_owns_nothing(tmp_path, manifest):
    folder, mine = tmp_path / "out", tmp_path / "mine"
    mine.write_text("")
    write(folder)
    (folder / ".napari-vslp.json").write_text(manifest)
    with pytest.raises(VslpError, match="would be replaced"):
        write(folder, "new")
    write(folder, "new", ("c",))
    assert mine.exists()
    assert shown(folder) == {"a": "old", "b": "old", "c": "new"}


def test_two_writers_wait_for_each_other(tmp_path):
    threads = [
        threading.Thread(target=write, args=(tmp_path, str(n), [f"{n}", "a", "b"]))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = shown(tmp_path)
    (last,) = set(found.values())
    assert found == dict.fromkeys([last, "a", "b"], last)
    assert hidden(tmp_path) == [".napari-vslp.json"]


def test_whoever_waits_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(result_folder, "_WAIT_S", 0.05)
    with (
        FileLock(tmp_path / ".napari-vslp.lock"),
        pytest.raises(VslpError, match="Another program"),
    ):
        write(tmp_path)


@POSIX
def test_a_hundred_kills_leave_one_whole_set_each(tmp_path):
    done = subprocess.run(
        [sys.executable, str(KILLED), str(tmp_path / "out"), "100"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("100 kills")


def write_folders(folder, content, names=("a.zarr", "b.zarr")):
    with writing_results(folder, "test") as stage:
        (stage / "note").write_text(content)
        for name in names:
            (stage / name / "0").mkdir(parents=True)
            (stage / name / "0" / "chunk").write_text(content)


def shown_folders(folder):
    return {path.parent.parent.name: path.read_text() for path in folder.glob("[a-z]*/0/chunk")}


def test_folders_are_results_too_and_are_replaced_as_a_whole(tmp_path):
    write_folders(tmp_path, "old")
    write_folders(tmp_path, "new", ("b.zarr", "c.zarr"))
    assert shown_folders(tmp_path) == {"b.zarr": "new", "c.zarr": "new"}
    assert hidden(tmp_path) == [".napari-vslp.json"]
    write(tmp_path, "file", ("b.zarr",))
    assert shown(tmp_path) == {"b.zarr": "file"}
    write_folders(tmp_path, "newer", ("b.zarr",))
    assert shown_folders(tmp_path) == {"b.zarr": "newer"}


@pytest.mark.parametrize("change", ["edit", "add"])
def test_a_folder_that_the_user_changed_is_the_users(tmp_path, change):
    write_folders(tmp_path, "old")
    mine = tmp_path / "a.zarr" / "0" / ("chunk" if change == "edit" else "note")
    mine.write_text("mine")
    with pytest.raises(VslpError, match=r"a\.zarr” would be replaced"):
        write_folders(tmp_path, "new")
    write_folders(tmp_path, "new", ("b.zarr",))
    assert mine.read_text() == "mine"
    assert shown_folders(tmp_path)["b.zarr"] == "new"


def test_what_is_read_inside_a_folder_of_results_is_not_replaced(tmp_path):
    write_folders(tmp_path, "old")
    with pytest.raises(VslpError, match="is read"):
        check_results(tmp_path, "test", ["c"], [tmp_path / "a.zarr" / "0" / "chunk"])


@pytest.mark.parametrize("renames", range(1, 8))
@pytest.mark.parametrize("fails", [False, True])
def test_folders_interrupted_anywhere_are_one_set_afterwards(tmp_path, monkeypatch, renames, fails):
    write_folders(tmp_path, "old", ("b.zarr", "z.zarr"))
    replace, done = Path.replace, []

    def some(self, target):
        done.append(self)
        if len(done) == renames + 1:
            raise PermissionError(13, "Permission denied") if fails else Killed
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", some)
        if not fails:
            settle = result_folder._settle
            patch.setattr(result_folder, "_settle", lambda folder: None if done else settle(folder))
        try:
            write_folders(tmp_path, "new", ("a.zarr", "b.zarr"))
            whole = True
        except VslpError:
            whole = False
        except Killed:
            whole = True  # the next reader ends it
    results_in(tmp_path)
    wanted = dict.fromkeys(("a.zarr", "b.zarr"), "new")
    wanted = wanted if whole else dict.fromkeys(("b.zarr", "z.zarr"), "old")
    assert shown_folders(tmp_path) == wanted
    assert (tmp_path / "note").read_text() == ("new" if whole else "old")
    assert hidden(tmp_path) == [".napari-vslp.json"]


@POSIX
def test_a_pipe_in_the_place_of_the_list_of_what_was_written_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".napari-vslp.json")
    assert not results_in(tmp_path).files
