"""Folders that processes share: where they are, and that one at a time changes them."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import locked, user_folder

USUAL = Path("usual")


@pytest.mark.parametrize(
    ("chosen", "folder"),
    [
        ("", USUAL),
        ("  ", USUAL),
        ("here", Path("here")),
        (" /a b ", Path("/a b")),
        ("~/x", Path.home() / "x"),
    ],
)
def test_a_variable_names_another_folder(monkeypatch, chosen, folder):
    monkeypatch.setenv("VSLP_TRIED", chosen)
    assert user_folder("VSLP_TRIED", USUAL) == folder
    monkeypatch.delenv("VSLP_TRIED")
    assert user_folder("VSLP_TRIED", USUAL) == USUAL


def test_an_unknown_user_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setenv("VSLP_TRIED", "~nobody-here/x")
    with pytest.raises(VslpError, match="VSLP_TRIED names “~nobody-here/x”"):
        user_folder("VSLP_TRIED", USUAL)


def test_one_thread_at_a_time_holds_a_folder(tmp_path):
    holders, most = 0, 0
    count = threading.Lock()

    def work() -> None:
        nonlocal holders, most
        for _ in range(20):
            with locked(tmp_path, wait_s=60) as mine:
                assert mine
                with count:
                    holders += 1
                    most = max(most, holders)
                with count:
                    holders -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (holders, most) == (0, 1)


def test_another_process_that_holds_the_folder_is_waited_for_so_long(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_vslp.core.files.folders import locked\n"
        "with locked(Path(sys.argv[1]), wait_s=0) as mine: sys.exit(0 if mine else 7)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    with locked(tmp_path, wait_s=0) as mine:
        assert mine
        assert subprocess.run(words, check=False).returncode == 7
    assert subprocess.run(words, check=False).returncode == 0


def test_an_error_inside_gives_the_folder_free(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, wait_s=0):
        1 / 0  # noqa: B018
    with locked(tmp_path, wait_s=0) as mine:
        assert mine


def test_a_folder_that_takes_no_lock_is_an_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    held = locked(tmp_path / "file", wait_s=0)
    with pytest.raises(OSError, match="File exists"), held:
        pass
