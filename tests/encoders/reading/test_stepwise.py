"""An image is read step by step: what is seen on the way, and that looking changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.encoders.embedding import Reader, compute_embedding
from napari_vslp.encoders.reading import stepwise
from napari_vslp.encoders.reading.plan import NEEDED, STEPS
from tests.encoders.made import same


def read(image, encoder, look=False):
    reader, job = Reader(image, encoder), Job()
    seen = []
    while not reader.done:
        reader.advance(job)
        if look:
            seen.append(reader.embedding(job))
    return reader.embedding(job), seen


def test_looking_in_between_changes_no_bit(encoder, image):
    found, seen = read(image, encoder, look=True)
    assert same(found, compute_embedding(image, encoder))
    assert len(seen) >= NEEDED
    assert [len(one.head) for one in seen[:NEEDED]] == [1, 1, 1, 4]
    for one in seen:
        assert torch.allclose(one.head.float().sum(1), torch.ones(()), atol=2e-3)


def read_on(reader, job):
    while not reader.done:
        reader.advance(job)


@pytest.mark.parametrize("after", [1, 3, 7])
def test_what_was_read_before_cancel_is_not_read_again(encoder, runs, image, after, monkeypatch):
    monkeypatch.setattr(stepwise, "_BATCH_PIXELS", 2 * 64 * 64)
    tiled = replace(encoder, tile=64)
    whole = compute_embedding(image, tiled)
    needed = sum(batch[0] for batch in runs)
    runs.clear()
    token, reader = CancelToken(), Reader(image, tiled)

    def stop(_progress):
        if len(runs) == after:
            token.cancel()

    with pytest.raises(Cancelled):
        read_on(reader, Job(token, stop))
    assert len(runs) == after
    read_on(reader, Job())
    assert sum(batch[0] for batch in runs) == needed
    assert same(reader.embedding(Job()), whole)


@pytest.mark.parametrize(("settled", "steps"), [(1.1, NEEDED), (0.0, len(STEPS))])
def test_a_step_that_changes_few_labels_is_the_last(encoder, image, monkeypatch, settled, steps):
    monkeypatch.setattr(stepwise, "SETTLED", settled)
    _, seen = read(image, encoder, look=True)
    assert len(seen) == steps


def test_an_image_of_one_colour_settles_as_soon_as_may_be(encoder):
    _, seen = read(np.full((64, 64, 3), 128, np.uint8), encoder, look=True)
    assert len(seen) == NEEDED
