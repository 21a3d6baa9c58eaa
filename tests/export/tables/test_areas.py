"""Tables of areas, read back by csv, pandas and openpyxl: right numbers, and never a formula."""

import csv
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from skimage.measure import label

from napari_vslp.core.errors import VslpError
from napari_vslp.export.provenance import for_xml, no_formula
from napari_vslp.export.results import write_result
from napari_vslp.export.tables.cohort import cohort_row, write_cohort
from tests.export.conftest import ABSENT, NAMES
from tests.made import with_pixel_size

TITLES = [
    "tissue",
    "area (mm²)",
    "area (px)",
    "share typed (%)",
    "typed ± (points)",
    "asked, lowest (%)",
    "asked, highest (%)",
    "reached (%)",
    "price (nats/px)",
    "regions",
    "perimeter (px)",
    "perimeter (µm)",
    "mean doubt (nats/px)",
    "mean margin (nats)",
]


def written(result, folder, name):
    rgb = np.zeros((*result.labels.shape, 3), np.uint8)
    (path,) = write_result(result, rgb, folder, [name])
    return path


def check(table, result):
    """Compare a table with what is counted in another way."""
    assert list(table.columns) == TITLES
    labels = result.labels
    for index, tissue in enumerate(result.tissues):
        row, inside = table.iloc[index], labels == index + 1
        wide, high = 0.25, 0.5
        padded = np.pad(inside, 1).astype(int)
        flat, upright = (np.abs(np.diff(padded, axis=axis)).sum() for axis in (0, 1))
        low, top = tissue.interval
        assert row["area (px)"] == inside.sum()
        assert row["area (mm²)"] == pytest.approx(inside.sum() * wide * high * 1e-6)
        assert row["asked, lowest (%)"] == pytest.approx(100 * low)
        assert row["asked, highest (%)"] == pytest.approx(100 * top)
        assert row["reached (%)"] == pytest.approx(100 * inside.sum() / (labels > 0).sum())
        assert row["price (nats/px)"] == pytest.approx(result.prices[index])
        assert row["regions"] == label(inside, connectivity=1).max()
        assert row["perimeter (px)"] == flat + upright
        assert row["perimeter (µm)"] == pytest.approx(flat * wide + upright * high)
        if inside.any():
            margin = result.margin[inside].mean()
            assert row["mean margin (nats)"] == pytest.approx(margin, rel=1e-5)
            doubt = (result.fidelity_map + result.regularisation_map)[inside].mean()
            assert row["mean doubt (nats/px)"] == pytest.approx(doubt, rel=1e-5)
    assert np.isnan(table["mean margin (nats)"][ABSENT - 1])
    unknown = np.isnan(table["share typed (%)"]).tolist()
    assert unknown == np.isnan(table["typed ± (points)"]).tolist() == [i == 1 for i in range(9)]


def test_the_csv_holds_the_numbers_with_decimal_points(awkward, tmp_path):
    path = written(awkward, tmp_path, "areas.csv")
    table = pd.read_csv(path)
    check(table, awkward)
    assert [no_formula(name) for name in NAMES] == table["tissue"].tolist()


