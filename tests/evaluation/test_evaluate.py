"""``napari-vslp evaluate`` as it is typed, on crops of the bundled sample with made-up masks."""

import csv
import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli
from napari_vslp.evaluation.rows import MAIN, ROWS, UPPER_BOUND_ROWS

from . import SIDE, typed

FILES = {"per_image.csv", "summary.csv", "summary.json", "report.html"}


@pytest.fixture(scope="module")
def written(cohort, tmp_path_factory):
    """Return the folder of one evaluation, with the network as its own upper bound."""
    out = tmp_path_factory.mktemp("out")
    assert cli.main(typed(cohort, "--ceiling", "bundled", "--out", str(out))) == 0
    return out


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_all_files_are_written_and_nothing_else(written):
    assert {path.name for path in written.glob("[!.]*")} == FILES


def test_every_row_image_and_tissue_is_in_the_table(written):
    rows = rows_of(written / "per_image.csv")
    assert len({row["setting"] for row in rows}) == 3 + len(ROWS) + len(UPPER_BOUND_ROWS)
    assert len(rows) == (3 + len(ROWS) + len(UPPER_BOUND_ROWS)) * 3 * 2
    for row in rows:
        assert all(0 <= float(row[figure]) <= 1 for figure in ("dice", "iou", "boundary_f1"))
        assert (row["calibration_error"] == "") == row["setting"].startswith("baseline_")


def test_the_summary_is_the_mean_of_the_table_inside_its_interval(written):
    rows = rows_of(written / "per_image.csv")
    for line in rows_of(written / "summary.csv"):
        own = [row for row in rows if row["setting"] == line["setting"]]
        dice = [float(row["dice"]) for row in own if row["tissue"] == "gland"]
        assert float(line["dice"]) == pytest.approx(np.mean(dice), abs=1e-5)
        assert float(line["miou"]) == pytest.approx(
            np.mean([float(row["iou"]) for row in own]), abs=1e-5
        )
        assert float(line["miou_low"]) <= float(line["miou"]) <= float(line["miou_high"])


def test_json_says_the_same_and_has_no_nan(written):
    def refuse(name):
        raise AssertionError(name)

    text = (written / "summary.json").read_text(encoding="utf-8")
    told = json.loads(text, parse_constant=refuse)
    assert (told["images"], told["cases"], told["foreground"]) == (3, 2, "gland")
    assert set(told["calibration"]) == {
        "network, one view",
        "network, all views",
        "supervised upper bound, all views",
    }
    for line, row in zip(rows_of(written / "summary.csv"), told["rows"], strict=True):
        assert line["setting"] == row["key"]
        assert float(line["boundary_f1"]) == pytest.approx(row["boundary_f1"]["mean"], abs=1e-5)
    for reading in told["calibration"].values():
        assert sum(one["share_of_pixels"] for one in reading["bins"]) == pytest.approx(1)


def test_a_network_that_is_its_own_upper_bound_reaches_it(written):
    found = {
        row["key"]: row["miou"]
        for row in json.loads((written / "summary.json").read_text())["rows"]
    }
    assert found["upper_bound_all_views"] == found["network_all_views"]
    assert found["upper_bound_stage2_own_5"] == found[MAIN]


def test_shares_met_exactly_have_no_area_error(written):
    for row in rows_of(written / "summary.csv"):
        if row["setting"] in ("cut_own", "stage2_own_exact", "baseline_own_share"):
            assert float(row["area_error_points"]) == pytest.approx(0, abs=0.02)


class Page(HTMLParser):
    """Collect what a browser would fetch, and check that every tag is closed."""

    VOID = frozenset({"meta", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_for_nothing(written):
    text = (written / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert page.tags.count("img") == 9
    assert all(one.startswith("data:image/jpeg;base64,") for one in page.addresses)
    assert page.tags.count("tr") == 1 + 3 + len(ROWS) + len(UPPER_BOUND_ROWS)
    assert "prefers-color-scheme: dark" in text
    assert "only 2 cases" in text
    assert not any(word in text for word in (">nan", "None", "http:", "https:"))


def test_the_table_is_printed(cohort, capsys):
    assert cli.main(typed(cohort, "--limit", "1")) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0].split("  ")[0] == "setting"
    assert "Dice of gland" in lines[0]
    assert len(lines) == 1 + 3 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert "one case" in told.err


def test_three_tissues_with_named_values_on_the_terminal_as_json(cohort, tmp_path, capsys):
    mask = np.full((SIDE, SIDE), 9, np.uint8)
    mask[:40], mask[40:60], mask[60:80] = 5, 2, 3
    Image.fromarray(mask).save(tmp_path / "0.png")
    (tmp_path / "t.csv").write_text("file;tumour;stroma;background\n0.png;40;40;20\n")
    arguments = ["evaluate", "bundled", str(tmp_path / "t.csv"), "--masks", str(tmp_path)]
    arguments += ["--images", str(cohort), "--labels", "tumour=5,stroma=2+3,background=7", "--json"]
    assert cli.main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tissues"] == ["tumour", "stroma", "background"]
    assert told["foreground"] == "tumour"
    said = " ".join(told["caveats"])
    assert "16.7% of the pixels" in said
    assert "background is in 0 of 1 masks" in said
    assert "points on average" in said


def test_the_same_seed_gives_the_same_figures(cohort, capsys):
    found = []
    for _ in range(2):
        assert cli.main(typed(cohort, "--limit", "2", "--json", "--quiet", "--seed", "5")) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]


def test_the_bundled_network_beats_the_baselines_on_real_tissue(shared_data, capsys):
    folder = shared_data / "ebhi_seg"
    arguments = ["evaluate", "bundled", str(folder / "index.csv"), "--masks", str(folder / "masks")]
    arguments += ["--tissues", "gland", "--split", "val", "--limit", "4", "--json", "--quiet"]
    assert cli.main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    found = {row["key"]: row for row in told["rows"]}
    assert told["images"] == 4
    baselines = [found[key]["miou"]["mean"] for key in found if key.startswith("baseline_")]
    assert found[MAIN]["miou"]["mean"] > max(baselines)
    assert not math.isnan(found[MAIN]["dice"]["low"])
