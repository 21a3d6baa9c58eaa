"""A session written and read is the same one; anything else is refused in one sentence."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.saved import archive, session_file
from napari_vslp.core.saved.migrations import MIGRATIONS, VERSION
from napari_vslp.core.saved.session_file import read_session, write_session
from napari_vslp.core.session import History, Kept, Session
from napari_vslp.export.summary import summary
from tests.core.saved.made import busy_session, rewritten

OLD = Path(__file__).parent / "version-1.vslp"


@pytest.fixture
def session(result):
    return busy_session(result)


@pytest.fixture
def saved(session, tmp_path):
    write_session(tmp_path / "a.vslp", session.history(), signed="Dr. Ä, 3 May")
    return tmp_path / "a.vslp"


def same(one, other):
    """Return whether two results are equal, to the bit, but for what a next solve starts from."""
    for field in fields(one):
        before, after = getattr(one, field.name), getattr(other, field.name)
        if field.name == "state":
            continue
        if field.name in {"terms", "evidence"}:
            assert list(before) == list(after)
            assert all(before[k].title == after[k].title for k in before)
            assert all(np.array_equal(before[k].map, after[k].map) for k in before)
        elif isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after, field.name
    return True


def test_every_step_comes_back_with_its_result(session, saved):
    read, before = read_session(saved), session.history()
    assert read.history.now == before.now
    for one, other in zip(before.steps, read.history.steps, strict=True):
        assert (one.inputs, one.title) == (other.inputs, other.title)
        assert (one.result is None) == (other.result is None)
        assert one.result is None or same(one.result, other.result)
    assert read.signed == "Dr. Ä, 3 May"
    assert read.identity == session_file.Identity("ab" * 32, (5, 10, 35, 50))
    assert read.shown == before.now


def test_a_reopened_session_undoes_and_redoes_as_before(session, saved):
    again = Session(session.start)
    again.restore(read_session(saved).history)
    for step in ("undo_title", "redo_title", "inputs", "stale"):
        assert getattr(again, step) == getattr(session, step)
    for act in ["redo"] * 3 + ["undo"] * 20 + ["redo"] * 20:
        assert getattr(again, act)() == getattr(session, act)()
        assert again.inputs == session.inputs
        assert (again.result is None) == (session.result is None)
        assert again.result is None or same(again.result, session.result)


def test_the_same_session_is_the_same_file_and_says_no_date(session, saved, tmp_path):
    write_session(tmp_path / "b.vslp", session.history(), signed="Dr. Ä, 3 May")
    assert saved.read_bytes() == (tmp_path / "b.vslp").read_bytes()
    with zipfile.ZipFile(saved) as members:
        assert {one.date_time for one in members.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_without_arrays_the_numbers_of_results_stay(session, tmp_path):
    write_session(tmp_path / "a.vslp", session.history(), with_results=False)
    read = read_session(tmp_path / "a.vslp")
    assert [step.result for step in read.history.steps] == [None] * 9
    shown = session.result
    assert read.told[read.shown]["labels_sha256"] == summary(shown)["labels_sha256"]
    assert read.told[read.shown]["versions"] == {"napari-vslp": "0.1.0"}
    assert read.told[read.shown]["weights"] == "abc"


def test_the_result_shown_is_stored_before_all_others(session, tmp_path, monkeypatch):
    monkeypatch.setattr(session_file, "RESULT_BYTES", 1)
    write_session(tmp_path / "a.vslp", session.history())
    read = read_session(tmp_path / "a.vslp")
    with_arrays = [i for i, step in enumerate(read.history.steps) if step.result is not None]
    assert with_arrays == [read.shown]


def test_a_file_of_version_1_opens():
    """The file was written by the release that had this version, and is never written again."""
    read = read_session(OLD)
    assert len(read.history.steps) == 9
    assert read.history.inputs.image.name == "Schnitt ä.png"
    assert read.history.steps[read.shown].result.labels.shape == (30, 40)
    assert Session(read.history.steps[0].inputs).inputs.tissues[0].name == "tumour"


def test_every_earlier_version_has_a_migration():
    assert sorted(MIGRATIONS) == list(range(VERSION))


def test_a_summary_alone_is_a_session_of_version_0(result, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary(result)), encoding="utf-8")
    read = read_session(path)
    assert read.history == History((Kept(result.inputs),))
    assert read.shown == 0
    assert read.told[0]["labels_sha256"] == summary(result)["labels_sha256"]


def _npy(values, **how):
    held = io.BytesIO()
    np.lib.format.write_array(held, values, **how)
    return held.getvalue()


def _told(path):
    with zipfile.ZipFile(path) as members:
        return json.loads(members.read("session.json"))


DAMAGES = {
    "a newer version": ("version 99", lambda t: {"session.json": json.dumps(t | {"version": 99})}),
    "another format": ("no session", lambda t: {"session.json": json.dumps(t | {"format": "x"})}),
    "a list": ("no session", lambda _: {"session.json": "[]"}),
    "no JSON": ("no session", lambda _: {"session.json": "{"}),
    "deep JSON": ("no session", lambda _: {"session.json": "[" * 100_000}),
    "without JSON": ("no session", lambda _: {"session.json": None}),
    "a step too many": ("steps", lambda t: {"session.json": json.dumps(t | {"now": 40})}),
    "now is negative": ("steps", lambda t: {"session.json": json.dumps(t | {"now": -1})}),
    "no steps": ("steps", lambda t: {"session.json": json.dumps(t | {"steps": []})}),
    "a path out": ("it holds “../../evil”", lambda _: {"../../evil": b"x"}),
    "an absolute path": ("it holds “/etc/evil”", lambda _: {"/etc/evil": b"x"}),
    "a program": ("it holds", lambda _: {"arrays/a.py": b"x"}),
    "an array missing": ("result-0-labels", lambda _: {"arrays/result-0-labels.npy": None}),
    "a pickle": (
        "holds |O",
        lambda _: {"arrays/result-0-margin.npy": _npy(np.array([{}]), allow_pickle=True)},
    ),
    "another shape": (
        "does not fit",
        lambda _: {"arrays/result-0-margin.npy": _npy(np.zeros((3, 3), np.float32))},
    ),
    "other labels": (
        "not those that were saved",
        lambda _: {"arrays/result-0-labels.npy": _npy(np.zeros((30, 40), np.uint8))},
    ),
    "an array cut short": (
        "cut short",
        lambda _: {"arrays/result-0-margin.npy": _npy(np.zeros((30, 40), np.float32))[:-9]},
    ),
    "a huge claim": (
        "cut short",
        lambda _: {
            "arrays/result-0-margin.npy": b"\x93NUMPY\x01\x00\x76\x00"
            + f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**9}, {10**9}), }}".ljust(
                117
            ).encode()
            + b"\n"
        },
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_and_foreign_files_are_refused_in_one_sentence(damage, saved, tmp_path):
    said, change = DAMAGES[damage]
    changes = {n: c.encode() if isinstance(c, str) else c for n, c in change(_told(saved)).items()}
    bad = rewritten(saved, tmp_path / "bad.vslp", changes)
    with pytest.raises(VslpError, match=said) as refusal:
        read_session(bad)
    assert "\n" not in str(refusal.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.vslp", "bad.vslp"]


def test_a_bomb_is_refused_before_it_is_unpacked(saved, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    with pytest.raises(VslpError, match="unpack to more"):
        read_session(saved)


def test_a_member_that_lies_of_its_length_is_not_read_further(saved, tmp_path):
    """The size in the list of members is made small: what is packed is more."""
    big = rewritten(saved, tmp_path / "b.vslp", {"session.json": b" " * 10**6 + b"{}"})
    data = big.read_bytes()
    place = data.rindex(b"session.json") - 46 + 24
    (tmp_path / "b.vslp").write_bytes(data[:place] + b"\x05\0\0\0" + data[place + 4 :])
    with pytest.raises(VslpError, match="is damaged"):
        read_session(tmp_path / "b.vslp")


def test_a_file_with_a_password_or_packed_otherwise_is_refused(saved, tmp_path):
    with zipfile.ZipFile(tmp_path / "b.vslp", "w", zipfile.ZIP_LZMA) as other:
        other.writestr("session.json", "{}")
    with pytest.raises(VslpError, match="unknown way"):
        read_session(tmp_path / "b.vslp")


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 0.3, 0.7, 0.999])
def test_a_file_that_was_cut_off_is_refused(cut, saved, tmp_path):
    data = saved.read_bytes()
    (tmp_path / "b.vslp").write_bytes(data[: cut if isinstance(cut, int) else int(cut * len(data))])
    with pytest.raises(VslpError):
        read_session(tmp_path / "b.vslp")


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing.vslp"):
        with pytest.raises(VslpError):
            read_session(path)


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file(trouble, saved, session, tmp_path, monkeypatch):
    before = saved.read_bytes()

    def fail(*_, **__):
        raise trouble

    monkeypatch.setattr(archive.npy, "write_array", fail)
    with pytest.raises(type(trouble)):
        write_session(saved, session.history())
    assert saved.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.vslp"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder_is_an_error(session, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(OSError, match="Permission"):
        write_session(folder / "a.vslp", session.history())
    shutil.rmtree(folder)
