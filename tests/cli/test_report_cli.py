"""``napari-vslp report``: pages of results that were made on the command line."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.demo import tumour_nest

WORDS = ["--tissue", "tumour=60±20", "--tissue", "rest=40±20", "--click", "tumour:20,20"]
FAST = ["--no-augmentation", "--no-cache", "--tolerance", "0.01", "--quiet"]


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Return the folder of an image and of its result."""
    folder = tmp_path_factory.mktemp("segmented")
    Image.fromarray(tumour_nest().image[:96, :128]).save(folder / "nest.png")
    words = ["segment", str(folder / "nest.png"), *WORDS, *FAST, "--out", str(folder / "out")]
    assert main(words) == 0
    return folder


def test_results_become_pages_with_an_index(segmented, tmp_path, capsys):
    result, out = str(segmented / "out"), tmp_path / "reports"
    assert main(["report", result, result, "--out", str(out), "--places", "2"]) == 0
    names = ["index.html", "nest 2.html", "nest 2.pdf", "nest.html", "nest.pdf"]
    assert sorted(path.name for path in out.glob("[a-z]*")) == names
    assert all(name in capsys.readouterr().out for name in names[:1])


def test_what_cannot_be_reported_is_refused_and_nothing_is_written(segmented, tmp_path, capsys):
    told = json.loads((segmented / "out" / "summary.json").read_text(encoding="utf-8"))
    (tmp_path / "other.json").write_text(json.dumps(told | {"labels_sha256": "0"}), "utf-8")
    out = str(tmp_path / "out")
    for words, said in (
        ([str(tmp_path)], "summary.json"),
        ([str(segmented / "out"), "--places", "99"], "between 0 and 12"),
        ([str(tmp_path / "other.json")], "not the same bit for bit"),
    ):
        assert main(["report", *words, "--out", out]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out" / "index.html").exists()
    assert main(["report", str(segmented / "out"), "--out", str(segmented / "out")]) == 2
    assert "another" in capsys.readouterr().err
