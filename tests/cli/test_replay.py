"""``napari-vslp replay``: what a summary tells is run again, and the masks are compared."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from napari_vslp import segment
from napari_vslp.cli import main
from napari_vslp.demo import tumour_nest
from napari_vslp.export.results import write_result

WORDS = ["--tissue", "tumour=60±20", "--tissue", "rest=40±20", "--click", "tumour:20,20"]
FAST = ["--no-augmentation", "--no-cache", "--tolerance", "0.01"]


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Return the folder of an image and of its result."""
    folder = tmp_path_factory.mktemp("segmented")
    Image.fromarray(tumour_nest().image[:96, :128]).save(folder / "nest.png")
    where = ["--region", "8,8,88,120", "--pixel-size", "0.5", "--out", str(folder / "out")]
    assert main(["segment", str(folder / "nest.png"), *WORDS, *FAST, *where, "--quiet"]) == 0
    return folder


def test_the_mask_is_the_same_bit_for_bit(segmented, capsys):
    assert main(["replay", str(segmented / "out" / "summary.json")]) == 0
    assert "the same, bit for bit" in capsys.readouterr().out


def test_the_result_is_written_where_it_is_asked_for(segmented, tmp_path):
    summary = str(segmented / "out" / "summary.json")
    assert main(["replay", summary, "--out", str(tmp_path / "again"), "--quiet"]) == 0
    before, now = (
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for folder in (segmented / "out", tmp_path / "again")
    )
    for passing in ("seconds", "versions"):
        before.pop(passing), now.pop(passing)
    assert now == before


def test_an_image_that_has_moved_is_named(segmented, tmp_path, capsys):
    told = json.loads((segmented / "out" / "summary.json").read_text(encoding="utf-8"))
    told["inputs"]["image"]["path"] = "/nowhere/nest.png"
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    assert main(["replay", str(tmp_path / "summary.json")]) == 2
    assert "/nowhere/nest.png" in capsys.readouterr().err
    image = str(segmented / "nest.png")
    assert main(["replay", str(tmp_path / "summary.json"), "--image", image, "--quiet"]) == 0


def test_another_image_is_refused(segmented, tmp_path, capsys):
    other = np.asarray(Image.open(segmented / "nest.png")).copy()
    other[40, 40] ^= 1
    Image.fromarray(other).save(tmp_path / "other.png")
    summary = str(segmented / "out" / "summary.json")
    assert main(["replay", summary, "--image", str(tmp_path / "other.png")]) == 2
    assert "not the image that was segmented" in capsys.readouterr().err


def test_a_mask_that_differs_is_said(segmented, tmp_path, capsys):
    told = json.loads((segmented / "out" / "summary.json").read_text(encoding="utf-8"))
    told["labels_sha256"] = "0" * 64
    told["versions"]["numpy"] = "1.0"
    (tmp_path / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    assert main(["replay", str(tmp_path / "summary.json")]) == 2
    said = capsys.readouterr().err
    assert "not the same bit for bit" in said
    assert "numpy 1.0 then" in said


def test_an_image_without_a_file_must_be_named(tmp_path, capsys):
    image = tumour_nest().image[:64, :64]
    tissues = {"tumour": "60±30", "rest": "40±30"}
    fast = {"augmentation": False, "cache": False, "tolerance": 0.01}
    result = segment(image, tissues, clicks=["tumour:9,9"], **fast)
    write_result(result, image, tmp_path / "out")
    assert main(["replay", str(tmp_path / "out" / "summary.json")]) == 2
    assert "--image" in capsys.readouterr().err
    Image.fromarray(image).save(tmp_path / "saved.png")
    named = ["--image", str(tmp_path / "saved.png"), "--quiet"]
    assert main(["replay", str(tmp_path / "out" / "summary.json"), *named]) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no summary"),
        (b"\xff\xfe", "no summary"),
        (b"[1, 2]", "no summary"),
        (b"{}", "earlier version"),
        (b'{"inputs": {"version": 7}}', "version 7"),
        (b'{"inputs": {"version": 1}}', "damaged"),
        (b"[" * 100_000, "no summary"),
    ],
)
def test_what_is_no_summary_is_refused_in_one_sentence(content, said, tmp_path, capsys):
    (tmp_path / "summary.json").write_bytes(content)
    assert main(["replay", str(tmp_path / "summary.json")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "summary.json")
    assert main(["replay", str(tmp_path / "summary.json")]) == 2
    assert "pipe" in capsys.readouterr().err


def test_neither_the_result_nor_its_image_is_replaced(segmented, capsys):
    before = {path.name: path.read_bytes() for path in (segmented / "out").iterdir()}
    summary = str(segmented / "out" / "summary.json")
    assert main(["replay", summary, "--out", str(segmented / "out"), "--quiet"]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (segmented / "out").iterdir()} == before


def test_a_session_is_replayed_bit_for_bit_and_exported(segmented, tmp_path, capsys):
    where = ["--out", str(tmp_path / "out"), "--session", str(tmp_path / "a.vslp"), "--quiet"]
    assert main(["segment", str(segmented / "nest.png"), *WORDS, *FAST, *where]) == 0
    assert main(["replay", str(tmp_path / "a.vslp")]) == 0
    assert "the same, bit for bit" in capsys.readouterr().out
    out = ["--to", "mask.png", "--out", str(tmp_path / "exported"), "--quiet"]
    assert main(["export", str(tmp_path / "a.vslp"), *out]) == 0
    exported, before = (tmp_path / one / "mask.png" for one in ("exported", "out"))
    np.testing.assert_array_equal(Image.open(exported), Image.open(before))


def test_a_session_takes_no_other_sessions_place(segmented, tmp_path, capsys):
    (tmp_path / "a.vslp").write_bytes(b"an hour of clicks")
    where = ["--out", str(tmp_path / "out"), "--session", str(tmp_path / "a.vslp"), "--quiet"]
    assert main(["segment", str(segmented / "nest.png"), *WORDS, *FAST, *where]) == 2
    assert "holds what was saved before" in capsys.readouterr().err
    assert (tmp_path / "a.vslp").read_bytes() == b"an hour of clicks"


def test_a_session_has_its_own_ending(segmented, tmp_path, capsys):
    where = ["--out", str(tmp_path / "out"), "--session", str(segmented / "nest.png"), "--quiet"]
    assert main(["segment", str(segmented / "nest.png"), *WORDS, *FAST, *where]) == 2
    assert ".vslp" in capsys.readouterr().err
