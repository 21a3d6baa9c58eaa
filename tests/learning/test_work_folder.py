"""The folder of a training: whole files or none, its own kind, and nobody else's files."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.proportions.work_folder import TrainingFolder, cohort_hash

from .made import TINY, write_sections

LABELS = [torch.full((4, 5), k, dtype=torch.int8) for k in (0, 1, -1)]


@pytest.fixture
def opened(tmp_path, cohort):
    """Open the folder “work”, with a recipe or a cohort of one's own."""

    def folder(recipe=TINY, own=cohort, restart=False, **more):
        return TrainingFolder(tmp_path / "work", own, recipe, restart=restart, **more)

    return folder


@pytest.fixture
def begun(opened):
    opened().save_labels(0, LABELS)
    return opened


def test_labels_come_back_in_their_order(begun):
    labels = [torch.full((2, 3), k, dtype=torch.int8) for k in range(12)]
    begun().save_labels(1, labels)
    folder = begun()
    assert [int(one[0, 0]) for one in folder.labels(1)] == list(range(12))
    assert folder.labels(1)[3].dtype == torch.int8
    assert folder.labels(2) is None
    assert (folder.has_labels(1), folder.has_labels(2)) == (True, False)


def test_a_student_comes_back_bit_by_bit(begun):
    weights = {"a": torch.randn(3, 4), "n": torch.tensor(7), "t": torch.randn(4, 6).T}
    begun().save_student(0, weights)
    found = begun().student(0)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_curves_go_on_over_runs_and_time_is_added_up(begun):
    begun().record(0, {"step": 2.0, "loss": 0.5})
    folder = begun()
    folder.record(0, {"step": 4.0, "loss": 0.25, "held_out_loss": 0.75, "unheard_of": 1.0})
    first, second = begun().curves()
    assert first.keys() == {"round", "step", "loss", "seconds"}
    assert second["held_out_loss"] == 0.75
    assert begun().seconds >= second["seconds"] >= first["seconds"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": replace(TINY, seed=1)}, "other settings.*--restart"),
        ({"recipe": replace(TINY, rounds=(6, 5))}, "other settings"),
        ({"masks": True}, "other settings"),
    ],
)
def test_another_recipe_is_refused_unless_it_starts_anew(begun, changes, said):
    with pytest.raises(VslpError, match=said) as caught:
        begun(**changes)
    assert str(caught.value).endswith(".")
    assert begun().labels(0) is not None
    assert begun(**changes, restart=True).labels(0) is None
    assert begun(**changes).labels(0) is None


def test_another_table_is_refused(begun, tmp_path):
    other = read_cohort(write_sections(tmp_path / "other", 3))
    with pytest.raises(VslpError, match="another table or other images"):
        begun(own=other)


@pytest.mark.parametrize("content", [json.dumps({"format": 0}), "{}", "nonsense", ""])
def test_a_folder_of_another_version_is_refused(begun, tmp_path, content):
    (tmp_path / "work" / "state.json").write_text(content)
    with pytest.raises(VslpError, match="another version of napari-vslp"):
        begun()


def test_a_slip_in_the_first_command_may_be_mended_without_a_restart(opened):
    opened(recipe=replace(TINY, encoder="bundeld"))
    opened()
    opened().save_labels(0, LABELS)
    with pytest.raises(VslpError, match="other settings"):
        opened(recipe=replace(TINY, encoder="bundeld"))


@pytest.mark.parametrize("spoil", [b"", b"nonsense", None])
@pytest.mark.parametrize("kind", ["labels", "student"])
def test_a_damaged_file_is_named_with_the_way_out(begun, tmp_path, kind, spoil):
    begun().save_student(0, {"a": torch.ones(100)})
    path = tmp_path / "work" / f"{kind}-0.safetensors"
    path.write_bytes(path.read_bytes()[:-9] if spoil is None else spoil)
    with pytest.raises(VslpError, match=rf"{kind}-0.safetensors is damaged: delete it") as caught:
        getattr(begun(), kind)(0)
    assert "\n" not in str(caught.value)


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_last_whole_file_and_says_to_make_room(begun, monkeypatch):
    folder = begun()
    folder.record(0, {"step": 2.0})
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    monkeypatch.setattr(Path, "replace", full)
    for save in (
        lambda: folder.save_labels(0, LABELS[:1]),
        lambda: folder.save_student(0, {"a": torch.ones(3)}),
        lambda: folder.record(0, {"step": 4.0}),
    ):
        with pytest.raises(VslpError, match=r"No space left on device.*make room"):
            save()
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, cohort):
    (tmp_path / "file").touch()
    with pytest.raises(VslpError, match=r"cannot be written.*--work"):
        TrainingFolder(tmp_path / "file", cohort, TINY, restart=False)


