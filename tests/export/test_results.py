"""A folder of results: what is in it, and when it is refused."""

import warnings
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.export.results import check_result_folder, write_result
from napari_vslp.raster.contract import open_raster
from tests.made import with_terms

NAMES = [
    "fidelity.tif",
    "mask.png",
    "mask.tif",
    "overlay.png",
    "regularisation.tif",
    "summary.json",
]


def shown(folder):
    """Return the names in a folder as a user sees them."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_all_files_are_written_and_named(result, image, tmp_path):
    written = write_result(result, image, tmp_path / "new" / "folder")
    assert [path.name for path in written] == NAMES
    assert shown(written[0].parent) == NAMES


def test_what_was_learned_is_written_only_where_it_counted(result, image, tmp_path):
    learned = np.linspace(0, 1, result.labels.size, dtype=np.float32).reshape(result.labels.shape)
    written = write_result(with_terms(result, learned=learned), image, tmp_path)
    assert [path.name for path in written] == sorted([*NAMES, "learned.tif"])
    whole = iio.imread(tmp_path / "learned.tif")
    np.testing.assert_array_equal(whole[5:35, 10:50], learned)
    assert whole.sum(dtype=np.float64) == pytest.approx(learned.sum(dtype=np.float64))
    write_result(result, image, tmp_path)
    assert shown(tmp_path) == NAMES


def test_a_folder_that_cannot_be_made_is_refused(result, image, tmp_path):
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(VslpError, match="choose another folder"):
            write_result(result, image, folder)


def test_a_foreign_image_is_refused(result, image, tmp_path):
    with pytest.raises(VslpError, match="not the one"):
        write_result(result, image[1:], tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_warning_is_raised_on_the_way(result, image, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_result(result, image, tmp_path)
        open_raster(tmp_path / "overlay.png").read()


@pytest.mark.parametrize("name", ["learned.tif", "mask.png"])
def test_a_file_of_the_users_is_kept(result, image, tmp_path, name):
    (tmp_path / name).write_text("mine")
    learned = with_terms(result, learned=result.fidelity_map)
    for refused in (
        lambda: check_result_folder(tmp_path),
        lambda: write_result(learned, image, tmp_path),
    ):
        with pytest.raises(VslpError, match=f"{name}” would be replaced"):
            refused()
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_in_the_place_of_a_file_keeps_the_last_result_whole(result, image, tmp_path):
    write_result(result, image, tmp_path)
    (tmp_path / "overlay.png").unlink()
    (tmp_path / "overlay.png").mkdir()
    before = (tmp_path / "summary.json").read_bytes()
    with pytest.raises(VslpError, match="would be replaced"):
        write_result(replace(result, seconds=9.0), image, tmp_path)
    assert (tmp_path / "summary.json").read_bytes() == before
    assert shown(tmp_path) == NAMES


def test_only_what_is_named_is_written(result, image, tmp_path):
    write_result(result, image, tmp_path)
    written = write_result(result, image, tmp_path, ["mask.png", "summary.json", "mask.png"])
    assert shown(tmp_path) == [path.name for path in written] == ["mask.png", "summary.json"]


def test_an_unknown_kind_of_output_is_refused_with_the_known_ones(result, image, tmp_path):
    with pytest.raises(
        VslpError, match=r"no kind of output “mask\.gif”: choose one of mask\.tif, "
    ):
        write_result(result, image, tmp_path, ["mask.gif"])
