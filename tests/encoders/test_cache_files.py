"""The files of the cache: what comes back, what goes first, and what can go wrong on disk."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest
import torch

from napari_vslp.core.files.folders import locked
from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.cache import embed_image, user_cache
from napari_vslp.encoders.cache_files import EmbeddingCache
from napari_vslp.encoders.embedding import compute_embedding
from tests.encoders.made import made_embedding, same, stored

KEY, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize("head", [True, False])
def test_what_is_put_is_got(tmp_path, head):
    files = EmbeddingCache(tmp_path / "new" / "folder")
    assert files.get(KEY) is None
    kept = made_embedding(head=head)
    assert files.put(KEY, kept) == ""
    found = files.get(KEY)
    assert found is not None
    assert same(found, kept)
    assert found.white.flags.writeable
    assert files.get(OTHER) is None
    assert files.usage()[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_only_the_owner_may_read(tmp_path):
    files = EmbeddingCache(tmp_path / "features")
    before = os.umask(0)
    try:
        files.put(KEY, made_embedding())
    finally:
        os.umask(before)
    (path,) = files.folder.glob("*.safetensors")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(os.urandom(400))


def flipped_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def of_another_image(path: Path) -> None:
    files = EmbeddingCache(path.parent)
    files.put(OTHER, made_embedding(1))
    (path.parent / f"{OTHER}.safetensors").replace(path)


def of_another_program(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"vectors": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    "spoil", [cut, emptied, nonsense, flipped_bit, of_another_image, of_another_program]
)
def test_a_damaged_file_is_removed_and_read_anew(pixels, encoder, runs, spoil):
    first = embed_image(pixels, encoder, False)
    (path,) = stored()
    spoil(path)
    files = user_cache()
    assert files is not None
    assert files.get(path.stem) is None
    assert not path.exists()
    runs.clear()
    assert same(embed_image(pixels, encoder, False), first)
    assert runs
    runs.clear()
    embed_image(pixels, encoder, False)
    assert runs == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("fails", ["mkdir", "chmod", "replace", "save_file"])
def test_a_disk_that_takes_nothing_breaks_nothing(pixels, encoder, monkeypatch, number, fails):
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    if fails == "save_file":
        monkeypatch.setattr("safetensors.torch.save_file", full)
    else:
        monkeypatch.setattr(Path, fails, full)
    said: list[Progress] = []
    found = embed_image(pixels, encoder, False, job=Job(on_progress=said.append))
    monkeypatch.undo()
    assert same(found, compute_embedding(pixels, encoder, False))
    assert [p.note for p in said if p.note and "read again next time" in p.note]
    assert found.notes == ()


def test_a_folder_that_is_a_file_breaks_nothing(pixels, encoder, tmp_path, monkeypatch):
    (tmp_path / "features").write_text("not a folder")
    monkeypatch.setenv("VSLP_CACHE", str(tmp_path))
    assert embed_image(pixels, encoder, False).shape == (40, 56)
    assert user_cache().usage() == (0, 0)


def test_what_was_used_longest_ago_goes_first(tmp_path):
    size = 4 * 64 * 2 + 2 * 64 * 2 + 1024 * 2
    files = EmbeddingCache(tmp_path, cap=int(4.6 * (size + 600)))
    keys = [letter * 64 for letter in "abcde"]
    for age, key in enumerate(keys[:4]):
        files.put(key, made_embedding(age))
        os.utime(tmp_path / f"{key}.safetensors", (1000 + age, 1000 + age))
    assert files.get(keys[0]) is not None
    files.put(keys[4], made_embedding(4))
    assert files.usage()[1] <= files.cap
    assert [files.get(key) is not None for key in keys] == [True, False, True, True, True]


def test_a_file_larger_than_a_quarter_of_the_cap_is_not_kept(tmp_path):
    files = EmbeddingCache(tmp_path, cap=4 * 4000)
    files.put(KEY, made_embedding(side=8))
    assert files.usage()[0] == 1
    files.put(OTHER, made_embedding(side=12))
    assert files.get(OTHER) is None
    assert files.get(KEY) is not None


def test_strangers_in_the_folder_are_left_alone(tmp_path):
    files = EmbeddingCache(tmp_path, cap=4 * 4000)
    strangers = [tmp_path / name for name in ("model.safetensors", "notes.txt", ".hidden")]
    left_over = [tmp_path / ".abc.partial", tmp_path / ".tmpabc"]
    for path in strangers + left_over:
        path.write_bytes(bytes(9000))
        os.utime(path, (1000, 1000))
    for letter in "abcdefgh":
        files.put(letter * 64, made_embedding())
    assert files.usage()[0] < 8
    files.clear()
    assert files.usage() == (0, 0)
    assert [path.exists() for path in strangers] == [True] * 3
    assert [path.exists() for path in left_over] == [False] * 2


def test_while_another_process_makes_room_none_is_made_twice(tmp_path):
    files = EmbeddingCache(tmp_path, cap=4 * 4000)
    with locked(tmp_path, wait_s=0):
        for letter in "abcdef01":
            assert files.put(letter * 64, made_embedding()) == ""
        assert files.usage()[0] == 8
    files.put(KEY, made_embedding())
    assert files.usage()[1] <= files.cap


def test_a_young_partial_file_of_another_process_stays(tmp_path):
    young = tmp_path / ".abc.partial"
    young.write_bytes(b"being written")
    EmbeddingCache(tmp_path).put(KEY, made_embedding())
    assert young.exists()


def test_writers_and_readers_at_once_see_whole_files_only(tmp_path):
    files = EmbeddingCache(tmp_path, cap=5 * 4000)
    known = {letter * 64: made_embedding(i) for i, letter in enumerate("abcdef")}
    wrong: list[object] = []

    def work(order: list[str]) -> None:
        for _ in range(30):
            for key in order:
                wrong.extend(filter(None, [files.put(key, known[key])]))
                found = files.get(key)
                if found is not None and not same(found, known[key]):
                    wrong.append(key)

    threads = [
        threading.Thread(target=work, args=(order,)) for order in (list(known), list(known)[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [path.name for path in tmp_path.glob(".*")] == [".lock"]
