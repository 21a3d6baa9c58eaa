"""Stage 1's word: a simplex at every pixel, from head, white rule, clicks and, last, clusters."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_vslp.confidence.clicks import KERNEL, cells_of, likeness, nearness, residual_logits
from napari_vslp.confidence.clusters import balanced_clusters, sizes_of
from napari_vslp.confidence.compose import FLOOR, confidence_of
from napari_vslp.confidence.contract import Context
from napari_vslp.confidence.names import WHITE, match_tissues
from napari_vslp.core.errors import VslpError
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.encoders.embedding import ImageEmbedding, compute_embedding
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.reading.plan import VIEWS
from napari_vslp.raster.tissue_mask import white_background, white_point

HEAD = ("other", "gland")
SHAPE = (61, 82)
GLAND_OTHER = (Tissue("gland", 0.5), Tissue("other", 0.5))


def make_features(shape=SHAPE, views=8, head=True, white=0.0, seed=0):
    """Return features of a made-up image: two textures, left and right, and an unsure head."""
    generator = torch.Generator().manual_seed(seed)
    grid = (-(-shape[0] // 4), -(-shape[1] // 4))
    right = (torch.arange(grid[1]) * 2 >= grid[1]).float().expand(grid)
    kinds = torch.stack([right, 1 - right])
    noise = torch.randn(views, 16, *grid, generator=generator) * 0.1
    vectors = torch.nn.functional.normalize(
        noise + torch.cat([kinds, torch.zeros(14, *grid)])[None], dim=1
    )
    gland = torch.rand(views, 1, *grid, generator=generator) * 0.2 + 0.6
    return ImageEmbedding(
        vectors.half(),
        torch.cat([1 - gland, gland], 1).half() if head else None,
        np.full(shape, white, np.float16),
        shape,
        HEAD if head else (),
        "abc",
    )


def blank(features):
    return np.full((*features.shape, 3), 128, np.uint8)


def confidence_in(image, features, tissues, clicks=()):
    plain = Settings(colours=False)
    return confidence_of(Context(image, features, tuple(tissues), tuple(clicks), plain))


def confidence(features, tissues, clicks=()):
    return confidence_in(blank(features), features, tissues, clicks)


def clicks_on(features, *names_and_columns):
    return [Click(name, features.shape[0] // 2, column) for name, column in names_and_columns]


@pytest.fixture(scope="module")
def nest():
    """Return a crop of real tissue with what the bundled encoder saw of it."""
    image = np.ascontiguousarray(tumour_nest().image[:256, :256])
    return image, compute_embedding(image, load_encoder("bundled", "cpu"))


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), SHAPE])
@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("clicked", [True, False])
def test_every_pixel_is_in_the_simplex_above_the_floor(shape, head, clicked):
    features = make_features(shape, head=head, white=0.3)
    tissues = [Tissue(name, 0.25) for name in ("tumour", "stroma", "fat", "background")]
    clicks = [Click("tumour", 0, 0)] if clicked else []
    found = confidence(features, tissues, clicks)
    assert found.mean.shape == (4, *shape)
    assert found.mean.dtype == found.spread.dtype == np.float32
    assert found.spread.shape == shape
    assert found.mean.min() >= FLOOR * 0.999
    np.testing.assert_allclose(found.mean.sum(0), 1, atol=1e-6)
    assert found.spread.min() >= 0
    assert found.spread.max() <= 1


def test_the_heads_word_comes_through_unchanged_and_shared_in_its_class():
    features = make_features((64, 64), views=1)
    gland = features.head[0, 1].float().numpy()
    for more in ((), (Tissue("stroma", 0.1),)):
        found = confidence(features, (*GLAND_OTHER, *more))
        np.testing.assert_allclose(found.mean[0, 1::4, 1::4], gland, atol=0.05)
        assert not found.start_only


def test_no_view_differs_no_spread_and_opposite_views_full_spread():
    assert not confidence(make_features(views=1), GLAND_OTHER).spread.any()
    features = make_features((64, 64), views=2)
    features.head[0] = torch.tensor([1.0, 0.0])[:, None, None]
    features.head[1] = torch.tensor([0.0, 1.0])[:, None, None]
    assert confidence(features, GLAND_OTHER).spread.min() > 0.97


def test_flipping_the_features_flips_the_confidence():
    features = make_features((64, 96))
    clicks = [Click("gland", 10, 20), Click("other", 40, 70)]
    ours = confidence(features, GLAND_OTHER, clicks).mean
    flipped = replace(features, vectors=features.vectors.flip(-1), head=features.head.flip(-1))
    mirrored = [Click(c.tissue, c.row, 95 - c.column) for c in clicks]
    theirs = confidence(flipped, GLAND_OTHER, mirrored).mean
    np.testing.assert_allclose(theirs[..., ::-1], ours, atol=1e-4)


@pytest.mark.parametrize("view", VIEWS[1::2])
def test_a_turned_image_gives_nearly_the_turned_confidence(nest, view):
    image, features = nest
    turned = view.apply(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    turned = np.ascontiguousarray(turned)
    theirs = confidence_in(
        turned, compute_embedding(turned, load_encoder("bundled", "cpu")), GLAND_OTHER
    )
    ours = confidence_in(image, features, GLAND_OTHER).mean
    undone = view.undo(torch.from_numpy(theirs.mean)).numpy()
    assert abs(undone - ours).mean() < 0.02
    assert (undone.argmax(0) == ours.argmax(0)).mean() > 0.98


def test_without_a_head_one_click_a_tissue_decides():
    features = make_features(head=False)
    clicks = clicks_on(features, ("a", 10), ("b", 70))
    found = confidence(features, (Tissue("a", 0.5), Tissue("b", 0.5)), clicks)
    labels = found.mean.argmax(0)
    assert not found.start_only
    assert not found.notes
    assert (labels[:, :38] == 0).mean() > 0.99
    assert (labels[:, 44:] == 1).mean() > 0.99


def test_ten_clicks_of_one_tissue_do_not_outvote_one_of_another():
    features = make_features(head=False)
    many = [("a", column) for column in range(2, 32, 3)]
    found = confidence(
        features, (Tissue("a", 0.5), Tissue("b", 0.5)), clicks_on(features, *many, ("b", 70))
    )
    assert (found.mean.argmax(0)[:, 44:] == 1).mean() > 0.99


def test_a_corrective_click_flips_what_is_alike_and_leaves_the_rest():
    features = make_features()
    before = confidence(features, GLAND_OTHER).mean
    after = confidence(features, GLAND_OTHER, clicks_on(features, ("other", 70))).mean
    assert (before.argmax(0) == 0).all()
    assert (after.argmax(0)[:, 44:] == 1).mean() > 0.95, "alike: flips"
    assert (after.argmax(0)[:, :38] == 0).mean() > 0.95, "unlike: stays"


def test_a_click_that_agrees_with_a_sure_head_changes_nothing():
    features = make_features()
    features.head[:] = torch.tensor([0.004, 0.996])[None, :, None, None]
    before = confidence(features, GLAND_OTHER).mean
    after = confidence(features, GLAND_OTHER, clicks_on(features, ("gland", 10))).mean
    assert abs(after - before).max() < 0.01


def test_the_clicked_pixel_itself_obeys(nest):
    image, features = nest
    before = confidence_in(image, features, GLAND_OTHER).mean
    for tissue in (0, 1):
        row, column = np.unravel_index(before[1 - tissue].argmax(), before.shape[1:])
        click = Click(GLAND_OTHER[tissue].name, int(row), int(column))
        after = confidence_in(image, features, GLAND_OTHER, [click]).mean
        assert after[tissue, row, column] > 0.6
        assert (after.argmax(0) == before.argmax(0)).mean() > 0.5, "the head is not destroyed"


def test_residuals_follow_the_kernel():
    features = make_features(views=1, head=False)
    cells = cells_of(clicks_on(features, ("a", 10)), features.vectors.shape[2:])
    near = nearness(cells, features.vectors.shape[2:])
    assert near.max() == 1
    assert near.min() >= KERNEL.floor
    logits = torch.zeros(2, *features.vectors.shape[2:])
    alike = likeness(features.vectors[0], cells, near)
    found = residual_logits(alike, logits, cells, torch.tensor([0]))
    at = found.flatten(1)[:, cells[0]]
    assert at[0] == pytest.approx(KERNEL.margin / (1 + KERNEL.ridge), rel=0.01)
    assert at[1] == 0


@pytest.mark.parametrize(
    ("name", "head", "means"),
    [
        ("gland", HEAD, 1),
        ("Gland", HEAD, 1),
        ("other", HEAD, 0),
        ("Epithelium", HEAD, 1),
        ("Épithélium", HEAD, 1),
        ("epithelial tissue", HEAD, 1),
        ("tumor", HEAD, 1),
        ("Tumour cells", HEAD, 1),
        ("invasive carcinoma", HEAD, 1),
        ("cancer", HEAD, 1),
        ("Drüsen", HEAD, 1),
        ("Drusen", HEAD, 1),
        ("DRUESE", HEAD, 1),
        ("Tumeur", HEAD, 1),
        ("Krebs", HEAD, 1),
        ("normal gland", HEAD, 1),
        ("stroma", HEAD, 0),
        ("estroma", HEAD, 0),
        ("tumour stroma", HEAD, 0),
        ("tumor-infiltrating lymphocytes", HEAD, 0),
        ("non-tumour", HEAD, 0),
        ("kein Tumor", HEAD, 0),
        ("Bindegewebe", HEAD, 0),
        ("fat", HEAD, 0),
        ("white matter", HEAD, 0),
        ("xyz", HEAD, 0),
        ("Background", HEAD, WHITE),
        ("white background", HEAD, WHITE),
        ("glass", HEAD, WHITE),
        ("gland lumen", HEAD, WHITE),
        ("Hintergrund", HEAD, WHITE),
        ("weiß", HEAD, WHITE),
        ("fond", HEAD, WHITE),
        ("no tissue", HEAD, WHITE),
        ("xyz", (), None),
        ("gland", (), None),
        ("background", (), WHITE),
        ("cancer", ("tumour", "stroma"), 0),
        ("lymphocytes", ("tumour", "stroma"), 1),
        ("background", ("tumour", "background"), 1),
    ],
)
def test_names_are_matched(name, head, means):
    assert match_tissues([name], head) == (means,)


def test_white_is_found_and_nothing_else():
    generator = np.random.default_rng(0)
    image = generator.normal([200, 120, 170], 12, (96, 96, 3))
    image[:, 48:] = generator.normal([243, 240, 245], 3, (96, 48, 3))
    white = white_background(image.clip(0, 255).astype(np.uint8))
    assert white.dtype == np.float32
    assert white[:, 52:].min() > 0.9
    assert white[:, :44].max() < 0.1


def test_white_does_not_depend_on_the_strips_it_is_found_in(monkeypatch):
    image = np.random.default_rng(0).integers(180, 256, (90, 70, 3)).astype(np.uint8)
    whole = white_background(image)
    monkeypatch.setattr("napari_vslp.raster.tissue_mask.white_point", lambda _: white)
    white = white_point(image)
    monkeypatch.setattr("napari_vslp.raster.tissue_mask._STRIP", 700)
    np.testing.assert_allclose(white_background(image), whole, atol=1e-6)


@pytest.mark.parametrize("tint", [(250, 240, 225), (228, 232, 246), (215, 215, 215)])
def test_tinted_glass_is_white_too(tint):
    image = np.full((64, 64, 3), tint, np.uint8)
    image[:, :40] = (180, 100, 150)
    white = white_background(image)
    assert white[:, 46:].min() > 0.9
    assert white[:, :36].max() < 0.1
    assert white_point(image).tolist() == list(tint)


@pytest.mark.parametrize("colour", [(215, 160, 190), (230, 190, 215), (120, 80, 150), (0, 0, 0)])
def test_no_white_is_found_where_there_is_none(colour):
    noise = np.random.default_rng(0).normal(0, 6, (64, 64, 3))
    image = (np.array(colour) + gaussian_filter(noise, (1, 1, 0))).clip(0, 255).astype(np.uint8)
    assert white_background(image).max() < 0.15


def test_white_pixels_go_to_background_at_full_sharpness():
    features = make_features((64, 64))
    features.white[:, 33:] = 1
    found = confidence(features, (*GLAND_OTHER, Tissue("background", 0.1)))
    assert found.mean[2, :, 33:].min() > 0.97
    assert found.mean[2, :, :33].max() < 0.03
    assert not found.start_only
    without = confidence(features, GLAND_OTHER)
    np.testing.assert_allclose(without.mean[:, :, :30], found.mean[:2, :, :30], atol=0.02)
    assert without.mean[0, :, 40:].min() > 0.5, "without such a tissue the head decides"


def test_a_click_overrules_the_white_rule():
    features = make_features((64, 64), white=1.0)
    tissues = (*GLAND_OTHER, Tissue("background", 0.1))
    found = confidence(features, tissues, [Click("gland", 30, 10)])
    assert found.mean[:, 30, 10].argmax() == 0


def test_areas_alone_are_a_start_only_and_say_so():
    features = make_features(head=False)
    found = confidence(features, (Tissue("a", 0.5), Tissue("b", 0.5)))
    assert found.start_only
    assert found.uses_shares
    assert found.notes == (
        "Areas alone cannot tell which tissue is which: click once in each of a and b.",
    )
    labels = found.mean.argmax(0)
    assert labels[:, :36].std() < 0.1
    assert labels[30, 10] != labels[30, 70], "the clusters are there, only their names are not"


def test_tissues_that_the_head_calls_the_same_are_asked_for():
    tissues = [Tissue(n, 0.25) for n in ("gland", "stroma", "lymphocytes", "background")]
    features = make_features()
    found = confidence(features, tissues)
    assert not found.start_only
    assert found.notes == (
        "Areas alone cannot tell which tissue is which: "
        "click once in each of stroma and lymphocytes.",
    )
    head = features.head[:, 0].float().mean(0).numpy()
    together = found.mean[1:3].sum(0)[1:60:4, 1:80:4]
    np.testing.assert_allclose(together, head[:15, :20], atol=0.05)
    clicked = confidence(features, tissues, clicks_on(features, ("stroma", 10)))
    assert not clicked.notes
    assert not clicked.uses_shares


def test_the_one_tissue_without_a_click_takes_what_looks_like_no_click():
    features = make_features(head=False)
    tissues = (Tissue("a", 0.5), Tissue("b", 0.5))
    labels = confidence(features, tissues, clicks_on(features, ("a", 10))).mean.argmax(0)
    assert (labels[:, :38] == 0).mean() > 0.9
    assert (labels[:, 48:] == 1).mean() > 0.9


def test_clusters_have_the_sizes_of_the_shares():
    features = make_features((64, 160), views=1)
    weight = torch.ones(features.vectors.shape[2:])
    odds = balanced_clusters(features.vectors[0], weight, [0.5, None], 0).exp()
    assert torch.allclose(odds.sum(0), torch.ones_like(odds[0]), atol=1e-5)
    assert odds.argmax(0).float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("shares", "sizes"),
    [([0.2, 0.6], [0.25, 0.75]), ([None, None], [0.5, 0.5]), ([0.75, None], [0.75, 0.25])],
)
def test_unknown_shares_take_the_rest(shares, sizes):
    np.testing.assert_allclose(sizes_of(shares), sizes)


def test_sizes_stay_positive():
    assert (sizes_of([1.0, None, 0.0]) > 0).all()


@pytest.mark.parametrize(
    ("click", "says"),
    [(Click("gland", 900, 0), "outside"), (Click("bone", 0, 0), "not among")],
)
def test_clicks_that_cannot_be_are_refused(click, says):
    with pytest.raises(VslpError, match=says):
        confidence(make_features(), GLAND_OTHER, [click])


def test_the_seed_repeats_the_clusters():
    features = make_features(head=False)
    tissues = [Tissue(name, None) for name in "abc"]
    first, second = (confidence(features, tissues).mean for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_click_is_followed_live():
    features = make_features((512, 512), white=0.1)
    tissues = [Tissue(n, 0.25) for n in ("gland", "stroma", "lymphocytes", "background")]
    clicks = [Click(t.name, 50 + 90 * i, 60 + 80 * i) for i, t in enumerate(tissues)]
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        confidence(features, tissues, clicks)
        seconds.append(time.perf_counter() - start)
    # 13 ms on two idle cores; the rest is for busy ones.
    assert min(seconds) < 0.06
