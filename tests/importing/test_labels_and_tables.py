"""Label images and the tables of cohorts: what they say, and whose tissue is meant."""

from __future__ import annotations

import numpy as np
import openpyxl
import pytest
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.registries import IMPORTERS
from napari_vslp.core.tissues import Tissue, coloured
from napari_vslp.export.arrays.images import Mask, write_mask_tiff
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.importing.contract import importer_for
from napari_vslp.importing.labels import label_paint, label_shares
from napari_vslp.importing.tables import table_shares

SHAPE = (20, 30)
TABLE = tuple(coloured([Tissue("Tumour", 0.5, 0.07), Tissue("Stroma", 0.3), Tissue("Fat", 0.2)]))
INPUTS = Inputs(ImageReference("nest.tif", shape=SHAPE), TABLE)


def labels():
    found = np.zeros(SHAPE, np.uint8)
    found[:5], found[5:8] = 1, 2
    return found


def shares(inputs, edit):
    return {t.name: (t.value, t.tolerance) for t in edit(inputs).tissues}


def test_labels_are_painted_by_their_number_or_by_the_names_of_the_file(tmp_path):
    Image.fromarray(labels()).save(tmp_path / "a.png")
    paint = label_paint.read(tmp_path / "a.png", INPUTS).paint
    np.testing.assert_array_equal(paint.by_position(TABLE), labels())
    named = Mask(Plane.whole(labels()), {1: "fat", 2: "Tumour"}, {1: (1, 2, 3), 2: (4, 5, 6)})
    write_mask_tiff(named, tmp_path / "b.tif")
    paint = label_paint.read(tmp_path / "b.tif", INPUTS).paint.by_position(TABLE)
    assert [int((paint == i).sum()) for i in (1, 2, 3)] == [90, 0, 150]


def test_areas_of_labels_are_shares(tmp_path):
    Image.fromarray(labels()).save(tmp_path / "a.png")
    found = shares(INPUTS, label_shares.read(tmp_path / "a.png", INPUTS))
    assert found["Tumour"] == (150 / 240, 0.07)
    assert found["Fat"] == (0.0, 0.05)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((20, 30), np.uint8), "nothing but 0"),
        (np.zeros((5, 30), np.uint8), "export it at the image's size"),
        (np.full((20, 30), 9, np.uint8), "holds the label 9, and there are 3 tissues"),
        (np.full((20, 30), 900, np.uint16), "labels above 255"),
        (np.zeros((20, 30, 3), np.uint8), "no image of labels"),
    ],
)
def test_a_bad_label_image_gets_one_sentence(array, said, tmp_path):
    Image.fromarray(array).save(tmp_path / "a.png")
    with pytest.raises(VslpError, match=said):
        label_paint.read(tmp_path / "a.png", INPUTS)


def table(folder, *lines):
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "t.csv"


@pytest.mark.parametrize(
    "lines",
    [
        ("image;Tumour;Stroma;Fat", "other.tif;1;2;97", "nest.png;62,5 ± 2;30;7,5"),
        ("image,tumour,tumour ±,stroma,fat", "slides/NEST.tif,62.5%,2,30,7.5"),
    ],
)
def test_the_row_of_the_image_gives_the_shares(lines, tmp_path):
    found = shares(INPUTS, table_shares.read(table(tmp_path, *lines), INPUTS))
    assert found["Tumour"] == pytest.approx((0.625, 0.02))
    assert found["Stroma"] == pytest.approx((0.3, 0.05))


def test_an_empty_cell_is_an_unknown_share(tmp_path):
    edit = table_shares.read(table(tmp_path, "image,Tumour,Stroma,Fat", "nest,?,30,10"), INPUTS)
    assert shares(INPUTS, edit)["Tumour"][0] is None


def test_a_table_of_other_tissues_takes_the_tables_place(tmp_path):
    edit = table_shares.read(table(tmp_path, "image,gland,rest", "nest,60,40"), INPUTS)
    assert list(shares(INPUTS, edit)) == ["gland", "rest"]


def test_a_workbook_is_read_like_a_table(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["image", "Tumour", "Stroma", "Fat"])
    book.active.append(["nest.tif", 0.625, "30 ± 2 %", 0.075])
    for cell in (book.active["B2"], book.active["D2"]):
        cell.number_format = "0.0%"
    book.save(tmp_path / "t.xlsx")
    found = shares(INPUTS, table_shares.read(tmp_path / "t.xlsx", INPUTS))
    assert found["Tumour"] == pytest.approx((0.625, 0.05))
    assert found["Stroma"] == pytest.approx((0.3, 0.02))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("image,Tumor,Stroma,Fat", "nest,60,30,10"), "did you mean “Tumour”"),
        (("image,Tumour,Stroma,bone", "nest,60,30,10"), "the tissues are Tumour, Stroma, Fat"),
        (("image,Tumour,Stroma", "nset.tif,60,40"), "did you mean “nset.tif”"),
        (("image,Tumour,Stroma", "quite else,60,40"), "add a row for it"),
        (("image,Tumour,Stroma", "nest,60,40", "nest,50,50"), "in lines 2 and 3"),
        (("image,Tumour,Stroma", "nest,60,70"), "add up to"),
        (("image,Tumour,Stroma", "nest,much,70"), "is no share"),
        (("Tumour,Stroma", "60,40"), "no column of images"),
        (("",), "is empty"),
    ],
)
def test_a_bad_table_gets_one_sentence(lines, said, tmp_path):
    with pytest.raises(VslpError, match=r"\A[^\n]*\Z") as refused:
        table_shares.read(table(tmp_path, *lines), INPUTS)
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"text"])
def test_a_damaged_workbook_gets_one_sentence(content, tmp_path):
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(VslpError, match="no Excel workbook"):
        table_shares.read(tmp_path / "t.xlsx", INPUTS)


@pytest.mark.parametrize("name", IMPORTERS.names())
def test_each_importer_is_called_what_its_registry_says(name, tmp_path):
    importer = IMPORTERS.get(name)
    assert (importer.name, importer.title) == (name, IMPORTERS.title(name))
    with pytest.raises(VslpError):
        importer.read(tmp_path / f"missing{importer.suffixes[0]}", INPUTS)


def test_the_importer_is_named_or_told_by_the_ending():
    assert importer_for("a.GEOJSON")[0].name == "annotations"
    assert importer_for("label-shares:C:/a.png")[0].name == "label-shares"
    assert str(importer_for("label-shares:C:/a.png")[1]) == "C:/a.png"
    with pytest.raises(VslpError, match="ends with one of"):
        importer_for("a.docx")
