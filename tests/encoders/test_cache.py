"""Images are encoded once: what an embedding is found by, what hits and what misses."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vslp import cli
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.settings import Settings
from napari_vslp.encoders import cache
from napari_vslp.encoders.cache import (
    cache_folder,
    content_hash,
    embed_image,
    embedding_key,
    user_cache,
)
from napari_vslp.encoders.embedding import ImageEmbedding, Reader, compute_embedding, finish
from napari_vslp.encoders.encoder import Encoder, load_encoder
from napari_vslp.encoders.reading.unfinished import Unfinished
from napari_vslp.encoders.weights import BUNDLED
from napari_vslp.pipeline import fuse, prepare, segment
from tests.encoders.made import same, stored

FAST = Settings(augmentation=False, tolerance=1e-3, device="cpu")


@pytest.mark.parametrize("augmentation", [True, False])
def test_the_second_prepare_does_not_run_the_network(pixels, runs, augmentation):
    settings = replace(FAST, augmentation=augmentation)
    first = prepare(pixels, settings=settings)
    assert runs
    runs.clear()
    again = prepare(pixels.copy(), settings=replace(settings, smoothness=5))
    assert runs == []
    assert same(first.features, again.features)


def test_results_with_and_without_the_cache_are_equal(pixels, runs):
    tissues = {"gland": "40±10", "other": "?", "nerve": "?"}
    clicks = [("gland", 5, 5), ("nerve", 30, 30)]
    results = [
        segment(pixels, tissues, clicks=clicks, settings=replace(FAST, cache=cache))
        for cache in (False, True, True)
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result.labels, results[0].labels)
        np.testing.assert_array_equal(result.confidence, results[0].confidence)
        assert result.energy == results[0].energy
        assert result.notes == results[0].notes


def test_without_the_cache_nothing_is_read_or_written(pixels, runs, monkeypatch):
    prepare(pixels, settings=replace(FAST, cache=False))
    assert stored() == []
    monkeypatch.setenv("VSLP_CACHE", "OFF")
    assert user_cache() is None
    shown = len(runs)
    prepare(pixels, settings=FAST)
    assert len(runs) == 2 * shown


def test_a_region_is_known_whatever_lies_around_it(pixels, runs):
    prepare(pixels, region=(0, 0, 32, 32), settings=FAST)
    runs.clear()
    prepare(pixels[:32, :32], settings=FAST)
    assert runs == []


def test_another_process_finds_what_this_one_saw(pixels, tmp_path):
    np.save(tmp_path / "image.npy", pixels)
    prepare(pixels, settings=FAST)
    code = (
        "import sys, numpy as np\n"
        "from napari_vslp.encoders.encoder import Encoder\n"
        "from napari_vslp.pipeline import prepare\n"
        "from napari_vslp.core.settings import Settings\n"
        "Encoder.encode = None\n"
        "prepare(np.load(sys.argv[1]), settings=Settings(augmentation=False, device='cpu'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "image.npy"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def other_pixel(image: np.ndarray) -> np.ndarray:
    changed = image.copy()
    changed[7, 9, 1] ^= 1
    return changed


@pytest.mark.parametrize(
    "change",
    [
        {"image": other_pixel},
        {"image": lambda image: image.reshape(56, 40, 3)},
        {"image": lambda image: image[:-1]},
        {"augmentation": False},
        {"seed": 1},
        {"encoder": {"weights_hash": "abd"}},
        {"encoder": {"tile": 96}},
        {"encoder": {"multiple": 64}},
        {"encoder": {"mean": (0.5, 0.5, 0.4)}},
        {"encoder": {"std": (0.5, 0.5, 0.4)}},
        {"encoder": {"tissues": ("gland", "other")}},
        {"encoder": {"tissues": ()}},
        {"encoder": {"device": torch.device("meta")}},
    ],
)
def test_whatever_features_depend_on_misses(pixels, encoder, change):
    def key(image=lambda image: image, encoder_changes=None, **rest) -> str:
        return embedding_key(image(pixels), replace(encoder, **(encoder_changes or {})), **rest)

    given = {"encoder_changes" if name == "encoder" else name: v for name, v in change.items()}
    assert key(**given) != key()
    assert len(key(**given)) == 64


def test_what_features_do_not_depend_on_hits(pixels, encoder):
    key = embedding_key(pixels, encoder)
    assert embedding_key(pixels.copy(order="F"), replace(encoder, name="renamed")) == key
    assert embedding_key(pixels, encoder, True, 0) == key
    headless = replace(encoder, tissues=())
    # A file of weights may fit two of timm's architectures.
    assert embedding_key(pixels, replace(headless, name="vit")) != embedding_key(pixels, headless)


def test_a_new_version_reads_anew(pixels, encoder, monkeypatch):
    before = embedding_key(pixels, encoder)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert embedding_key(pixels, encoder) != before


def test_other_pixels_augmentation_and_weights_run_the_network(pixels, encoder, runs):
    for image, network, augmentation in (
        (pixels, encoder, False),
        (other_pixel(pixels), encoder, False),
        (pixels, replace(encoder, weights_hash="other"), False),
        (pixels, encoder, True),
    ):
        runs.clear()
        embed_image(image, network, augmentation)
        assert runs
    assert len(stored()) == 4


def test_the_hash_follows_shape_type_and_values():
    zeros = np.zeros((4, 6), np.uint8)
    hashes = {
        content_hash(one)
        for one in (zeros, zeros.T, zeros.astype(bool), zeros.view(np.int8), zeros + np.uint8(1))
    }
    assert len(hashes) == 5
    assert content_hash(np.asfortranarray(zeros)) == content_hash(zeros)
    assert content_hash(np.zeros((8, 12), np.uint8)[::2, ::2]) == content_hash(zeros)


def test_hashing_a_large_image_leaves_other_threads_alone():
    image = np.zeros((2048, 2048, 3), np.uint8)
    content_hash(image[:8])
    began = time.perf_counter()
    content_hash(image)
    alone = time.perf_counter() - began
    worker = threading.Thread(target=lambda: [content_hash(image) for _ in range(20)])
    worst = last = 0.0
    worker.start()
    last = time.perf_counter()
    while worker.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        worst, last = max(worst, now - last), now
    # The interpreter's lock is not held for all of it, whatever the machine does beside.
    assert worst < max(0.1, 10 * alone)


def test_two_processes_write_the_same_image(tmp_path, pixels):
    np.save(tmp_path / "image.npy", pixels)
    code = (
        "import sys, numpy as np\n"
        "from napari_vslp.pipeline import prepare\n"
        "from napari_vslp.core.settings import Settings\n"
        "prepare(np.load(sys.argv[1]), settings=Settings(augmentation=False, device='cpu'))\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "image.npy")]
    both = [subprocess.Popen(words) for _ in range(2)]
    assert [one.wait(120) for one in both] == [0, 0]
    (path,) = stored()
    assert user_cache().get(path.stem) is not None


def test_what_was_read_in_smaller_tiles_is_not_kept(pixels, encoder, monkeypatch):
    fallen = replace(compute_embedding(pixels, encoder, False), notes=("The memory is full.",))
    monkeypatch.setattr("napari_vslp.encoders.embedding.finish", lambda *_: fallen)
    assert embed_image(pixels, encoder, False) is fallen
    assert stored() == []


def test_pixels_edited_while_they_are_read_are_not_kept(pixels, encoder, monkeypatch):
    def edited(reader: Reader, *rest: object) -> ImageEmbedding:
        found = finish(reader, *rest)
        pixels[0, 0] ^= 1
        return found

    monkeypatch.setattr("napari_vslp.encoders.embedding.finish", edited)
    embed_image(pixels, encoder, False)
    assert stored() == []


def test_a_cancelled_job_ends_even_where_the_image_is_known(pixels, encoder):
    embed_image(pixels, encoder, False)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        embed_image(pixels, encoder, False, job=Job(token))


def test_a_model_of_the_same_weights_under_another_name_hits(pixels, runs, tmp_path):
    prepare(pixels, settings=FAST)
    (tmp_path / "copy.safetensors").write_bytes(BUNDLED.read_bytes())
    runs.clear()
    found = prepare(pixels, settings=replace(FAST, encoder=str(tmp_path / "copy.safetensors")))
    assert runs == []
    assert found.features.weights_hash == load_encoder("bundled", "cpu").weights_hash
    tissues = segment(pixels, {"gland": "?", "other": "?"}, settings=FAST).tissues
    assert fuse(found, tissues, settings=FAST).labels.shape == (40, 56)


@pytest.fixture
def own_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("VSLP_CACHE")
    return


def test_without_a_wish_the_folder_is_the_users_cache(own_folders, monkeypatch):
    home = cache_folder()
    assert home is not None
    assert home.parts[-2:] == ("napari-vslp", "features")
    monkeypatch.setenv("VSLP_CACHE", "  ")
    assert cache_folder() == home
    monkeypatch.setenv("VSLP_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere" / "features"


def test_the_home_of_an_unknown_user_is_said(monkeypatch, pixels, encoder, capsys):
    monkeypatch.setenv("VSLP_CACHE", "~nobody-here/x")
    with pytest.raises(VslpError, match="VSLP_CACHE"):
        embed_image(pixels, encoder, False)
    assert cli.main(["cache"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reading_that_was_cancelled_goes_on_and_is_kept_as_any(pixels, encoder, runs):
    whole = embed_image(pixels, encoder, cache=False)
    needed = len(runs)
    runs.clear()
    token, unfinished = CancelToken(), Unfinished()

    def stop(_progress):
        if len(runs) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        embed_image(pixels, encoder, job=Job(token, stop), unfinished=unfinished)
    assert unfinished.waits
    found = embed_image(pixels, encoder, unfinished=unfinished)
    assert len(runs) == needed
    assert not unfinished.waits
    assert same(found, whole)
    assert same(embed_image(pixels, encoder), whole)
    assert len(runs) == needed


def test_a_reading_that_failed_begins_anew(pixels, encoder, monkeypatch):
    unfinished = Unfinished()
    with monkeypatch.context() as patch:
        patch.setattr(Encoder, "encode", _full)
        with pytest.raises(VslpError, match="The memory is full"):
            embed_image(pixels, encoder, cache=False, unfinished=unfinished)
    assert not unfinished.waits
    found = embed_image(pixels, encoder, cache=False, unfinished=unfinished)
    assert found.notes == ()
    assert same(found, embed_image(pixels, encoder, cache=False))


def _full(*_args):
    raise MemoryError


def test_a_reading_of_other_pixels_does_not_go_on(pixels, encoder, runs):
    token, unfinished = CancelToken(), Unfinished()

    def stop(_progress):
        if len(runs) == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        embed_image(pixels, encoder, job=Job(token, stop), unfinished=unfinished)
    other = 255 - pixels
    found = embed_image(other, encoder, cache=False, unfinished=unfinished)
    assert same(found, embed_image(other, encoder, cache=False))
