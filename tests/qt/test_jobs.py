"""What the working thread does, without the thread."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.qt.viewer.source import Source
from napari_vslp.qt.work import jobs
from napari_vslp.qt.work.jobs import Request, embedding_key, solve
from napari_vslp.raster.contract import open_raster


class Lazy:
    """A slide of which only what is asked for may be read."""

    shape = (50_000, 60_000, 3)
    dtype = np.dtype(np.uint8)

    def __init__(self):
        self.read = []

    def __getitem__(self, window):
        self.read.append(window)
        rows, columns, _ = window
        return np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.uint8)


@pytest.fixture
def request_(picture):
    return Request(Source(picture, picture.shape[:2]), inputs_of(picture.shape[:2]))


def inputs_of(shape):
    table = (Tissue("gland", 0.6), Tissue("other", 0.4))
    return Inputs(ImageReference(shape=shape), table)


def saying(request, **changes):
    """Return a request of other inputs."""
    return replace(request, inputs=replace(request.inputs, **changes))


def after(request, outcome):
    """Return the request that comes after an outcome."""
    return replace(request, embedding=outcome.embedding, key=outcome.key)


def test_the_image_is_looked_at_once(fake, request_):
    first = solve(request_, Job())
    solve(after(request_, first), Job())
    assert (fake.count("prepare"), fake.count("run")) == (1, 2)


@pytest.mark.parametrize(
    "options",
    [
        Settings(augmentation=False),
        Settings(encoder="other.safetensors"),
        Settings(device="cpu"),
        Settings(seed=3),
    ],
)
def test_what_the_encoder_depends_on_makes_it_look_again(request_, options):
    changed = saying(request_, options=options)
    assert embedding_key(changed, "abc") != embedding_key(request_, "abc")


def test_smoothness_does_not_make_the_encoder_look_again(request_):
    changed = saying(request_, options=Settings(smoothness=8, edges=False))
    assert embedding_key(changed, "abc") == embedding_key(request_, "abc")


def test_edited_pixels_are_seen_and_the_same_ones_recognised(fake, request_, picture):
    first = solve(request_, Job())
    again = after(request_, first)
    reopened = replace(again.source, data=picture.copy())
    solve(replace(again, source=reopened), Job())
    assert fake.count("prepare") == 1
    picture[3, 4] ^= 1
    solve(replace(again, live=True), Job())
    assert fake.count("prepare") == 1, "while a slider moves, pixels are not looked at"
    assert solve(again, Job()).key != first.key
    assert fake.count("prepare") == 2


def test_pixels_outside_the_region_do_not_matter(fake, request_, picture):
    request = saying(request_, region=(0, 0, 30, 40))
    first = solve(request, Job())
    picture[50, 60] ^= 1
    solve(after(request, first), Job())
    assert fake.count("prepare") == 1


def test_a_model_replaced_under_its_name_makes_it_look_again(request_, tmp_path, monkeypatch):
    monkeypatch.setenv("VSLP_MODELS", str(tmp_path))
    request = saying(request_, options=Settings(encoder="lung"))
    (tmp_path / "lung.safetensors").write_bytes(b"one")
    before = embedding_key(request, "abc")
    assert embedding_key(request, "abc") == before
    (tmp_path / "lung.safetensors").write_bytes(b"another")
    assert embedding_key(request, "abc") != before


def test_a_wrong_table_is_refused_before_the_encoder_looks(fake, request_):
    with pytest.raises(VslpError, match="lies outside"):
        solve(saying(request_, clicks=(Click("gland", 999, 0),)), Job())
    assert fake.count("prepare") == 0


def test_a_cancelled_job_ends(fake, request_):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        solve(request_, Job(token))


def test_of_a_lazy_slide_only_the_region_is_read(fake):
    lazy, box = Lazy(), (1000, 2000, 1040, 2030)
    inputs = replace(inputs_of(lazy.shape[:2]), region=box)
    request = Request(Source(lazy, lazy.shape[:2]), inputs)
    outcome = solve(request, Job())
    solve(after(request, outcome), Job())
    assert [window[:2] for window in lazy.read] == [(slice(1000, 1040), slice(2000, 2030))], (
        "once, and never again"
    )
    assert outcome.result.region == box
    assert outcome.result.image_shape == lazy.shape[:2]


@pytest.mark.parametrize("lazily", [False, True])
def test_a_region_is_as_bright_as_in_the_whole_image(fake, lazily):
    """A camera's 12 bits in 16: the largest value lies outside the region, which is dark."""
    stored = np.full((60, 80, 3), 4095, np.uint16)
    stored[:20, :30] = 200
    data = da.from_array(stored, chunks=(20, 20, 3)) if lazily else stored
    inputs = replace(inputs_of(stored.shape[:2]), region=(0, 0, 20, 30))
    solve(Request(Source(data, stored.shape[:2]), inputs), Job())
    given = fake.calls[0][1]
    seen = open_raster(given["image"]).read(given["region"])
    assert seen.shape == (20, 30, 3)
    assert np.unique(seen).tolist() == [round(200 * 255 / 4095)]


def test_a_look_on_the_way_is_quick_and_changes_nothing(fake, request_):
    fake.gate.clear()
    fake.looks, seen = (0, 1), []

    def show(result):
        seen.append(result)
        fake.gate.set()

    outcome = solve(request_, Job(), show)
    assert [kind for kind, _ in fake.calls] == ["prepare", "live", "run"]
    assert len(seen) == 1
    np.testing.assert_array_equal(outcome.result.labels, solve(request_, Job()).result.labels)


def test_looks_that_cost_much_are_rare(request_, monkeypatch):
    now, made = 0.0, []
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now)

    def run(*_):
        nonlocal now
        now += 1.0
        made.append(now)

    monkeypatch.setattr(jobs, "_run", run)
    looks = jobs._Looks(request_, Job(), lambda _: None)
    for _ in range(100):
        now += 0.25
        looks(None)
    assert made[0] == 1.25, "the first one comes at once"
    assert len(made) == pytest.approx(100 * 0.25 / 5, abs=1)
