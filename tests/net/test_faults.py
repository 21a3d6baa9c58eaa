"""Faults that once were, each written as what must be: none of them may come back."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli, segment
from napari_vslp.core.weak_labels import as_clicks, as_tissues
from tests.net.golden import CLICKS, FOUR, corner

SIDE = 64
TWO = ("gland=60±5", "other=40±5")


class CountedImage:
    """A lazy image of 8 × 8 chunks that notes each time a chunk is read."""

    def __init__(self):
        da = pytest.importorskip("dask.array")
        self.read = Counter()
        self._pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        blank = da.zeros((8 * SIDE, 8 * SIDE, 3), np.uint8, chunks=(SIDE, SIDE, 3))
        # With `meta` dask need not call the function once to learn its type.
        self.lazy = blank.map_blocks(
            self._chunk, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
        )

    def _chunk(self, _blank, block_id):
        self.read[block_id[:2]] += 1
        return self._pixels


@pytest.mark.parametrize(
    ("region", "under"),
    [
        ((0, 0, 64, 64), {(0, 0)}),
        ((200, 270, 300, 310), {(3, 4), (4, 4)}),
    ],
)
def test_of_a_lazy_image_only_the_chunks_under_the_region_are_read_once(region, under):
    image = CountedImage()
    segment(image.lazy, TWO, region=region, augmentation=False, tolerance=1e-2, device="cpu")
    assert image.read == dict.fromkeys(under, 1)


@pytest.fixture
def renamed(dock):
    """Return the dock with a result, whose job ran while a tissue got another name."""
    dock.open_image(corner(), "corner")
    dock.fill(as_tissues(FOUR), as_clicks(CLICKS))
    dock.choose(augmentation=False)
    dock.press_segment()
    # The result comes by the event loop, which does not run before `wait`.
    dock.rename("stroma", "fibrous tissue")
    if not dock.busy or dock.result is not None:
        raise RuntimeError("the job was over before the tissue was renamed")
    dock.wait()
    if dock.result is None:
        raise RuntimeError(dock.status)
    return dock


@pytest.mark.window
def test_a_tissue_renamed_during_a_job_shows_its_share(renamed):
    assert renamed.reached_text("fibrous tissue").startswith("reached ")


@pytest.mark.window
def test_a_tissue_renamed_during_a_job_has_its_new_name_under_the_mouse(renamed):
    named = ["tumour", "lymphocytes", "fibrous tissue", "background"]
    assert renamed.names_under_the_mouse() == named


@pytest.mark.window
def test_a_tissue_renamed_during_a_job_can_be_an_answer_of_the_audit(renamed):
    renamed.open_audit()
    before = renamed.clicks
    renamed.answer_next_doubt(2)
    assert "no longer in the table" not in renamed.status
    assert [c.tissue for c in renamed.clicks if c not in before] == ["fibrous tissue"]
    assert renamed.answers_of_audit()[2] == "fibrous tissue"


@pytest.mark.window
def test_a_tissue_renamed_during_a_job_is_segmented_by_its_new_name(renamed):
    result = renamed.segment()
    assert list(result.reached) == ["tumour", "lymphocytes", "fibrous tissue", "background"]
    assert renamed.reached_text("fibrous tissue").startswith("reached ")
    assert renamed.names_under_the_mouse()[2] == "fibrous tissue"
    assert [c.tissue for c in renamed.clicks if (c.row, c.column) == (42, 141)] == [
        "fibrous tissue"
    ]


@pytest.mark.window
def test_each_image_keeps_its_options(dock):
    first = dock.open_image(corner(), "first")
    dock.choose(smoothness=7.0, edges=False)
    second = dock.open_image(corner()[::-1], "second")
    dock.choose(smoothness=3.0, edges=True)
    dock.choose_image(first)
    assert (dock.options().smoothness, dock.options().edges) == (7.0, False)
    dock.choose_image(second)
    assert (dock.options().smoothness, dock.options().edges) == (3.0, True)


def test_a_summary_holds_all_that_is_needed_to_run_it_again(tmp_path):
    inputs = summary_of_a_run(tmp_path).get("inputs")
    assert inputs is not None
    tissues = inputs["tissues"]
    assert [t["name"] for t in tissues] == ["tumour", "other"]
    assert len({t["id"] for t in tissues}) == 2
    assert [t["value"] for t in tissues] == [pytest.approx(0.3), None]
    assert tissues[0]["tolerance"] == pytest.approx(0.05)
    assert all(len(t["colour"]) == 3 for t in tissues)
    assert [(c["row"], c["column"]) for c in inputs["clicks"]] == [(29, 22)]
    assert inputs["region"] == [0, 0, 60, 50]
    assert inputs["options"]["smoothness"] == "auto", "as typed, not what was chosen from the image"
    assert inputs["options"]["edges"] is False
    assert "paint" in inputs
    assert re.fullmatch("[0-9a-f]{64}", inputs["image"]["sha256"])


def summary_of_a_run(folder):
    picture, out = folder / "corner.png", folder / "out"
    Image.fromarray(corner()[100:, :60]).save(picture)
    labels = ("--tissue", "tumour=30±5", "--tissue", "other=?", "--click", "tumour:29,22")
    how = ("--region", "0,0,60,50", "--smoothness", "auto", "--no-edges", "--no-augmentation")
    command = ("segment", str(picture), "--out", str(out), *labels, *how, "--quiet")
    assert cli.main(list(command)) == 0
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))
