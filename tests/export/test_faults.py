"""Every kind of output on a disk that takes no more, or where nothing may be written."""

import resource
from pathlib import Path

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.export.results import write_file, write_result

SINGLE = [name for name in EXPORTERS.names() if EXPORTERS.get(name).suffixes]


@pytest.fixture
def full_disk():
    """Let no file grow beyond 100 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def rgb(awkward):
    return np.zeros((*awkward.labels.shape, 3), np.uint8)


@pytest.mark.parametrize("name", SINGLE)
def test_a_full_disk_leaves_what_was_there(name, awkward, rgb, tmp_path, request):
    place = tmp_path / f"a{EXPORTERS.get(name).suffixes[0]}"
    write_file(name, awkward, rgb, place)
    before = sorted(path.name for path in place.rglob("*")) or place.read_bytes()
    request.getfixturevalue("full_disk")
    with pytest.raises(VslpError, match=r"choose another folder\.$"):
        write_file(name, awkward, rgb, place)
    after = sorted(path.name for path in place.rglob("*")) or place.read_bytes()
    assert after == before
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


@pytest.mark.parametrize("name", SINGLE)
def test_a_folder_that_takes_nothing_is_said(name, awkward, rgb, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)  # root may write anywhere
        with pytest.raises(VslpError, match="Permission denied"):
            write_file(name, awkward, rgb, tmp_path / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [n for n in EXPORTERS.names() if EXPORTERS.get(n).folder])
def test_a_full_disk_leaves_the_set_with_its_folders(name, awkward, rgb, tmp_path, request):
    write_result(awkward, rgb, tmp_path, [name])
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    request.getfixturevalue("full_disk")
    with pytest.raises(VslpError, match="cannot be written"):
        write_result(awkward, rgb, tmp_path, [name])
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", SINGLE)
def test_the_image_that_was_segmented_is_never_replaced(name, awkward, rgb, tmp_path):
    image = tmp_path / f"slide{EXPORTERS.get(name).suffixes[0]}"
    image.write_bytes(b"pixels")
    with pytest.raises(VslpError, match="is the image that was segmented"):
        write_file(name, awkward.of_file(image), rgb, image)
    assert image.read_bytes() == b"pixels"
