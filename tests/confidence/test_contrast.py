"""Clicks by contrast: the order of clicks, absent tissues, heads, notes, and the whole way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp import segment
from napari_vslp.cli import main
from napari_vslp.confidence.compose import active_sources, confidence_of
from napari_vslp.confidence.contract import Context, depends_on
from napari_vslp.confidence.contrast import Contrast, similarity
from napari_vslp.confidence.contrast_maps import ContrastOptions
from napari_vslp.core.errors import VslpError
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.demo import tumour_nest
from tests.confidence.test_confidence import blank, clicks_on, make_features

CONTRAST = Settings(colours=False, clicks_say="contrast")
NEARNESS = Settings(colours=False)
AB = (Tissue("A"), Tissue("B"))
FAST = {"augmentation": False, "tolerance": 1e-2, "cache": False}


def context(features, tissues, clicks, settings=CONTRAST, kept=None):
    memory = {} if kept is None else kept
    return Context(blank(features), features, tuple(tissues), tuple(clicks), settings, memory)


def confidence(features, tissues, clicks, settings=CONTRAST, kept=None):
    return confidence_of(context(features, tissues, clicks, settings, kept))


def shares(found):
    return np.bincount(found.mean.argmax(0).ravel(), minlength=len(found.mean)) / found.spread.size


@pytest.mark.parametrize("shape", [(61, 82), (82, 61), (16, 120)])
def test_two_textures_and_a_click_each_part_the_image(shape):
    features = make_features(shape, head=False)
    left, right = shape[1] // 4, 3 * shape[1] // 4
    found = confidence(features, AB, clicks_on(features, ("A", left), ("B", right)))
    labels = found.mean.argmax(0)
    truth = np.broadcast_to(np.arange(shape[1]) * 2 >= shape[1], shape)
    assert (labels != truth).mean() < 0.08
    assert found.notes == ()


def test_the_order_of_clicks_changes_nothing():
    features = make_features(head=False)
    rng = np.random.default_rng(1)
    places = rng.integers(0, (61, 82), (9, 2))
    clicks = [Click("ABC"[i % 3], int(r), int(c)) for i, (r, c) in enumerate(places)]
    tissues = [Tissue(name) for name in "ABC"]
    first = confidence(features, tissues, clicks)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(clicks))
        again = confidence(features, tissues, [clicks[i] for i in order])
        np.testing.assert_array_equal(again.mean, first.mean)
        for name, one in first.maps.items():
            np.testing.assert_array_equal(again.maps[name].map, one.map)


def test_what_was_clicked_before_changes_nothing():
    features = make_features(head=False)
    clicks = clicks_on(features, ("A", 10), ("B", 60), ("A", 25), ("B", 75), ("B", 50))
    kept = {}
    for count in (2, 4, 3, 5):
        live = confidence(features, AB, clicks[:count], kept=kept)
    np.testing.assert_array_equal(live.mean, confidence(features, AB, clicks).mean)


def test_a_click_twice_in_one_cell_counts_once():
    features = make_features(head=False)
    clicks = clicks_on(features, ("A", 20), ("B", 60))
    again = [*clicks, *clicks, Click("A", clicks[0].row, 21)]
    np.testing.assert_array_equal(
        confidence(features, AB, clicks).mean, confidence(features, AB, again).mean
    )


def test_a_tissue_that_is_nowhere_to_be_seen_is_not_found_everywhere():
    features = make_features(head=False)
    # Both clicks in the left texture: min–max alone would stretch both maps to 1.
    found = confidence(features, AB, [Click("A", 30, 10), Click("B", 30, 12)])
    for name, one in found.maps.items():
        if name.startswith("contrast-result"):
            assert one.map.max() < 0.5
    np.testing.assert_allclose(found.mean, 0.5, atol=0.1)


def test_contradicting_clicks_in_one_cell_say_nothing():
    features = make_features(head=False)
    found = confidence(features, AB, [Click("A", 29, 9), Click("B", 30, 10)])
    np.testing.assert_allclose(found.mean, 0.5, atol=1e-4)


def test_one_wrong_click_does_not_silence_the_right_ones():
    features = make_features(head=False)
    clicks = clicks_on(features, ("A", 10), ("A", 20), ("B", 60), ("B", 70))
    labels = confidence(features, AB, [*clicks, Click("B", 40, 12)]).mean.argmax(0)
    truth = np.broadcast_to(np.arange(82) * 2 >= 82, (61, 82))
    assert (labels != truth).mean() < 0.3


def test_clicks_of_one_kind_only_say_what_is_missing_and_speak_as_nearness():
    features = make_features(head=False)
    clicks = clicks_on(features, ("A", 20), ("A", 30))
    found = confidence(features, AB, clicks)
    np.testing.assert_array_equal(found.mean, confidence(features, AB, clicks, NEARNESS).mean)
    assert any("All clicks are in A: click in another tissue too" in note for note in found.notes)


def test_a_tissue_without_clicks_takes_what_no_click_claims():
    features = make_features(head=False)
    # A and B differ in nothing that is seen on the right.
    vectors = features.vectors.float()
    vectors[:, 2, :8] += 2.0
    features = replace(features, vectors=torch.nn.functional.normalize(vectors, dim=1).half())
    clicks = [Click("A", 8, 10), Click("B", 50, 10)]
    found = confidence(features, [*AB, Tissue("C")], clicks)
    assert found.mean.argmax(0)[45:, 60:].mean() > 1.5


def test_on_a_head_clicks_that_it_agrees_with_change_nothing():
    features = make_features()
    head = torch.zeros_like(features.head)
    head[:, 0], head[:, 1] = 0.001, 0.999
    head[:, :, :, 10:] = head[:, :, :, 10:].flip(1)
    features = replace(features, head=head)
    tissues = (Tissue("gland", 0.5), Tissue("other", 0.5))
    clicks = clicks_on(features, ("gland", 20), ("other", 60))
    with_clicks = confidence(features, tissues, clicks)
    np.testing.assert_allclose(with_clicks.mean, confidence(features, tissues, []).mean, atol=1e-3)


def test_on_a_head_a_click_corrects_what_is_wrong_about_it():
    features = make_features()  # an unsure head: gland everywhere
    tissues = (Tissue("gland", 0.5), Tissue("other", 0.5))
    before = confidence(features, tissues, [])
    after = confidence(features, tissues, clicks_on(features, ("gland", 20), ("other", 60)))
    assert after.mean[1, 30, 60] > before.mean[1, 30, 60] + 0.4
    assert after.mean[1, 30, 20] < 0.5


def test_maps_of_contrast_and_result_are_shown_for_each_clicked_tissue():
    features = make_features(head=False)
    tissues = (Tissue("Drüse / links"), Tissue("B"), Tissue("C"))
    clicks = clicks_on(features, ("Drüse / links", 20), ("B", 60))
    maps = confidence(features, tissues, clicks).maps
    assert list(maps) == [
        "contrast-1-Drüse-links", "contrast-result-1-Drüse-links",
        "contrast-2-B", "contrast-result-2-B",
    ]  # fmt: skip
    assert maps["contrast-2-B"].title == "contrast: B"
    for one in maps.values():
        assert one.map.shape == features.shape
        assert one.map.dtype == np.float32
        assert one.map.min() >= 0
        assert one.map.max() <= 1


def test_similarity_is_the_mean_cosine_over_the_views():
    features = make_features((12, 16))
    found = similarity(features.vectors, [3, 3])
    v = features.vectors.double().flatten(2).numpy()
    expected = np.einsum("vdx,vd->x", v, v[:, :, 3]) / len(v)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[1])


def test_what_clicks_say_and_how_is_part_of_the_cache_key():
    features = make_features(head=False)
    clicks = clicks_on(features, ("A", 20), ("B", 60))

    def key(settings):
        asked = context(features, AB, clicks, settings)
        return depends_on(asked, active_sources(asked))

    other = replace(CONTRAST, extras={"contrast": ContrastOptions(eta=0.3)})
    assert len({repr(key(s)) for s in (NEARNESS, CONTRAST, other)}) == 3
    names = [source.name for source in active_sources(context(features, AB, clicks))]
    assert Contrast.name in names
    assert "clicks" not in names


@pytest.mark.parametrize("levels", ["fixed", "alternated"])
def test_segment_from_end_to_end(levels):
    demo = tumour_nest()
    image = np.ascontiguousarray(demo.image[:96, :128])
    clicks = [("A", 10, 10), ("B", 80, 100), ("A", 20, 60)]
    extras = {"contrast": ContrastOptions(levels=levels)}
    result = segment(
        image, {"A": None, "B": None}, clicks=clicks, clicks_say="contrast", extras=extras, **FAST
    )
    assert result.labels.shape == (96, 128)
    assert [result.labels[r, c] for _, r, c in clicks] == [1, 2, 1]
    assert "contrast-1-A" in result.evidence


def test_the_command_line_runs_it_and_the_summary_runs_again(tmp_path):
    image = tumour_nest().image[:64, :96]
    Image.fromarray(image).save(tmp_path / "picture.png")
    words = ["--tissue", "A=50±50", "--tissue", "B=50±50", "--clicks-say", "contrast"]
    words += ["--click", "A:10,10", "--click", "B:50,80"]
    fast = ["--no-augmentation", "--no-cache", "--quiet", "--tolerance", "0.01"]
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path / "picture.png"), *words, *fast, "--out", str(out)]) == 0
    told = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert told["inputs"]["options"]["clicks_say"] == "contrast"
    assert (out / "contrast-1-A.tif").exists()
    assert main(["replay", str(out / "summary.json"), "--quiet"]) == 0


def test_another_word_is_refused_in_one_sentence():
    with pytest.raises(VslpError, match="Clicks say must be one of nearness, contrast"):
        Settings(clicks_say="closeness")


def test_clicks_on_white_background_are_as_good_as_others():
    features = make_features(head=False, white=0.9)
    tissues = (Tissue("A"), Tissue("background"))
    clicks = clicks_on(features, ("A", 20), ("background", 60))
    found = confidence(features, tissues, clicks)
    np.testing.assert_allclose(found.mean.sum(0), 1, atol=1e-5)
    assert shares(found)[1] > 0.4
