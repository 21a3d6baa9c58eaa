"""`replay` of a changed summary: the same mask, or one sentence; never anything of the file's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_vslp import cli
from napari_vslp.core.files.inputs_file import inputs_of_json
from napari_vslp.core.inputs import Inputs
from napari_vslp.demo import tumour_nest
from tests.fuzz.harness import Quiet, Refused, end_of, end_of_command, folder, fuzz
from tests.fuzz.jsons import NOTHING, VALUES, apply, places

_WORDS = ("--no-augmentation", "--no-cache", "--tolerance", "0.05", "--quiet")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return the summary of a run on real tissue."""
    place = tmp_path_factory.mktemp("told")
    Image.fromarray(tumour_nest().image[100:124, 60:84]).save(place / "nest.png")
    two = ["--tissue", "gland=60±30", "--tissue", "other=40±30", "--click", "gland:9,9"]
    words = ["segment", str(place / "nest.png"), *two, *_WORDS, "--out", str(place / "out")]
    assert cli.main(words) == 0
    return Quiet(json.loads((place / "out" / "summary.json").read_text("utf-8")))


# Where is drawn as a number, since the summary is made by a fixture.
CHANGES = st.lists(
    st.tuples(st.floats(0, 0.999), st.one_of(VALUES, VALUES, st.just(NOTHING))),
    min_size=1,
    max_size=2,
)


def _applied(told, changes):
    every = places(told)
    return apply(told, [(every[int(at * len(every))], to) for at, to in changes])


@fuzz("summaries")
@given(CHANGES, st.booleans())
def test_a_changed_summary_is_replayed_or_refused(told, changes, within_inputs):
    whole = told.value
    new = dict(whole)
    if within_inputs:
        new["inputs"] = _applied(whole["inputs"], changes)
    else:
        new = _applied(whole, changes)
    with folder() as place:
        (path := place / "summary.json").write_text(json.dumps(new), encoding="utf-8")
        done = end_of_command("replay", path, "--quiet")
        assert done.status == 2 or not done.out


@fuzz("inputs")
@given(CHANGES)
def test_changed_inputs_are_read_or_refused(told, changes):
    new = _applied(told.value["inputs"], changes)
    found = end_of(lambda: inputs_of_json(new))
    if isinstance(found, Refused):
        return
    assert isinstance(found, Inputs)
    end_of(found.check)


@fuzz("summaries of any bytes")
@given(st.one_of(st.binary(max_size=60), st.recursive(VALUES, st.lists).map(json.dumps)))
def test_any_bytes_are_no_summary(data):
    with folder() as place:
        path = place / "summary.json"
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
        assert end_of_command("replay", path).status == 2
