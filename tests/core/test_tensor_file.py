"""Tensors with a header in one file: what comes back, what is refused, what a full disk leaves."""

import errno
import os
import pickle
import stat
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save, save_file

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.tensor_file import (
    MOST_HEADER_LETTERS,
    DamagedFileError,
    read_header,
    read_tensors,
    tensor_names,
    write_tensors,
)

TENSORS = {"b": torch.rand(3, 4, generator=torch.Generator().manual_seed(0)), "a": torch.ones(2)}
HEADER = {"name": "Lücke", "sizes": [1, 2.5], "nothing": None}


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, "entry", HEADER)
    return path


def test_what_is_written_is_read(written):
    tensors, header = read_tensors(written, "entry")
    assert header == read_header(written, "entry") == HEADER
    assert tensor_names(written) == tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert read_header(written, "another") is None
    assert read_tensors(written, "another")[1] is None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.ones(2, requires_grad=True),
        torch.zeros(0, 4),
        torch.ones(3).half(),
        torch.tensor(True),
    ],
)
def test_tensors_of_every_kind_keep_shape_type_and_values(tmp_path, tensor):
    write_tensors(tmp_path / "x", {"one": tensor}, "entry", {})
    found = read_tensors(tmp_path / "x", "entry")[0]["one"]
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)


def test_the_bytes_are_those_of_safetensors(written):
    text = '{"name": "Lücke", "sizes": [1, 2.5], "nothing": null}'
    assert written.read_bytes() == save(TENSORS, metadata={"entry": text})


def test_what_was_read_stays_when_the_file_is_overwritten(written):
    tensors, _ = read_tensors(written, "entry")
    with written.open("r+b") as file:
        file.write(bytes(written.stat().st_size))
    assert torch.equal(tensors["b"], TENSORS["b"])


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_the_mode_is_the_systems_or_the_owners_alone(tmp_path, private, mode):
    before = os.umask(0o027)
    try:
        write_tensors(tmp_path / "x", TENSORS, "entry", HEADER, private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


@pytest.mark.parametrize("fails", ["touch", "chmod", "replace", "save_file"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(written, monkeypatch, fails):
    before = written.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = "safetensors.torch.save_file" if fails == "save_file" else f"pathlib.Path.{fails}"
    monkeypatch.setattr(target, full)
    with pytest.raises(VslpError, match=r"toy could not be written to .*No space left") as caught:
        write_tensors(written, {"c": torch.ones(1)}, "entry", {}, kind="toy")
    assert "\n" not in str(caught.value)
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def emptied(path):
    path.write_bytes(b"")


def pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def torch_saved(path):
    torch.save(TENSORS, path)


def with_text(text):
    return lambda path: save_file(TENSORS, path, metadata={"entry": text})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "toy file x.safetensors is damaged or incomplete"),
        (emptied, "damaged or incomplete"),
        (pickled, "pickle"),
        (torch_saved, "pickle"),
        (with_text("{"), "description"),
        (with_text("[" * 100_000), "description"),
        (with_text('"' + "x" * MOST_HEADER_LETTERS + '"'), "description.*letters"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(written, spoil, says):
    spoil(written)
    for read in (read_tensors, read_header):
        with pytest.raises(DamagedFileError, match=says) as caught:
            read(written, "entry", kind="toy")
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")


def test_a_file_that_is_too_large_is_refused(written):
    size = written.stat().st_size
    assert read_tensors(written, "entry", most_bytes=size)[1] == HEADER
    with pytest.raises(DamagedFileError, match="larger than a toy can be"):
        read_tensors(written, "entry", kind="toy", most_bytes=size - 1)


def missing(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes")
@pytest.mark.parametrize("spoil", [missing, folder, pipe])
def test_what_is_no_file_is_refused_at_once(written, spoil):
    spoil(written)
    with pytest.raises(VslpError, match="no readable toy file") as caught:
        read_tensors(written, "entry", kind="toy")
    assert not isinstance(caught.value, DamagedFileError)


def test_headers_are_read_without_torch(written):
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_vslp.core.files.tensor_file import read_header\n"
        "assert read_header(Path(sys.argv[1]), 'entry')['sizes'] == [1, 2.5]\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code, written], check=False).returncode == 0
