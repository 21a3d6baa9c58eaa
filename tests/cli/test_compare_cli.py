"""``napari-vslp compare``: two folders of results."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_vslp.cli import main
from napari_vslp.export.results import write_result


@pytest.fixture
def folders(result, image, tmp_path):
    """Return two folders of results that differ in one corner."""
    other = result.labels.copy()
    other[:3, :4] = 3
    write_result(result, image, tmp_path / "a")
    write_result(replace(result, labels=other), image, tmp_path / "b")
    return [str(tmp_path / name) for name in "ab"]


def test_the_table_is_printed_and_written(folders, tmp_path, capsys):
    assert main(["compare", *folders, "--out", str(tmp_path / "c")]) == 0
    said = capsys.readouterr().out
    assert "1.0 % of the pixels differ." in said
    assert "tumour → stroma: 1.0 %" in said
    with (tmp_path / "c" / "comparison.csv").open(encoding="utf-8-sig") as file:
        rows = {row["tissue"]: row for row in csv.DictReader(file)}
    assert float(rows["tumour"]["dice"]) == pytest.approx(2 * 588 / (600 + 588), abs=1e-6)
    assert float(rows["stroma"]["area B (mm²)"]) == pytest.approx(252 * 0.125e-6)
    assert np.asarray(Image.open(tmp_path / "c" / "difference.png")).shape[1] >= 60


def test_a_folder_without_a_result_is_said(folders, tmp_path, capsys):
    assert main(["compare", folders[0], str(tmp_path)]) == 2
    assert "summary.json" in capsys.readouterr().err
    (tmp_path / "a" / "mask.tif").unlink()
    assert main(["compare", *folders]) == 2
    error = capsys.readouterr().err
    assert "mask.tif" in error
    assert error.count("\n") == 1
