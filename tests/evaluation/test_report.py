"""The page of made-up figures: names are shown as they are, and one image is enough."""

import html

import numpy as np
import pytest
from PIL import Image

from napari_vslp.core.settings import Settings
from napari_vslp.evaluation.baselines import BASELINES
from napari_vslp.evaluation.figures import CalibrationDiagram, picture
from napari_vslp.evaluation.metrics import Bins, Scores
from napari_vslp.evaluation.report import chosen, page
from napari_vslp.evaluation.rows import ROWS, Reading
from napari_vslp.evaluation.run import Measured, Study
from napari_vslp.evaluation.samples import Sample
from napari_vslp.evaluation.summary import summarise

NASTY = '<script>alert("1")</script> & {{ 7 * 7 }}'


@pytest.fixture
def summary(tmp_path):
    """Return figures of one image whose tissue has a nasty name."""
    image, mask = tmp_path / "image.png", tmp_path / "mask.png"
    Image.fromarray(np.full((6, 8, 3), 200, np.uint8)).save(image)
    Image.fromarray(np.repeat([[0, 1]], 6, axis=0).repeat(4, axis=1).astype(np.uint8)).save(mask)
    shares = np.array([0.5, 0.5])
    sample = Sample(
        NASTY,
        image,
        mask,
        None,
        shares,
        certain=True,
        case="a",
        row=2,
        number=2,
        tissues=("a", "b"),
    )
    study = Study((sample,), (NASTY, "other"), Settings(), source=NASTY)
    found = Measured(shares=[shares], ignored=[0.0])
    half = np.array([0.5, 0.5])
    for one in (*BASELINES, *ROWS):
        found.add(one.key, one.name, Scores(half, half, half, 10 * half))
    found.add_bins(Reading(), Bins(*np.tile(np.linspace(0, 1, 15), (3, 1))))
    found.keep(np.zeros((6, 8), np.int16))
    found.weights[Reading()] = "abc"
    return summarise(study, found)


def test_names_are_shown_as_they_are_and_never_run(summary):
    shown = page(summary)
    assert NASTY not in shown
    assert html.unescape(shown).count(NASTY) > 5
    assert "<script" not in shown
    assert "49" not in html.unescape(shown).split("<body>")[1].split("data:")[0]


def test_one_image_has_no_interval_and_one_example(summary):
    shown = page(summary)
    assert "nan" not in shown
    assert shown.count("<h3>") == 1
    assert "<line" not in shown


@pytest.mark.parametrize(
    ("mious", "places"),
    [
        ([0.5], {"Best": 0}),
        ([0.2, 0.5], {"Best": 1, "Worst": 0}),
        ([0.2, 0.9, 0.5], {"Best": 1, "Median": 2, "Worst": 0}),
    ],
)
def test_each_image_is_shown_once(mious, places):
    half = np.array([0.5, 0.5])
    scores = [Scores(half, np.array([value, value]), half, half) for value in mious]
    assert chosen(scores) == places


def test_the_discs_lie_where_confidence_and_accuracy_say():
    pixels = np.zeros(15)
    pixels[-1] = 4
    bins = Bins(pixels, pixels, pixels / 2)
    ((disc,),) = CalibrationDiagram({Reading(): bins}, 2).series
    right, top = CalibrationDiagram.left + CalibrationDiagram.side, CalibrationDiagram.above
    assert (disc.x, disc.y) == pytest.approx((right, top + CalibrationDiagram.side))
    assert [tick.text for tick in CalibrationDiagram({}, 2).ticks] == [
        "50", "60", "70", "80", "90", "100",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3)])
def test_pictures_of_all_sizes_are_drawn(shape):
    drawn = picture(np.full((*shape, 3), 99, np.uint8), np.zeros(shape, np.int16))
    assert drawn.startswith("data:image/jpeg;base64,")
