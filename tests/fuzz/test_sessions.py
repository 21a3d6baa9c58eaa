"""Session files of changed values and changed bytes: the session, or one sentence."""

from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.core.saved.session_file import SavedSession, read_session, write_session
from tests.core.saved.made import busy_session, rewritten
from tests.fuzz.harness import Quiet, Refused, end_of, folder, fuzz
from tests.fuzz.jsons import apply, places
from tests.fuzz.test_summaries import CHANGES


@pytest.fixture
def saved(result, tmp_path):
    """Return a session file with everything in it."""
    write_session(tmp_path / "a.vslp", busy_session(result).history())
    return Quiet(tmp_path / "a.vslp")


def _end(path):
    found = end_of(lambda: read_session(path))
    if not isinstance(found, Refused):
        assert isinstance(found, SavedSession)
        assert found.history.inputs is found.history.steps[found.history.now].inputs
        assert len(found.told) == len(found.history.steps)
        end_of(found.history.inputs.check)


@fuzz("sessions")
@given(CHANGES)
def test_a_session_of_changed_values_is_read_or_refused(saved, changes):
    with zipfile.ZipFile(saved.value) as members:
        told = json.loads(members.read("session.json"))
    every = places(told)
    new = apply(told, [(every[int(at * len(every))], to) for at, to in changes])
    with folder() as place:
        text = json.dumps(new).encode()
        _end(rewritten(saved.value, place / "b.vslp", {"session.json": text}))


@fuzz("session files")
@given(
    st.lists(st.tuples(st.floats(0, 0.9999), st.binary(max_size=8)), min_size=1, max_size=3),
    st.floats(0, 1),
)
def test_a_session_file_of_changed_bytes_is_read_or_refused(saved, changes, kept):
    data = bytearray(saved.value.read_bytes())
    for at, new in changes:
        start = int(at * len(data))
        data[start : start + len(new)] = new
    with folder() as place:
        path = place / "b.vslp"
        path.write_bytes(bytes(data[: int(kept * len(data))] if kept < 0.3 else data))
        _end(path)


@fuzz("session arrays")
@given(st.floats(0, 0.9999), st.binary(max_size=200))
def test_a_session_of_changed_arrays_is_read_or_refused(saved, which, new):
    with zipfile.ZipFile(saved.value) as members:
        names = [name for name in members.namelist() if name.startswith("arrays/")]
        name = names[int(which * len(names))]
        old = members.read(name)
    with folder() as place:
        _end(rewritten(saved.value, place / "b.vslp", {name: new + old[len(new) :]}))
