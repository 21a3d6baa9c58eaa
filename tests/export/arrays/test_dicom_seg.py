"""DICOM Segmentation: read back by highdicom and pydicom."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.export.results import write_result
from tests.export.conftest import ABSENT, NAMES
from tests.made import with_pixel_size

highdicom = pytest.importorskip("highdicom", reason="the extra “dicom” is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # highdicom's, of names


def written(result, folder):
    rgb = np.zeros((*result.labels.shape, 3), np.uint8)
    (path,) = write_result(result, rgb, folder, ["mask.dcm"])
    return highdicom.seg.segread(path)


def test_each_tissue_is_a_segment_with_name_colour_and_pixels(awkward, tmp_path):
    found = written(awkward, tmp_path)
    mask = np.pad(awkward.labels, ((5, 5), (10, 10)))
    there = [label for label in range(1, 10) if label != ABSENT]
    assert len(found.SegmentSequence) == len(there)
    matrix = found.get_total_pixel_matrix(combine_segments=True)
    numbers = np.zeros(10, int)
    numbers[there] = range(1, len(there) + 1)
    np.testing.assert_array_equal(matrix, numbers[mask])
    for label, segment in zip(there, found.SegmentSequence, strict=True):
        assert segment.SegmentLabel == NAMES[label - 1]
        shown = segment.RecommendedDisplayCIELabValue
        wanted = highdicom.color.CIELabColor.from_rgb(*awkward.tissues[label - 1].colour)
        assert tuple(shown) == tuple(wanted.value)


def test_the_physical_size_is_told(awkward, tmp_path):
    found = written(awkward, tmp_path)
    measures = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(side) for side in measures.PixelSpacing] == [0.0005, 0.00025]
    assert (found.TotalPixelMatrixRows, found.TotalPixelMatrixColumns) == (40, 60)


def test_a_mask_of_several_tiles(awkward, tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (700, 1100), np.uint8)
    large = replace(awkward, labels=labels, region=(0, 0, 700, 1100), image_shape=(700, 1100))
    matrix = written(large, tmp_path).get_total_pixel_matrix(combine_segments=True)
    np.testing.assert_array_equal(matrix, labels)


def test_what_dicom_cannot_hold_is_said(awkward, tmp_path, monkeypatch):
    with pytest.raises(VslpError, match="pixel size"):
        written(with_pixel_size(awkward, None), tmp_path)
    with pytest.raises(VslpError, match="Nothing is segmented"):
        written(replace(awkward, labels=np.zeros_like(awkward.labels)), tmp_path)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(VslpError, match=r"napari-vslp\[dicom\]"):
        written(awkward, tmp_path)