def test_no_field_of_the_csv_begins_a_formula(awkward, tmp_path):
    with written(awkward, tmp_path, "areas.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["tissue"] for row in csv.DictReader(file)]
    assert names[3:5] == ["'=1+1", "'+CD3: pos"]
    assert not [name for name in names if name[0] in "=+-@"]


@pytest.mark.parametrize("name", ["=1", "+1", "-1", "@a", " =1", "＝1", "=cmd|' /C calc'!A0"])
def test_what_would_be_computed_gets_an_apostrophe(name):
    assert no_formula(name) == f"'{name}"


@pytest.mark.parametrize("name", ["stroma", "a=b", "Drüse", "1-2", "", "'=1"])
def test_other_names_stay_as_they_are(name):
    assert no_formula(name) == name


def test_what_xml_cannot_hold_is_replaced():
    assert for_xml("a\ufffeb\x00c\ud800 ü 肿 😀") == "a\ufffdb\ufffdc\ufffd ü 肿 😀"


def test_the_workbook_holds_the_numbers_and_the_very_names(awkward, tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="the extra “export” is not installed")
    path = written(awkward, tmp_path, "areas.xlsx")
    table = pd.read_excel(path, sheet_name="areas")
    check(table, awkward)
    assert table["tissue"].tolist() == list(NAMES)
    sheet = openpyxl.load_workbook(path)["areas"]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert {cell.number_format for cell in sheet["C"][1:]} == {"0"}
    assert {cell.number_format for cell in sheet["H"][1:]} == {"0.0"}
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    about = pd.read_excel(path, sheet_name="about", index_col=0)["value"]
    assert about["image"] == "slide.svs"
    assert about["image_sha256"] == "c0ffee"


def test_names_that_xml_cannot_hold_do_not_break_the_workbook(awkward, tmp_path):
    pytest.importorskip("openpyxl", reason="the extra “export” is not installed")
    odd = (replace(awkward.tissues[0], name="a\ufffeb"), *awkward.tissues[1:])
    path = written(replace(awkward, tissues=odd), tmp_path, "areas.xlsx")
    assert pd.read_excel(path)["tissue"][0] == "a\ufffdb"


def test_an_unknown_pixel_size_leaves_its_columns_empty(awkward, tmp_path):
    table = pd.read_csv(written(with_pixel_size(awkward, None), tmp_path, "areas.csv"))
    assert table[["area (mm²)", "perimeter (µm)"]].isna().all(axis=None)
    assert table["area (px)"].notna().all()


def test_without_openpyxl_one_sentence_says_so_and_nothing_is_written(
    awkward, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(VslpError, match=r"pip install “napari-vslp\[export\]”"):
        written(awkward, tmp_path, "areas.xlsx")
    assert not list(tmp_path.glob("*.xlsx"))


def check_regions(table, result):
    """Compare a table of regions with what is counted in another way."""
    numbered = label(result.labels, connectivity=1, background=0)
    assert len(table) == numbered.max()
    for _, row in table.iterrows():
        inside = numbered == row["region"]
        (value,) = np.unique(result.labels[inside])
        tissue = result.tissues[value - 1]
        assert row["tissue"] in (tissue.name, no_formula(tissue.name))
        assert row["area (px)"] == inside.sum()
        assert row["area (mm²)"] == pytest.approx(inside.sum() * 0.125e-6)
        assert row["price of its tissue (nats/px)"] == pytest.approx(result.prices[value - 1])
        rows, columns = np.nonzero(inside)
        assert row["centre, row (px)"] == pytest.approx(rows.mean() + 0.5 + 5)
        assert row["centre, column (px)"] == pytest.approx(columns.mean() + 0.5 + 10)
        assert row["mean margin (nats)"] == pytest.approx(result.margin[inside].mean(), rel=1e-5)
    assert table["share (%)"].sum() == pytest.approx(100)


def test_each_region_has_a_row(awkward, tmp_path):
    check_regions(pd.read_csv(written(awkward, tmp_path / "c", "regions.csv")), awkward)
    pytest.importorskip("openpyxl", reason="the extra “export” is not installed")
    book = written(awkward, tmp_path / "x", "areas.xlsx")
    check_regions(pd.read_excel(book, sheet_name="regions"), awkward)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_cohort_has_a_row_for_each_image(awkward, result, tmp_path, suffix):
    path = tmp_path / f"cohort{suffix}"
    write_cohort([cohort_row(awkward), cohort_row(result)], path)
    table = pd.read_csv(path) if suffix == ".csv" else pd.read_excel(path)
    assert table["image"].tolist()[0] == "slide.svs"
    own = table["Drüsengewebe: area (px)"]
    assert own[0] == (awkward.labels == 1).sum()
    assert np.isnan(own[1])
    assert table["stroma: reached (%)"][1] == pytest.approx(20)
    formula = "'=1+1: regions" if suffix == ".csv" else "=1+1: regions"
    assert formula in table.columns


def test_a_cohort_is_no_picture(tmp_path):
    with pytest.raises(VslpError, match="ends in"):
        write_cohort([], tmp_path / "cohort.png")
