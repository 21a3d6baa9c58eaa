"""The page of a result: every word on it, one page of A4 whatever there is to say, the index."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest

from napari_vslp.core.inputs import ImageReference
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.core.tissues import Tissue, coloured
from napari_vslp.export.options import ReportOptions
from napari_vslp.report import pictures
from napari_vslp.report.cohort import file_names, write_reports
from napari_vslp.report.content import RESEARCH_ONLY, report_of
from napari_vslp.report.drawn import drawn_report
from napari_vslp.report.page import html_of
from napari_vslp.report.pdf import pdf_of
from napari_vslp.review.overview import doubt
from napari_vslp.review.regions import doubtful_regions
from tests.made import with_pixel_size, with_terms

NASTY = '<script>alert("1")</script> {{ 7 * 7 }}'
A4 = (595, 842)  # points


def text_of(pdf: bytes) -> str:
    """Return what is written on the only page of a PDF."""
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == 1
        page = document[0]
        assert np.allclose(page.get_size(), A4, atol=1)
        found = page.get_textpage().get_text_range()
        page.close()
    return " ".join(found.split())


def words_of(page: str) -> str:
    """Return what an HTML page shows."""
    return " ".join(
        html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)).split()
    )


@pytest.fixture
def patchy(result):
    """Return a result with a doubtful place, whose image has a name to be reckoned with."""
    confidence = np.full((3, 30, 40), 0.02, np.float32)
    np.put_along_axis(confidence, result.labels[None].astype(int) - 1, 0.96, 0)
    confidence[:, 4:14, 4:14] = np.array([0.4, 0.35, 0.25], np.float32)[:, None, None]
    named = replace(result.inputs.image, name="Müller β – 肿瘤.png", sha256="c0ffee" * 4)
    return replace(
        result,
        confidence=confidence,
        prices=np.array([0.1, -0.2, 0.0]),
        margin=np.full((30, 40), 0.1, np.float32),
        inputs=replace(result.inputs, image=named),
    )


def test_both_pages_hold_what_was_asked_reached_and_made(patchy, image):
    drawn = drawn_report(patchy, image, ReportOptions())
    for text in (words_of(html_of(drawn)), text_of(pdf_of(drawn))):
        for said in (
            RESEARCH_ONLY,
            "Müller β – 肿瘤.png",
            "tumour",
            "Lymphozyten (µ)",
            "50 ± 5 %",
            "30 %",
            "not known",
            "50.0 %",
            "75 µm²",  # 600 px of 0.5 × 0.25 µm
            "+0.10",
            "shows a little less of it than typed",
            "was not given a number",
            "Doubt: numbers",
            "Doubt: boundary",
            "The image is grey; colour would help it.",
            "Within the ± I gave",
            "napari-vslp 0.1.0",
            "c0ffeec0ffee",
            "was not recorded",
        ):
            assert said in text.replace("napari-vslp: ", "napari-vslp "), said


def test_a_place_counts_as_looked_at_if_somebody_looked_into_it(patchy):
    (region,) = doubtful_regions(patchy, doubt(patchy))
    for looked_at, ticked, said in (
        (None, None, "1 doubtful place; whether anybody looked at them was not recorded."),
        ((), False, "1 doubtful place, 0 looked at."),
        ((region.point,), True, "1 doubtful place, 1 looked at."),
    ):
        report = report_of(patchy, ReportOptions(looked_at=looked_at))
        assert (report.places[0].looked, report.looked) == (ticked, said)
        assert report.places[0].at == region.point
    assert report_of(patchy, ReportOptions(places=0)).places == ()


def test_names_are_shown_and_never_run(patchy, image):
    tissues = tuple(coloured([Tissue(NASTY, 0.5), Tissue("b", 0.3), Tissue("c\u200f😀", 0.2)]))
    inputs = replace(patchy.inputs, tissues=tissues, image=ImageReference(name=NASTY))
    drawn = drawn_report(replace(patchy, tissues=tissues, inputs=inputs), image, ReportOptions())
    page = html_of(drawn)
    assert "<script" not in page
    assert "http" not in page
    assert NASTY in html.unescape(page)
    assert "alert" in text_of(pdf_of(drawn))
    assert "[1F600]" in text_of(pdf_of(drawn))


@pytest.mark.parametrize("tissues", [1, 8, 40])
@pytest.mark.parametrize("shape", [(30, 40), (8, 160), (160, 8)])
def test_it_is_one_page_however_much_there_is_to_say(result, tissues, shape):
    names = [f"{'a very long name of a tissue ' * 3}{i}" for i in range(tissues)]
    table = tuple(coloured([Tissue(name, 1 / tissues) for name in names]))
    rng = np.random.default_rng(3)
    labels = rng.integers(1, tissues + 1, shape).astype(np.uint8)
    maps = rng.random((4, *shape)).astype(np.float32)
    full = replace(
        result,
        tissues=table,
        inputs=replace(result.inputs, tissues=table),
        labels=labels,
        shares=np.full(tissues, 1 / tissues),
        prices=np.zeros(tissues),
        confidence=np.full((tissues, *shape), 1 / tissues, np.float32),
        margin=maps[0],
        region=(0, 0, *shape),
        image_shape=shape,
        notes=tuple(f"Note {i}: {'much to read ' * 60}" for i in range(9)),
    )
    full = with_terms(full, fidelity=maps[1], regularisation=maps[2], learned=maps[3])
    text = text_of(pdf_of(drawn_report(full, np.zeros((*shape, 3), np.uint8), ReportOptions(12))))
    assert "Price: above 0" in text
    assert ("and 24 more" in text) == (tissues == 40)


def test_the_same_result_gives_the_same_files(patchy, image, tmp_path):
    for name in ("report.html", "report.pdf"):
        exporter = EXPORTERS.get(name)
        one, two = (exporter.write(patchy, image, tmp_path / f"{i}", ReportOptions()) for i in "ab")
        assert one[0].read_bytes() == two[0].read_bytes()


def test_the_scale_bar_is_as_long_as_it_says(result):
    grey = np.full((30, 40, 3), 128, np.uint8)
    size = with_pixel_size(result, (0.5, 0.5))
    picture = pictures.photograph(size, grey)
    dark = (picture < 60).all(axis=2)[-18:]
    bar = dark.sum(axis=1).max()
    # 40 px of 0.5 µm are 20 µm on 900 px: a fifth is 4 µm, the round length below it 2 µm.
    assert bar == pytest.approx(90, abs=2)
    assert (pictures.photograph(with_pixel_size(result, None), grey) > 60).all()


def test_a_map_is_bright_where_the_energy_is(result):
    values = np.zeros((30, 40), np.float32)
    values[10:20, 10:20] = 2.0
    drawn = pictures.energy_map(
        with_terms(result, fidelity=values), np.full((30, 40, 3), 200, np.uint8), "fidelity"
    )
    assert drawn[337, 337].tolist()[0] > 200  # in the middle of the square
    assert np.ptp(drawn[60, 800]) == 0  # grey elsewhere


def test_a_cohort_has_an_index_that_leads_to_every_page(patchy, image, tmp_path):
    names = file_names(["a/one.tif", "b/one.png", "index.png", "名/..", "x:y?.svs"])
    assert len({name.casefold() for name in names}) == 5
    assert "index" not in names
    written = write_reports([(patchy, image)] * 5, names, tmp_path / "out")
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    from urllib.parse import unquote

    led_to = {unquote(link) for link in re.findall(r'href="([^"]+)"', index)}
    assert led_to == {path.name for path in written} - {"index.html"}
    assert all(path.is_file() for path in written)
    assert "50.0 %" in words_of(index)
    assert RESEARCH_ONLY in index
