"""Cohorts: every form of table that people write, and what is said of those that cannot be used."""

import subprocess
import sys

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.cohort import check_identifiable, read_cohort, shares

UNKNOWN = (0.0, 1.0)


@pytest.fixture
def write(tmp_path):
    """Write a table beside the empty images a.png, b.png and c.png."""
    for name in "abc":
        (tmp_path / f"{name}.png").touch()

    def written(text, encoding="utf-8"):
        path = tmp_path / "cohort.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return written


def intervals(cohort):
    """Return {tissue: (lower, upper)} of the first bag."""
    bag = cohort.bags[0]
    return dict(zip(cohort.tissues, zip(bag.lower, bag.upper, strict=True), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,stroma,tumour\na.png,0.4,0.6\n", {"stroma": (0.4, 0.4), "tumour": (0.6, 0.6)}),
        ("image,stroma,tumour\na.png,40,60\n", {"stroma": (0.4, 0.4), "tumour": (0.6, 0.6)}),
        ("\ufeffFile,x,y\na.png,40 %,60%\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        ("filename;x;y\na.png;0,4;0,6\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        ("path\tx\ty\r\na.png\t0,4\t.6\r\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        ("image;a, b, c;y\na.png;0.4;6e-1\n", {"a, b, c": (0.4, 0.4), "y": (0.6, 0.6)}),
        ("image,x,y,,\n\na.png,0.4,0.6,,\n,,,,\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        # Per cent in one row, or one sign, makes the whole table per cent.
        ("image,x,y\na.png,0.5,99.5\n", {"x": (0.005, 0.005), "y": (0.995, 0.995)}),
        ("image,gland\na.png,0.5 %\n", {"other": (0.995, 0.995), "gland": (0.005, 0.005)}),
        ("image,gland\na.png,0.5\nb.png,60\n", {"other": (0.995,) * 2, "gland": (0.005,) * 2}),
        ("image,% gland\na.png,0.5\n", {"other": (0.995,) * 2, "% gland": (0.005,) * 2}),
        (
            "image,gland (percent)\na.png,1\n",
            {"other": (0.99,) * 2, "gland (percent)": (0.01,) * 2},
        ),
        ("image,gland_pct\na.png,1\n", {"other": (0.99,) * 2, "gland_pct": (0.01,) * 2}),
        # What spreadsheets and programs put above and between.
        ("sep=;\nimage;x;y\na.png;0,4;0,6\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        ('"SEP=|"\r\nimage|x|y\r\na.png|40|60\r\n', {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        (
            "# by hand, 2024\nimage,x,y\n#b.png,1,2\na.png,40,60\n",
            {"x": (0.4,) * 2, "y": (0.6,) * 2},
        ),
        ("# image,x,y\na.png,40,60\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        # One tissue alone.
        ("image,gland\na.png,0.3\n", {"other": (0.7, 0.7), "gland": (0.3, 0.3)}),
        ("image,gland\na.png,60±5\n", {"other": (0.35, 0.45), "gland": (0.55, 0.65)}),
        ("image,gland\na.png,60 % +- 5 %\n", {"other": (0.35, 0.45), "gland": (0.55, 0.65)}),
        ("image,gland\na.png,0.98±0.05\n", {"other": (0.0, 0.07), "gland": (0.93, 1.0)}),
        ("image,gland\na.png,?\n", {"other": UNKNOWN, "gland": UNKNOWN}),
        # Intervals.
        ("image,gland lo,Gland hi\na.png,20,30\n", {"other": (0.7, 0.8), "gland": (0.2, 0.3)}),
        ("image,gland_low,gland_high\na.png,.2,\n", {"other": (0.0, 0.8), "gland": (0.2, 1.0)}),
        ("image,gland max,gland min\na.png,30,NA\n", {"other": (0.7, 1.0), "gland": (0.0, 0.3)}),
        ("image,gland,gland ±\na.png,20,5\n", {"other": (0.75, 0.85), "gland": (0.15, 0.25)}),
        ("image,gland+-,gland\na.png,5,20\n", {"other": (0.75, 0.85), "gland": (0.15, 0.25)}),
        (
            "image,gland,gland_tolerance\na.png,20±10,5\n",
            {"other": (0.7, 0.9), "gland": (0.1, 0.3)},
        ),
        # Unknown shares shrink to what is possible; rounding is mended.
        ("image,x,y\na.png,0.4,\n", {"x": (0.4, 0.4), "y": (0.6, 0.6)}),
        ("image,x,y,z\na.png,0.4,?,n/a\n", {"x": (0.4, 0.4), "y": (0.0, 0.6), "z": (0.0, 0.6)}),
        ("image,x,y,z\na.png,33,33,33\n", dict.fromkeys("xyz", (1 / 3, 1 / 3))),
        ("image,x,y,z\na.png,60,40.5,?\n", {"x": (0.597,) * 2, "y": (0.403,) * 2, "z": (0, 0)}),
        ("image,x,y\na.png,1.0000000002,0\n", {"x": (1.0, 1.0), "y": (0.0, 0.0)}),
    ],
)
def test_shares_are_read_as_they_are_written(write, text, expected):
    found = intervals(read_cohort(write(text)))
    assert list(found) == list(expected)
    for tissue, interval in expected.items():
        assert found[tissue] == pytest.approx(interval, abs=1e-4), tissue


def test_a_row_tells_its_region_pixel_size_mask_and_line(write):
    text = (
        "image,mask,case,split,width,height,µm/px,region,gland\n\n"
        'a.png,m.png,7,train,9,9,0.5,"0,0,10,20",0.3\na.png,,7,train,9,9,0.501,(0 20 10 40),0.4\n'
    )
    cohort = read_cohort(write(text))
    first, second = cohort.bags
    assert (first.row, second.row) == (3, 4)
    assert (first.region, second.region) == ((0, 0, 10, 20), (0, 20, 10, 40))
    assert (first.mask, second.mask) == ("m.png", None)
    assert first.microns_per_pixel == 0.5
    assert cohort.microns_per_pixel == pytest.approx(0.5, rel=0.01)
    assert first.image.is_absolute()
    assert first.image.is_file()


def test_columns_are_chosen_in_the_order_asked_for(write):
    path = write("image,stain,x,age,Y\na.png,HE,20,61,80\n")
    cohort = read_cohort(path, tissues=["y", "x"])
    assert cohort.tissues == ("Y", "x")
    assert cohort.bags[0].lower == pytest.approx((0.8, 0.2))
    assert cohort.microns_per_pixel is None
    assert read_cohort(path, tissues=["x"]).tissues == ("other", "x")


def test_a_whole_column_name_is_no_end_of_an_interval(write):
    path = write("image,grade low,grade high\na.png,70,30\n")
    names = ["grade low", "grade high"]
    assert intervals(read_cohort(path, tissues=names))["grade high"] == pytest.approx((0.3, 0.3))


def test_a_tolerance_widens_values_but_no_intervals(write):
    path = write("image,x,y,z lo,z hi\na.png,0.3,0.5±0.1,0.1,0.3\n")
    cohort = read_cohort(path, tolerance=0.05)
    assert intervals(cohort)["x"] == pytest.approx((0.25, 0.35))
    assert intervals(cohort)["z"] == pytest.approx((0.1, 0.3))
    assert intervals(read_cohort(path))["x"] == pytest.approx((0.3, 0.3))


def test_a_split_keeps_its_rows_and_needs_no_other_images(write):
    path = write("image,split,gland\na.png,train,0.3\ngone.png,test,60\nb.png,train,0.4\n")
    cohort = read_cohort(path, split="train")
    assert [bag.row for bag in cohort.bags] == [2, 4]
    assert cohort.bags[0].lower[1] == pytest.approx(0.003)  # a row that is left out has a say


def test_images_are_found_beside_the_table_in_images_or_where_told(write, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "d.png").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "e.png").touch()
    text = f"image,gland\nd.png,0.3\na.png,0.4\n{tmp_path / 'b.png'},0.5\n"
    found = [bag.image.relative_to(tmp_path).as_posix() for bag in read_cohort(write(text)).bags]
    assert found == ["images/d.png", "a.png", "b.png"]
    told = read_cohort(write("image,gland\ne.png,0.3\n"), images=tmp_path / "more")
    assert told.bags[0].image == tmp_path / "more" / "e.png"
    with pytest.raises(VslpError, match=r"more”, such as “a\.png”"):
        read_cohort(write("image,gland\na.png,0.3\n"), images=tmp_path / "more")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "is empty"),
        ("\n,,\n", {}, "is empty"),
        (b"\x89PNG\xff\xfe", {}, "is no text in UTF-8"),
        ("image,Dr\xfcse\n".encode("latin-1"), {}, "is no text in UTF-8"),
        ("image,gland\na.png,0.5\n".encode("utf-16-le"), {}, "is no text in UTF-8"),
        ("picture,gland\na.png,0.5\n", {}, "no column of images"),
        ("image,path,gland\na.png,a.png,0.5\n", {}, "“image” and “path” .* mean the same"),
        ("image,split\na.png,train\n", {}, "no tissue column"),
        ("image,gland\n", {}, "only a header"),
        ("image,gland\na.png,0.5\n", {"tissues": ["tumour"]}, "no tissue column “tumour”.* gland"),
        ("image,mask,x\na.png,m,1\n", {"tissues": ["mask"]}, "no tissue column “mask”.* x"),
        ("image,gland\na.png,0.5\n", {"tissues": ["gland", "Gland"]}, "named twice"),
        ("image,gland\na.png,0.5\n", {"tissues": []}, "no tissue column"),
        ("image,other\na.png,0.5\n", {}, "called “other”"),
        ("image,gland,Gland\na.png,0.5,0.5\n", {}, "“gland” and “Gland”.* mean the same"),
        ("image,x hi,x max,y\na.png,0.5,0.5,1\n", {}, "“x hi” and “x max”.* mean the same"),
        ("image,gland lo\na.png,0.5\n", {}, "“gland lo” for gland, which do not go together"),
        ("image,gland,gland lo,gland hi\na.png,1,0,1\n", {}, "do not go together"),
        ("image,gland ±\na.png,1\n", {}, "do not go together"),
        ("image,,gland\na.png,7,0.5\n", {}, "Line 2 .* column 2, which has no name"),
        ("image,x,dx\na.png,0.1,AC\n", {}, "Line 2 .*“AC” in the column “dx”.*--tissues"),
        ("image,x\na.png,1\nb.png,O.5\n", {"tissues": ["x"]}, "Line 3 .*“O.5”.*or nothing.$"),
        ("image,x lo,x hi\na.png,5±1,9\n", {}, "Line 2 .*“5±1” in the column “x lo”"),
        ("image,x,y\na.png,0.5\n", {}, "Line 2 .* has 2 cells where the header has 3"),
        ("image,x,y\na.png,0,5,0,5\n", {}, "Line 2 .* semicolons"),
        ("image,x\na.png,1\ngone.png,1\n,1\n", {}, "Line 4 .* names no image"),
        (
            "image,x\na.png,1\nd.png,1\ne.png,1\nf.png,1\n",
            {},
            r"3 of the 4 images .*“d.png” \(line 3\) and “e.png” \(line 4\):",
        ),
        (f"image,x\n{'a' * 300}.png,1\n", {}, "1 of the 1 images"),
        ("image,x\na.png,50\nb.png,-1\n", {}, "Line 3 .* gives x -1 %"),
        ("image,x,y\na.png,50,50\nb.png,120,0\n", {}, "Line 3 .* gives x 120 %"),
        ("image,x\na.png,5±101\n", {}, "Line 2 .* gives the ± of x 101 %"),
        ("image,x lo,x hi\na.png,1,0\n", {}, "Line 2 .* x at least 100 % but at most 0 %"),
        ("image,x,y\na.png,40,60\nb.png,40,50\n", {}, "Line 3 .* add up to 90 % instead"),
        ("image,x,y,z\na.png,60,60,?\n", {}, "Line 2 .* add up to at least 120 %"),
        ("image,x,y\na.png,40±5,40±5\n", {}, "Line 2 .* add up to at most 90 %"),
        ("image,x\na.png,0.5\nb.png,0.4\na.png,0.5\n", {}, "Lines 2 and 4 .*“a.png”"),
        ("image,region,x\na.png,1 2 3,1\n", {}, "Line 2 .* region “1 2 3”: write four whole"),
        ("image,region,x\na.png,1 2 3 4.5,1\n", {}, "Line 2 .* region"),
        ("image,region,x\na.png,0 0 -5 9,1\n", {}, "Line 2 .* region"),
        ("image,region,x\na.png,9 0 9 9,1\n", {}, "Line 2 .* region"),
        ("image,mpp,x\na.png,fine,1\n", {}, "Line 2 .*“fine” µm per pixel"),
        ("image,mpp,x\na.png,0,1\n", {}, "Line 2 .*“0” µm per pixel"),
        ("image,mpp,x\na.png,0.5,1\nb.png,,1\n", {}, "in line 2 but not in line 3"),
        (
            "image,mpp,x\na.png,0.5,1\nb.png,0.25,1\nc.png,0.5,1\n",
            {},
            "0.25 µm per pixel in line 3 but up to 0.5 in lines 2, 4: resample",
        ),
        ("image,x\na.png,1\n", {"split": "train"}, "no column “split”"),
        ("image,split,x\na.png,val,1\nb.png,,1\n", {"split": "train"}, "one of nothing, val"),
        ("image,x\na.png,1\n", {"tolerance": 5.0}, "tolerance 5 is no fraction"),
        (f"image,x\na.png,{'1' * 200_000}\n", {}, "is no table"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(write, text, options, said):
    with pytest.raises(VslpError, match=said) as caught:
        read_cohort(write(text), **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message


def test_a_missing_table_or_a_folder_is_refused(tmp_path):
    with pytest.raises(VslpError, match="There is no file"):
        read_cohort(tmp_path / "none.csv")
    with pytest.raises(VslpError, match="is a folder"):
        read_cohort(tmp_path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.png,0.5\n", "One image"),
        ("a.png,0.5\nb.png,?\n", "One image"),
        ("a.png,?\nb.png,\n", "No image .* has a known share"),
        ("a.png,0.5\nb.png,0.52\nc.png,?\n", "All 2 images .*gland 51 %.* not identifiable"),
    ],
)
def test_shares_that_teach_nothing_are_refused(write, rows, said):
    cohort = read_cohort(write("image,gland\n" + rows))
    with pytest.raises(VslpError, match=said):
        check_identifiable(cohort)


def test_shares_that_differ_are_identifiable(write):
    cohort = read_cohort(write("image,gland\na.png,0.30\nb.png,0.35\n"))
    check_identifiable(cohort)
    lower, upper = shares(cohort)
    assert lower == pytest.approx(np.array([[0.7, 0.3], [0.65, 0.35]]))
    assert upper == pytest.approx(lower)
    assert lower.dtype == np.float64


def test_reading_a_cohort_loads_nothing_slow():
    code = "import sys, napari_vslp.learning.cohort; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "False"


def test_real_tables_are_read(shared_data):
    colon = read_cohort(shared_data / "ebhi_seg" / "index.csv", tissues=["gland"], split="train")
    assert len(colon.bags) == 1550
    assert colon.tissues == ("other", "gland")
    assert colon.bags[0].upper == pytest.approx((0.4351, 0.5649))
    check_identifiable(colon)
    names = ["tumor", "stroma", "normal", "background"]
    lung = read_cohort(shared_data / "wsss4luad" / "proportions.csv", tissues=names)
    assert lung.tissues == tuple(names)
    lower, upper = shares(lung)
    assert lower.shape == (67, 4)
    assert upper == pytest.approx(lower, abs=1e-9)
    assert lower.sum(axis=1) == pytest.approx(1)
    check_identifiable(lung)
