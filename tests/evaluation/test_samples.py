"""A cohort with its masks: regions, intervals, cases and a limit."""

import numpy as np
import pytest
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.evaluation.samples import samples_of
from napari_vslp.learning.cohort import read_cohort


@pytest.fixture
def folder(tmp_path):
    """Write one image of 20 × 30 px with its mask, gland on the left half."""
    Image.fromarray(np.full((20, 30, 3), 200, np.uint8)).save(tmp_path / "a.tif")
    mask = np.zeros((20, 30), np.uint8)
    mask[:, :15] = 1
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    return tmp_path


def samples(folder, text, **options):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return samples_of(read_cohort(folder / "t.csv"), folder / "masks", **options)


def test_a_region_crops_image_and_mask_alike(folder):
    text = "image,case,gland,region\na.tif,p1,1,0 5 20 15\na.tif,,0,0 15 20 30\n"
    left, right = samples(folder, text)
    assert (left.read(None)[2] == 1).all()
    assert left.read(None)[2].shape == (20, 10)
    assert (right.read(None)[2] == 0).all()
    assert left.name == "a.tif [0, 5, 20, 15]"
    assert left.case == "p1"
    assert right.case == str(folder / "a.tif")


def test_of_an_interval_the_middle_is_typed(folder):
    (one,) = samples(folder, "image,gland\na.tif,60±10\n")
    assert one.shares == pytest.approx([0.4, 0.6])
    assert not one.certain


def test_a_limit_draws_the_same_images_in_the_tables_order(folder):
    regions = "".join(f"a.tif,0.5,0 {i} 20 {i + 5}\n" for i in range(20))
    text = f"image,gland,region\n{regions}"
    lines = [one.row for one in samples(folder, text, limit=6, seed=1)]
    assert lines == sorted(lines)
    assert lines == [one.row for one in samples(folder, text, limit=6, seed=1)]
    assert lines != [one.row for one in samples(folder, text, limit=6, seed=2)]
    assert len(samples(folder, text, limit=99)) == 20


def test_a_region_outside_of_the_image_and_a_missing_folder_are_said(folder):
    (one,) = samples(folder, "image,gland,region\na.tif,1,0 0 20 99\n")
    with pytest.raises(VslpError, match="20 × 30 px"):
        one.read(None)
    with pytest.raises(VslpError, match="There is no folder"):
        samples_of(read_cohort(folder / "t.csv"), folder / "nowhere")