@pytest.mark.parametrize("restart", [False, True])
def test_only_its_own_files_are_ever_deleted(begun, tmp_path, restart):
    folder = begun()
    folder.record(0, {"step": 2.0})
    folder.save_student(0, {"a": torch.ones(3)})
    folder.checkpoint(0).write_bytes(b"checkpoint")
    mine = folder.path / "thesis.docx"
    mine.write_text("mine")
    (folder.path / "photos").mkdir()
    if restart:
        begun(restart=True)
        assert sorted(p.name for p in folder.path.iterdir()) == [
            "photos",
            "state.json",
            "thesis.docx",
        ]
        return
    folder.remove()
    assert sorted(p.name for p in folder.path.iterdir()) == ["photos", "thesis.docx"]


def test_an_empty_folder_goes_with_its_files(begun):
    folder = begun()
    folder.remove()
    assert not folder.path.exists()


def test_the_hash_follows_shares_sizes_and_regions(cohort):
    bag = cohort.bags[0]
    changed = [
        replace(bag, lower=(0.1, 0.2)),
        replace(bag, region=(0, 0, 40, 40)),
        replace(bag, image=cohort.bags[1].image),
    ]
    hashes = {cohort_hash(replace(cohort, bags=(one, *cohort.bags[1:]))) for one in changed}
    hashes |= {cohort_hash(cohort), cohort_hash(replace(cohort, tissues=("a", "b")))}
    assert len(hashes) == 5


USERS = ("labels-2020.safetensors", "labels-0.csv", "student-list.txt", "round-1.docx", "a-b")


@pytest.mark.parametrize("restart", [False, True])
def test_files_of_the_user_with_like_names_stay(opened, tmp_path, restart):
    work = tmp_path / "work"
    work.mkdir()
    for name in USERS:
        (work / name).write_text("mine")
    folder = opened(restart=restart)
    folder.save_labels(0, LABELS)
    folder.record(0, {"step": 2.0})
    opened(restart=True).remove()
    assert sorted(path.name for path in work.iterdir()) == sorted(USERS)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "name", ["curves.csv", "labels-0.safetensors", "student-1.safetensors", "round-1.ckpt"]
)
def test_a_file_of_the_user_in_the_way_is_refused(opened, tmp_path, name, restart):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / name).write_text("mine")
    with pytest.raises(VslpError, match=rf"“{name}” in .* was not written by a training") as found:
        opened(restart=restart)
    assert found.value.remedy == "folder"
    assert [path.name for path in (tmp_path / "work").iterdir()] == [name]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("content", ['{"zoom": 3}', "[]", "not even JSON"])
def test_a_state_of_another_program_is_refused(opened, tmp_path, content, restart):
    path = tmp_path / "work" / "state.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(VslpError, match=r"state\.json is of another program"):
        opened(restart=restart)
    assert path.read_text() == content


def test_a_folder_from_before_files_were_listed_is_gone_on_with_and_cleared(begun, tmp_path):
    path = tmp_path / "work" / "state.json"
    state = json.loads(path.read_text())
    del state["files"]
    path.write_text(json.dumps(state))
    mine = tmp_path / "work" / "labels-of-mine.txt"
    mine.write_text("mine")
    folder = begun()
    assert folder.labels(0) is not None
    folder.record(0, {"step": 2.0})
    folder.checkpoint(0).write_bytes(b"checkpoint")
    folder.save_student(1, {"a": torch.ones(3)})
    folder.remove()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["labels-of-mine.txt"]


def test_what_a_kill_left_half_written_goes_too(begun, tmp_path):
    for name in ("labels-1.safetensors", "round-0.ckpt", "state.json"):
        (tmp_path / "work" / f".{name}.0a1b2c3d.partial").write_bytes(b"half")
    (tmp_path / "work" / "mine.partial").write_bytes(b"mine")
    begun().remove()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["mine.partial"]
