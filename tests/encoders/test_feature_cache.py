"""Images are read by the network once: what hits, what misses, and what can go wrong on disk."""

from __future__ import annotations

import errno
import os
import stat
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
from napari_vslp.core.folders import locked
from napari_vslp.core.progress import CancelToken, Job, Progress
from napari_vslp.core.settings import Settings
from napari_vslp.encoders import feature_cache, feature_files
from napari_vslp.encoders.encoder import Encoder, load_encoder
from napari_vslp.encoders.feature_cache import (
    cache_folder,
    content_hash,
    feature_key,
    see_image,
    user_cache,
)
from napari_vslp.encoders.feature_files import FeatureFiles
from napari_vslp.encoders.features import Features, encode_image
from napari_vslp.encoders.interruption import make_interruptible
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.pipeline import fuse, prepare, segment

SMALL = HybridArguments(tissues=2, width=16, depth=1, heads=2, decoder_width=8)
FAST = Settings(augmentation=False, tolerance=1e-3, device="cpu")
GREY = (0.5, 0.5, 0.5)
KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    module = HybridSegmenter(SMALL).eval()
    make_interruptible(module)
    tissues = ("other", "gland")
    return Encoder("made up", "abc", tissues, module, GREY, GREY, torch.device("cpu"), 32, 64)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes of all batches that the network is shown from now on."""
    seen, encode = [], Encoder.encode

    def spy(self: Encoder, batch: torch.Tensor, job: Job | None = None) -> object:
        seen.append(tuple(batch.shape))
        return encode(self, batch, job)

    monkeypatch.setattr(Encoder, "encode", spy)
    return seen


def features(seed: int = 0, side: int = 8, head: bool = True) -> Features:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.rand(1, 4, side, side, generator=generator).half()
    white = np.zeros((4 * side, 4 * side), np.float16)
    tissues = ("other", "gland") if head else ()
    shape = (4 * side, 4 * side)
    return Features(vectors, vectors[:, :2].clone() if head else None, white, shape, tissues, "abc")


def same(one: Features, other: Features) -> bool:
    heads = (one.head, other.head)
    return (
        torch.equal(one.vectors, other.vectors)
        and (heads[0] is heads[1] is None or torch.equal(*heads))
        and np.array_equal(one.white, other.white)
        and one.white.dtype == other.white.dtype
        and replace(one, vectors=0, head=0, white=0) == replace(other, vectors=0, head=0, white=0)
    )


def stored() -> list[Path]:
    folder = cache_folder()
    assert folder is not None
    return sorted(folder.glob("*.safetensors"))


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
        return feature_key(image(pixels), replace(encoder, **(encoder_changes or {})), **rest)

    given = {"encoder_changes" if name == "encoder" else name: v for name, v in change.items()}
    assert key(**given) != key()
    assert len(key(**given)) == 64


def test_what_features_do_not_depend_on_hits(pixels, encoder):
    key = feature_key(pixels, encoder)
    assert feature_key(pixels.copy(order="F"), replace(encoder, name="renamed")) == key
    assert feature_key(pixels, encoder, True, 0) == key
    headless = replace(encoder, tissues=())
    # A file of weights may fit two of timm's architectures.
    assert feature_key(pixels, replace(headless, name="vit")) != feature_key(pixels, headless)


def test_a_new_version_reads_anew(pixels, encoder, monkeypatch):
    before = feature_key(pixels, encoder)
    monkeypatch.setattr(feature_cache, "VERSION", feature_cache.VERSION + 1)
    assert feature_key(pixels, encoder) != before


def test_other_pixels_augmentation_and_weights_run_the_network(pixels, encoder, runs):
    for image, network, augmentation in (
        (pixels, encoder, False),
        (other_pixel(pixels), encoder, False),
        (pixels, replace(encoder, weights_hash="other"), False),
        (pixels, encoder, True),
    ):
        runs.clear()
        see_image(image, network, augmentation)
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


@pytest.mark.parametrize("head", [True, False])
def test_what_is_put_is_got(tmp_path, head):
    files = FeatureFiles(tmp_path / "new" / "folder")
    assert files.get(KEY) is None
    kept = features(head=head)
    assert files.put(KEY, kept) == ""
    found = files.get(KEY)
    assert found is not None
    assert same(found, kept)
    assert found.white.flags.writeable
    assert files.get(OTHER) is None
    assert files.usage()[0] == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_only_the_owner_may_read(tmp_path):
    files = FeatureFiles(tmp_path / "features")
    before = os.umask(0)
    try:
        files.put(KEY, features())
    finally:
        os.umask(before)
    (path,) = files.folder.glob("*.safetensors")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def nonsense(path: Path) -> None:
    path.write_bytes(os.urandom(400))


def flipped_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def of_another_image(path: Path) -> None:
    files = FeatureFiles(path.parent)
    files.put(OTHER, features(1))
    (path.parent / f"{OTHER}.safetensors").replace(path)


def of_another_program(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"vectors": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    "spoil", [cut, emptied, nonsense, flipped_bit, of_another_image, of_another_program]
)
def test_a_damaged_file_is_removed_and_read_anew(pixels, encoder, runs, spoil):
    first = see_image(pixels, encoder, False)
    (path,) = stored()
    spoil(path)
    files = user_cache()
    assert files is not None
    assert files.get(path.stem) is None
    assert not path.exists()
    runs.clear()
    assert same(see_image(pixels, encoder, False), first)
    assert runs
    runs.clear()
    see_image(pixels, encoder, False)
    assert runs == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("fails", ["mkdir", "chmod", "replace", "save_file"])
def test_a_disk_that_takes_nothing_breaks_nothing(pixels, encoder, monkeypatch, number, fails):
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    if fails == "save_file":
        monkeypatch.setattr("safetensors.torch.save_file", full)
    else:
        monkeypatch.setattr(Path, fails, full)
    said: list[Progress] = []
    found = see_image(pixels, encoder, False, job=Job(on_progress=said.append))
    monkeypatch.undo()
    assert same(found, encode_image(pixels, encoder, False))
    assert [p.note for p in said if p.note and "read again next time" in p.note]
    assert found.notes == ()


def test_a_folder_that_is_a_file_breaks_nothing(pixels, encoder, tmp_path, monkeypatch):
    (tmp_path / "features").write_text("not a folder")
    monkeypatch.setenv("VSLP_CACHE", str(tmp_path))
    assert see_image(pixels, encoder, False).shape == (40, 56)
    assert user_cache().usage() == (0, 0)


def test_what_was_used_longest_ago_goes_first(tmp_path):
    size = 4 * 64 * 2 + 2 * 64 * 2 + 1024 * 2
    files = FeatureFiles(tmp_path, cap=int(4.6 * (size + 600)))
    keys = [letter * 64 for letter in "abcde"]
    for age, key in enumerate(keys[:4]):
        files.put(key, features(age))
        os.utime(tmp_path / f"{key}.safetensors", (1000 + age, 1000 + age))
    assert files.get(keys[0]) is not None
    files.put(keys[4], features(4))
    assert files.usage()[1] <= files.cap
    assert [files.get(key) is not None for key in keys] == [True, False, True, True, True]


def test_a_file_larger_than_a_quarter_of_the_cap_is_not_kept(tmp_path):
    files = FeatureFiles(tmp_path, cap=4 * 4000)
    files.put(KEY, features(side=8))
    assert files.usage()[0] == 1
    files.put(OTHER, features(side=12))
    assert files.get(OTHER) is None
    assert files.get(KEY) is not None


def test_strangers_in_the_folder_are_left_alone(tmp_path):
    files = FeatureFiles(tmp_path, cap=4 * 4000)
    strangers = [tmp_path / name for name in ("model.safetensors", "notes.txt", ".hidden")]
    left_over = [tmp_path / ".abc.partial", tmp_path / ".tmpabc"]
    for path in strangers + left_over:
        path.write_bytes(bytes(9000))
        os.utime(path, (1000, 1000))
    for letter in "abcdefgh":
        files.put(letter * 64, features())
    assert files.usage()[0] < 8
    files.clear()
    assert files.usage() == (0, 0)
    assert [path.exists() for path in strangers] == [True] * 3
    assert [path.exists() for path in left_over] == [False] * 2


def test_while_another_process_makes_room_none_is_made_twice(tmp_path):
    files = FeatureFiles(tmp_path, cap=4 * 4000)
    with locked(tmp_path, wait_s=0):
        for letter in "abcdef01":
            assert files.put(letter * 64, features()) == ""
        assert files.usage()[0] == 8
    files.put(KEY, features())
    assert files.usage()[1] <= files.cap


def test_a_young_partial_file_of_another_process_stays(tmp_path):
    young = tmp_path / ".abc.partial"
    young.write_bytes(b"being written")
    FeatureFiles(tmp_path).put(KEY, features())
    assert young.exists()


def test_writers_and_readers_at_once_see_whole_files_only(tmp_path):
    files = FeatureFiles(tmp_path, cap=5 * 4000)
    known = {letter * 64: features(i) for i, letter in enumerate("abcdef")}
    wrong: list[object] = []

    def work(order: list[str]) -> None:
        for _ in range(30):
            for key in order:
                wrong.extend(filter(None, [files.put(key, known[key])]))
                found = files.get(key)
                if found is not None and not same(found, known[key]):
                    wrong.append(key)

    threads = [
        threading.Thread(target=work, args=(order,)) for order in (list(known), list(known)[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [path.name for path in tmp_path.glob(".*")] == [".lock"]


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
    fallen = replace(encode_image(pixels, encoder, False), notes=("The memory is full.",))
    monkeypatch.setattr("napari_vslp.encoders.features.encode_image", lambda *_, **__: fallen)
    assert see_image(pixels, encoder, False) is fallen
    assert stored() == []


def test_pixels_edited_while_they_are_read_are_not_kept(pixels, encoder, monkeypatch):
    def edited(image: np.ndarray, *rest: object, **named: object) -> Features:
        found = encode_image(image, *rest, **named)
        image[0, 0] ^= 1
        return found

    monkeypatch.setattr("napari_vslp.encoders.features.encode_image", edited)
    see_image(pixels, encoder, False)
    assert stored() == []


def test_a_cancelled_job_ends_even_where_the_image_is_known(pixels, encoder):
    see_image(pixels, encoder, False)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        see_image(pixels, encoder, False, job=Job(token))


def test_a_model_of_the_same_weights_under_another_name_hits(pixels, runs, tmp_path):
    from napari_vslp.encoders.weights import BUNDLED

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
        see_image(pixels, encoder, False)
    assert cli.main(["cache"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_shows_and_clears(pixels, encoder, capsys):
    assert cli.main(["cache"]) == 0
    assert "Images: 0" in capsys.readouterr().out
    see_image(pixels, encoder, False)
    assert cli.main(["cache"]) == 0
    told = capsys.readouterr().out
    assert str(cache_folder()) in told
    assert "Images: 1" in told
    assert "of at most 2.1 GB" in told
    assert cli.main(["cache", "--clear"]) == 0
    assert "1 image(s)" in capsys.readouterr().out
    assert stored() == []


def test_the_command_says_that_it_is_off(capsys, monkeypatch):
    monkeypatch.setenv("VSLP_CACHE", "off")
    assert cli.main(["cache", "--clear"]) == 0
    assert "off" in capsys.readouterr().out


def test_the_command_says_what_it_cannot_clear(pixels, encoder, capsys, monkeypatch):
    see_image(pixels, encoder, False)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(feature_files.Path, "unlink", refused)
    assert cli.main(["cache", "--clear"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be emptied" in said


@pytest.mark.parametrize("words", [["cache", "--all"], ["cache", "clear"]])
def test_what_cannot_be_meant_gets_one_sentence(words, capsys):
    assert cli.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
