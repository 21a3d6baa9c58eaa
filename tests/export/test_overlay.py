"""The picture to show others."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.io import imread

from napari_vslp.export.results import write_result
from tests.made import with_terms


def test_the_overlay_shows_the_image_and_a_legend(result, image, tmp_path):
    write_result(result, image, tmp_path)
    overlay = imread(tmp_path / "overlay.png")
    assert overlay.shape[0] > image.shape[0]
    assert overlay.shape[1] >= image.shape[1]
    inner = np.s_[10, 5]
    mixed = 0.78 * image[inner] + 0.22 * np.array(result.tissues[0].colour)
    np.testing.assert_allclose(overlay[inner], mixed, atol=1)
    np.testing.assert_array_equal(overlay[10, 19], result.tissues[0].colour)
    np.testing.assert_array_equal(overlay[10, 20], result.tissues[1].colour)


@pytest.mark.parametrize(("side", "width"), [(1, 1), (1, 4100), (4100, 1)])
def test_overlays_of_all_sizes_are_drawn(result, side, width, tmp_path):
    labels = np.ones((side, width), np.uint8)
    maps = np.zeros(labels.shape, np.float32)
    sized = replace(
        with_terms(result, fidelity=maps, regularisation=maps),
        labels=labels,
        region=(0, 0, side, width),
        image_shape=(side, width),
    )
    write_result(sized, np.full((side, width, 3), 99, np.uint8), tmp_path)
    overlay = imread(tmp_path / "overlay.png")
    assert max(overlay.shape) <= 2048 + 100
