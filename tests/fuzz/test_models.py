"""Model files that are damaged, changed or of another kind: usable, or one sentence."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_vslp.encoders.library import check_model, list_models
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.weights import BUNDLED, load_model, read_card, save_model
from tests.fuzz.harness import Quiet, Refused, end_of, end_of_command, folder, fuzz
from tests.fuzz.jsons import NOTHING, VALUES, apply, places
from tests.fuzz.test_damage import Damage, damages


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Quiet:
    """Return the bytes of a small model: a real network of few channels."""
    from dataclasses import replace

    arguments = HybridArguments(width=8, depth=1, heads=1, decoder_width=8)
    torch.manual_seed(0)
    card = replace(read_card(BUNDLED), arguments=arguments)
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    save_model(path, HybridSegmenter(arguments), card)
    # Loads timm once, outside of the first case's time.
    load_model(path)
    return Quiet(path.read_bytes())


def parts(data: bytes):
    """Return the header and the tensors' bytes of a safetensors file."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest


def _used(data: bytes) -> None:
    """Load a model and list it; what can be loaded must answer with finite numbers or say so."""
    with folder() as place:
        (path := place / "mine.safetensors").write_bytes(data)
        end_of(lambda: read_card(path))
        loaded = end_of(lambda: load_model(path))
        os.environ["VSLP_MODELS"] = str(place)
        listed = end_of_command("models", "list")
        assert listed.status == 0
        assert [one.name for one in list_models()] == ["bundled", "mine"]
        end_of_command("models", "show", "mine", "--json")
        if not isinstance(loaded, Refused):
            end_of(lambda: check_model(path))


CHANGES = st.lists(
    st.tuples(st.floats(0, 0.999), st.one_of(VALUES, VALUES, st.just(NOTHING))),
    min_size=1,
    max_size=2,
)


def _applied(value, changes):
    every = places(value)
    return apply(value, [(every[int(at * len(every))], to) for at, to in changes])


@fuzz("cards of models")
@given(CHANGES)
def test_a_model_whose_card_was_changed(small, changes):
    header, rest = parts(small.value)
    card = _applied(json.loads(header["__metadata__"]["napari_vslp"]), changes)
    header["__metadata__"]["napari_vslp"] = json.dumps(card)
    _used(joined(header, rest))


@fuzz("headers of models")
@given(CHANGES)
def test_a_model_whose_header_was_changed(small, changes):
    header, rest = parts(small.value)
    _used(joined(_applied(header, changes), rest))


def _pickled() -> bytes:
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(2)}, stream)
    return stream.getvalue()


STRANGERS = (
    _pickled(),
    pickle.dumps({"weight": [0.0]}),
    b"",
    b"{}",
    struct.pack("<Q", 2**63) + b"{}",
    struct.pack("<Q", 2) + b"{}",
    struct.pack("<Q", 2) + b"[]",
    b"PK\x03\x04",
    b"\x89HDF\r\n\x1a\n",
)


@fuzz("models")
@given(
    st.one_of(
        st.lists(damages, min_size=1, max_size=2), st.floats(0, 1), st.sampled_from(STRANGERS)
    )
)
def test_a_damaged_model_or_one_of_another_kind(small, damage):
    if isinstance(damage, bytes):
        _used(damage)
    elif isinstance(damage, float):
        data = Damage("cut", damage).of(small.value)
        with folder() as place:
            (path := place / "cut.safetensors").write_bytes(data)
            assert isinstance(end_of(lambda: load_model(path)), Refused)
    else:
        data = small.value
        for change in damage:
            data = change.of(data)
        _used(data)
