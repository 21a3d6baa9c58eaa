"""The whole way on a real image: what goes in, what comes out, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp import cli, segment
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.energy import minimise
from napari_vslp.energy.terms.regulariser import RegulariserCard, save_regulariser
from napari_vslp.energy.terms.tdv import TDV, TDVShape
from napari_vslp.pipeline import fuse, prepare
from napari_vslp.prepared import Prepared

FAST = Settings(augmentation=False, tolerance=1e-3)
TWO = {"gland": "60±5", "other": "40±5"}
TOP_LEFT = (0, 0, 128, 160)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return tumour_nest().image[:128, :160]


@pytest.fixture(scope="module")
def prepared(image: np.ndarray) -> Prepared:
    return prepare(image, settings=FAST)


def test_the_result_keeps_what_was_asked(image: np.ndarray) -> None:
    result = segment(image, TWO, clicks=[("gland", 20, 30), ("other", 100, 140)], settings=FAST)
    assert result.labels.shape == image.shape[:2]
    assert result.labels[20, 30] == 1
    assert result.labels[100, 140] == 2
    for tissue in result.tissues:
        low, high = result.asked[tissue.name]
        assert low - 1e-3 <= result.reached[tissue.name] <= high + 1e-3
    assert sum(result.reached.values()) == pytest.approx(1)
    assert 0 <= result.gap <= 1e-3
    np.testing.assert_allclose(result.confidence.sum(0), 1, atol=1e-5)
    assert result.energy.fidelity == pytest.approx(result.fidelity_map.sum(), rel=1e-4)
    assert result.energy.regularisation == pytest.approx(result.regularisation_map.sum(), rel=1e-4)
    assert result.energy.bound <= result.energy.objective
    assert result.versions["torch"] != "unknown"
    assert len(result.weights_hash) >= 16


@pytest.mark.parametrize("trust", PENALTIES.names())
def test_every_trust_mode_runs(prepared: Prepared, trust: str) -> None:
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    result = fuse(prepared, tissues, settings=replace(FAST, trust=trust))
    assert result.gap <= 1e-3
    assert set(np.unique(result.labels)) <= {1, 2}


def test_a_path_a_region_and_a_pixel_size(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(image).save(path)
    result = segment(path, TWO, region=(10, 20, 74, 100), pixel_size_um=(0.5, 0.5), settings=FAST)
    assert result.labels.shape == (64, 80)
    assert result.image_shape == (128, 160)
    areas = result.areas_mm2()
    assert areas is not None
    assert sum(areas.values()) == pytest.approx(64 * 80 * 0.25e-6)


def test_clicks_outside_the_region_are_left_out_and_said(image: np.ndarray) -> None:
    clicks = [Click("gland", 5, 5), Click("gland", 60, 60)]
    result = segment(image, TWO, clicks=clicks, region=(32, 32, 96, 96), settings=FAST)
    assert any("outside the region" in note for note in result.notes)
    assert result.labels[28, 28] == 1


def test_paint_is_kept_and_wins_over_clicks(image: np.ndarray) -> None:
    painted = np.zeros(image.shape[:2], np.uint8)
    painted[40:60, 40:60] = 2
    result = segment(image, TWO, clicks=[("gland", 50, 50)], painted=painted, settings=FAST)
    assert (result.labels[40:60, 40:60] == 2).all()


def test_results_repeat_exactly(image: np.ndarray) -> None:
    first, second = segment(image, TWO, settings=FAST), segment(image, TWO, settings=FAST)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.energy == second.energy


def test_flipping_the_image_nearly_flips_the_result(image: np.ndarray) -> None:
    settings = replace(FAST, augmentation=True)
    ours = segment(image, TWO, settings=settings).labels
    flipped = segment(image[:, ::-1], TWO, settings=settings).labels
    assert (ours == flipped[:, ::-1]).mean() > 0.95


def test_live_follows_a_slider_from_the_previous_result(prepared: Prepared) -> None:
    def table(share: float) -> tuple[Tissue, ...]:
        rest = (1 - share) / 2
        clicked = ("gland", share), ("stroma", rest), ("white", rest)
        return tuple(Tissue(name, value, 0.02) for name, value in clicked)

    clicks = (Click("gland", 20, 30), Click("stroma", 100, 140), Click("white", 64, 5))
    start = fuse(prepared, table(0.3), clicks=clicks, settings=FAST)
    moved = fuse(prepared, table(0.5), clicks=clicks, settings=FAST, start=start, live=True)
    assert moved.iterations <= 30
    assert 0.479 <= moved.reached["gland"] <= 0.521
    two = fuse(prepared, (Tissue("a", 0.5, 0.0), Tissue("b", 0.5, 0.0)), settings=FAST, start=start)
    assert set(np.unique(two.labels)) == {1, 2}, "a start of other tissues is left aside"


def test_a_solve_that_stops_before_its_tolerance_says_so(image: np.ndarray) -> None:
    clicks = [("gland", 20, 30), ("other", 100, 140)]
    short = segment(image, TWO, clicks=clicks, settings=replace(FAST, max_iterations=1))
    assert short.gap > FAST.tolerance
    (said,) = (note for note in short.notes if "before it was done" in note)
    assert f"{short.gap:.2%} instead of 0.1%" in said
    assert "1 step," in said
    assert "--max-iterations" in said
    whole = segment(image, TWO, clicks=clicks, settings=FAST)
    assert not any("before it was done" in note for note in whole.notes)
    table = (Tissue("gland", 0.5, 0.05), Tissue("other", 0.5, 0.05))
    seen = prepare(image, settings=FAST)
    start = fuse(seen, table, settings=FAST)
    moved = tuple(replace(t, value=v) for t, v in zip(table, (0.7, 0.3), strict=True))
    shown = fuse(seen, moved, settings=replace(FAST, tolerance=1e-7), start=start, live=True)
    assert shown.gap > 1e-7
    assert not any("before it was done" in note for note in shown.notes), "a slider only passes by"


def test_the_command_line_says_it_on_stderr(image: np.ndarray, tmp_path: Path, capsys) -> None:
    picture = tmp_path / "image.png"
    Image.fromarray(image[:64, :64]).save(picture)
    typed = ["--tissue", "gland=60±5", "--tissue", "other=40±5", "--no-augmentation"]
    limit = ["--max-iterations", "1", "--out", str(tmp_path / "out")]
    assert cli.main(["segment", str(picture), *typed, *limit]) == 0
    told = capsys.readouterr()
    assert "before it was done" in told.err
    assert "before it was done" not in told.out


def test_a_search_that_further_terms_end_says_so_without_the_wrong_advice(
    prepared: Prepared, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    path, network = tmp_path / "shapes.safetensors", TDV(TDVShape(channels=4))
    with torch.no_grad():
        network.readout.mul_(20)
    save_regulariser(path, network, RegulariserCard(network.shape, 5.0, 2.0, accepted=True))
    settings = replace(FAST, regulariser=str(path))
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    result = fuse(prepared, tissues, settings=settings)
    (said,) = (note for note in result.notes if "before it was done" in note)
    assert "--max-iterations" not in said
    assert "Segment again" in said


def test_a_click_on_white_that_is_left_out_is_said(image: np.ndarray) -> None:
    image = image[:64, :64].copy()
    image[:20, :20] = 255
    clicks = [("gland", 10, 10), ("other", 50, 50)]
    settings = replace(FAST, tissue_only=True, tolerance=0.05)
    result = segment(image, {"gland": None, "other": None}, clicks=clicks, settings=settings)
    assert result.labels[10, 10] == 0
    assert any("One clicked or painted pixel lies on white" in note for note in result.notes)
    result = segment(image, {"gland": None, "other": None}, clicks=clicks[1:], settings=settings)
    assert not any("on white" in note for note in result.notes)


def test_shares_of_tissue_alone_leave_white_out() -> None:
    image = np.full((96, 96, 3), 245, np.uint8)
    image[:, :48] = np.random.default_rng(0).integers(90, 170, (96, 48, 3))
    result = segment(image, TWO, settings=replace(FAST, tissue_only=True))
    assert not result.labels[:, 60:].any()
    assert sum(result.reached.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tissues": {"gland": 100}}, "two tissues"),
        ({"tissues": ["gland=50", "Gland=50"]}, "called"),
        ({"tissues": {"gland": "90±5", "other": "40±5"}}, "more than 100"),
        ({"tissues": {"gland": "20±5", "other": "40±5"}}, "less than 100"),
        ({"clicks": [("gland", 200, 5)]}, "outside"),
        ({"clicks": [("gland", 5, 5), ("other", 5, 5)]}, "both clicked"),
        ({"clicks": [("stroma", 5, 5)]}, "not among"),
        ({"region": (0, 0, 500, 500)}, "region"),
        ({"painted": np.zeros((3, 3), np.uint8)}, "image's size"),
        ({"painted": np.full((128, 160), 3, np.uint8)}, "no longer"),
        ({"painted": np.full((128, 160), 1, np.uint8)}, "painted as gland"),
        ({"image": np.full((8, 8, 3), np.nan)}, "NaN|finite"),
        ({"image": np.zeros((5, 8, 8, 3), np.uint8)}, "stack|plane"),
        ({"image": "nowhere.png"}, "no file"),
        ({"encoder": "nowhere.safetensors"}, "nowhere"),
        ({"device": "quantum"}, "quantum"),
        ({"smoothness": -1.0}, "Smoothness"),
        ({"smoothness": "much"}, "Smoothness"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    image: np.ndarray, change: dict[str, object], says: str
) -> None:
    given: dict[str, object] = {"image": image, "tissues": TWO, "settings": FAST} | change
    with pytest.raises(VslpError, match=says) as caught:
        segment(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (5, 5), (40, 40, 4)])
def test_odd_images_are_converted(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    result = segment(image, {"gland": "?", "other": "?"}, settings=FAST)
    assert result.labels.shape == shape[:2]


def test_cancel_leaves_at_once(image: np.ndarray) -> None:
    token = CancelToken()

    def stop(progress: Progress) -> None:
        if progress.stage.startswith("Reading"):
            token.cancel()

    with pytest.raises(Cancelled):
        segment(image, TWO, job=Job(token, stop))


def test_a_full_gpu_falls_back_to_the_processor(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve, said = minimise._solve, []

    def full(device: str, *rest: object) -> object:
        if device == "cuda":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return solve(device, *rest)

    monkeypatch.setattr(minimise, "solver_device", lambda _settings: "cuda")
    monkeypatch.setattr(minimise, "_solve", full)
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    result = fuse(prepared, tissues, settings=FAST, job=Job(on_progress=said.append))
    assert result.gap <= 1e-3
    assert any(p.note and "processor" in p.note for p in said)


def test_the_smoothness_is_chosen_once_and_told(prepared: Prepared) -> None:
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    auto = replace(FAST, smoothness="auto")
    result = fuse(prepared, tissues, settings=auto)
    chosen = result.settings.smoothness
    assert chosen in result.smoothness_scores
    assert f"Smoothness {chosen:g} was chosen from the image." in result.notes
    moved = (Tissue("gland", 0.5, 0.05), Tissue("other", 0.5, 0.05))
    follower = fuse(prepared, moved, settings=auto, start=result, live=True)
    assert follower.settings.smoothness == chosen
    assert follower.smoothness_scores is result.smoothness_scores
    assert follower.notes == result.notes
    assert not fuse(prepared, tissues, settings=FAST, start=result).smoothness_scores


def test_a_tiny_region_keeps_the_usual_smoothness(image: np.ndarray) -> None:
    result = segment(image, TWO, region=(0, 0, 24, 24), settings=FAST, smoothness="auto")
    assert result.settings.smoothness == 2
    assert any("too small or too plain" in note for note in result.notes)


def test_a_learned_regulariser_is_shown_apart(prepared: Prepared, tmp_path: Path) -> None:
    path = tmp_path / "shapes.safetensors"
    network = TDV(TDVShape(channels=4))
    card = RegulariserCard(network.shape, strength=0.5, smoothness=2.0, accepted=False)
    save_regulariser(path, network, card)
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    settings = replace(FAST, regulariser=str(path))
    result = fuse(prepared, tissues, settings=settings)
    learned = result.terms["learned"]
    assert learned.map.shape == result.labels.shape
    assert (learned.map >= 0).all()
    assert learned.total == pytest.approx(learned.map.sum(), rel=1e-4)
    energy = result.energy
    assert energy.total == pytest.approx(energy.fidelity + energy.regularisation + learned.total)
    assert any("did no better" in note for note in result.notes)
    moved = (Tissue("gland", 0.55, 0.05), Tissue("other", 0.45, 0.05))
    follower = fuse(prepared, moved, settings=settings, start=result, live=True)
    assert "learned" in follower.terms
    plain = fuse(prepared, tissues, settings=FAST, start=result)
    assert "learned" not in plain.terms


def test_a_regulariser_that_is_not_there_is_named(prepared: Prepared) -> None:
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    with pytest.raises(VslpError, match="no readable regulariser file"):
        fuse(prepared, tissues, settings=replace(FAST, regulariser="nowhere.safetensors"))


def test_a_click_outweighs_a_share_of_exactly_nothing(prepared: Prepared) -> None:
    tissues = (Tissue("gland", 1.0, 0.05), Tissue("other", 0.0, 0.0))
    result = fuse(prepared, tissues, clicks=[Click("other", 20, 20)], settings=FAST)
    assert result.labels[20, 20] == 2


def test_what_is_seen_on_the_way_can_be_run_and_changes_no_bit_of_the_result(image, monkeypatch):
    monkeypatch.setattr("napari_vslp.encoders.embedding.WORTH_S", 0.0)
    settings, seen = Settings(tolerance=1e-3, cache=False), []
    found = prepare(image, settings=settings, on_step=seen.append)
    tissues = (Tissue("gland", 0.6, 0.05), Tissue("other", 0.4, 0.05))
    looks = [fuse(one, tissues, settings=settings, live=True).labels for one in seen]
    assert len(looks) >= 2
    result = fuse(found, tissues, settings=settings)
    plain = fuse(prepare(image, settings=settings), tissues, settings=settings)
    np.testing.assert_array_equal(result.confidence, plain.confidence)
    np.testing.assert_array_equal(result.labels, plain.labels)
    assert (looks[0] == result.labels).mean() > 0.9
