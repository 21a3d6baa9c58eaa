"""Two processes that learn together, as on two graphics cards."""

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.proportions import several
from napari_vslp.learning.proportions.train import train
from tests.learning.made import TINY, weights, write_sections

ONE_ROUND = replace(TINY, rounds=(4,))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_sections(tmp_path_factory.mktemp("two") / "here", 8, 32))


def test_two_processes_train_one_model(cohort, tmp_path):
    both = train(cohort, tmp_path / "two.safetensors", recipe=ONE_ROUND, device="cpu", devices=2)
    assert [line["step"] for line in both.curves] == [2.0, 4.0]
    assert both.card.machine.startswith("2 ×")
    alone = train(cohort, tmp_path / "one.safetensors", recipe=ONE_ROUND, device="cpu")
    two, one = weights(both.model), weights(alone.model)
    # Each saw patches of its own, so that the two together are not one of them.
    assert any(not np.array_equal(two[name], one[name]) for name in two)
    assert all(np.isfinite(value).all() for value in two.values())


def fail(*_):
    raise ValueError("no such card")


def test_a_process_that_fails_is_a_sentence(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(several, "_one", fail)
    with pytest.raises(VslpError, match=r"One of the devices stopped.*no such card"):
        train(cohort, tmp_path / "m.safetensors", recipe=ONE_ROUND, device="cpu", devices=2)


def test_a_stop_ends_the_processes(cohort, tmp_path):
    token = CancelToken()
    job = Job(token, lambda progress: token.cancel() if "Learning" in progress.stage else None)
    with pytest.raises(Cancelled):
        train(
            cohort, tmp_path / "m.safetensors", recipe=ONE_ROUND, device="cpu", devices=2, job=job
        )
