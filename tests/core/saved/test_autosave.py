"""What a crash leaves is offered once, to one window; what a window works on is nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_vslp.core.inputs import ImageReference
from napari_vslp.core.saved.autosave import Autosave, autosave_folder, left_behind
from napari_vslp.core.saved.session_file import read_session
from tests.core.saved.made import busy_session

KILLED = Path(__file__).parent / "killed.py"
IMAGE = ImageReference("slide.png", "/x/slide.png", shape=(40, 60))


@pytest.fixture
def history(result):
    return busy_session(result).history()


def test_the_folder_is_the_users_state(tmp_path, monkeypatch):
    assert autosave_folder() == Path(os.environ["VSLP_STATE"])
    monkeypatch.delenv("VSLP_STATE")
    assert autosave_folder().parts[-2:] == ("napari-vslp", "autosave")


def test_what_is_worked_on_is_not_offered(history, tmp_path):
    one, other = Autosave(IMAGE, tmp_path), Autosave(IMAGE, tmp_path)
    one.write(history)
    other.write(history)
    assert one.path != other.path
    assert left_behind(tmp_path) == []
    one.leave()
    (left,) = left_behind(tmp_path)
    assert left.name == "Schnitt ä.png"
    assert read_session(left.path).history.inputs == history.inputs
    other.discard()
    assert left.discard()
    assert list(tmp_path.iterdir()) == []


def test_only_one_window_can_take_what_was_left(history, tmp_path):
    one = Autosave(IMAGE, tmp_path)
    one.write(history)
    one.leave()
    first, second = left_behind(tmp_path)[0], left_behind(tmp_path)[0]
    taken = []
    assert first.claimed(lambda: taken.append(second.claimed(lambda: None)))
    assert taken == [False]
    assert first.discard()
    assert not second.discard()


def test_nothing_is_there_before_the_first_write(tmp_path):
    one = Autosave(IMAGE, tmp_path / "new")
    one.discard()
    one.leave()
    assert not (tmp_path / "new").exists()
    assert left_behind(tmp_path / "new") == []


def test_what_cannot_be_read_is_left_alone(history, tmp_path):
    (tmp_path / "bad.vslp").write_bytes(b"PK nothing")
    assert left_behind(tmp_path) == []
    assert (tmp_path / "bad.vslp").exists()


def test_another_process_does_not_see_what_this_one_works_on(history, tmp_path):
    one = Autosave(IMAGE, tmp_path)
    one.write(history)
    ask = (
        "import sys, pathlib; from napari_vslp.core.saved.autosave import left_behind;"
        "print(len(left_behind(pathlib.Path(sys.argv[1]))))"
    )

    def seen() -> str:
        words = [sys.executable, "-c", ask, str(tmp_path)]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    assert seen() == "0"
    one.leave()
    assert seen() == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fifty_kills_leave_a_readable_session_and_lose_at_most_the_last_edit(tmp_path):
    words = [sys.executable, str(KILLED), str(tmp_path), "50"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 kills")
