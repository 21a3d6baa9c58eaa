"""What the working thread does, without the thread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.qt.viewer.source import Source
from napari_vslp.qt.work.jobs import Request, key_of, solve


class Lazy:
    """A slide of which only what is asked for may be read."""

    shape = (50_000, 60_000, 3)
    ndim = 3

    def __init__(self):
        self.read = []

    def __getitem__(self, window):
        self.read.append(window)
        rows, columns = window
        return np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.uint8)


@pytest.fixture
def request_(picture):
    return Request(
        source=Source(picture, picture.shape[:2], None),
        tissues=(Tissue("gland", 0.6), Tissue("other", 0.4)),
        clicks=(),
        painted=None,
        pixel_size_um=None,
        settings=Settings(),
    )


def test_the_image_is_looked_at_once(fake, request_):
    first = solve(request_, Job())
    solve(replace(request_, prepared=first.prepared, key=first.key), Job())
    assert (fake.count("prepare"), fake.count("fuse")) == (1, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": Settings(augmentation=False)},
        {"settings": Settings(encoder="other.safetensors")},
        {"settings": Settings(device="cpu")},
    ],
)
def test_what_the_encoder_depends_on_makes_it_look_again(request_, changes):
    assert key_of(replace(request_, **changes), "abc") != key_of(request_, "abc")


def test_smoothness_does_not_make_the_encoder_look_again(request_):
    changed = replace(request_, settings=Settings(smoothness=8))
    assert key_of(changed, "abc") == key_of(request_, "abc")


def test_edited_pixels_are_seen_and_the_same_ones_recognised(fake, request_, picture):
    first = solve(request_, Job())
    again = replace(request_, prepared=first.prepared, key=first.key)
    reopened = replace(again.source, data=picture.copy())
    solve(replace(again, source=reopened), Job())
    assert fake.count("prepare") == 1
    picture[3, 4] ^= 1
    solve(replace(again, live=True), Job())
    assert fake.count("prepare") == 1, "while a slider moves, pixels are not looked at"
    assert solve(again, Job()).key != first.key
    assert fake.count("prepare") == 2


def test_pixels_outside_the_region_do_not_matter(fake, request_, picture):
    request = replace(request_, source=replace(request_.source, region=(0, 0, 30, 40)))
    first = solve(request, Job())
    picture[50, 60] ^= 1
    solve(replace(request, prepared=first.prepared, key=first.key), Job())
    assert fake.count("prepare") == 1


def test_a_model_replaced_under_its_name_makes_it_look_again(request_, tmp_path, monkeypatch):
    monkeypatch.setenv("VSLP_MODELS", str(tmp_path))
    request = replace(request_, settings=Settings(encoder="lung"))
    (tmp_path / "lung.safetensors").write_bytes(b"one")
    before = key_of(request, "abc")
    assert key_of(request, "abc") == before
    (tmp_path / "lung.safetensors").write_bytes(b"another")
    assert key_of(request, "abc") != before


def test_a_wrong_table_is_refused_before_the_encoder_looks(fake, request_):
    with pytest.raises(VslpError, match="lies outside"):
        solve(replace(request_, clicks=(Click("gland", 999, 0),)), Job())
    assert fake.count("prepare") == 0


def test_a_cancelled_job_ends(fake, request_):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        solve(request_, Job(token))


def test_of_a_lazy_slide_only_the_region_is_read(fake, request_):
    lazy, box = Lazy(), (1000, 2000, 1040, 2030)
    request = replace(request_, source=Source(lazy, lazy.shape[:2], box))
    outcome = solve(request, Job())
    solve(replace(request, prepared=outcome.prepared, key=outcome.key), Job())
    assert lazy.read == [(slice(1000, 1040), slice(2000, 2030))], "once, and never again"
    assert outcome.result.region == box
    assert outcome.result.image_shape == lazy.shape[:2]
