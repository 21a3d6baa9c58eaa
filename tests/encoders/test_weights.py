"""The one file format of trained networks, and the weights that come with the package."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders.weights import (
    ARCHITECTURE,
    BUNDLED,
    FORMAT,
    file_hash,
    load_model,
    read_card,
    save_model,
)
from tests.encoders.made import CARD, THREE


@pytest.fixture
def saved(small, tmp_path):
    path = tmp_path / "small.safetensors"
    save_model(path, small, CARD)
    return path


def test_a_saved_model_comes_back_with_its_card(small, saved):
    module, card = load_model(saved)
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(module(image), small(image))
    assert card == CARD == read_card(saved)
    assert not module.training
    assert not list(saved.parent.glob(".*"))


def test_the_hash_follows_the_content(saved, tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(saved.read_bytes())
    assert file_hash(copy) == file_hash(saved)
    copy.write_bytes(saved.read_bytes() + b" ")
    assert file_hash(copy) != file_hash(saved)
    with pytest.raises(VslpError, match="cannot be read"):
        file_hash(tmp_path / "none")


def rewrite(path, module, **changes):
    header = {"format": FORMAT, "architecture": ARCHITECTURE, **asdict(CARD), **changes}
    save_file(module.state_dict(), path, metadata={"napari_vslp": json.dumps(header)})


def missing(path, _module):
    path.unlink()


def folder(path, _module):
    path.unlink()
    path.mkdir()


def truncated(path, _module):
    path.write_bytes(path.read_bytes()[:-1000])


def nonsense(path, _module):
    path.write_text("not a model")


def pickled(path, module):
    torch.save(module.state_dict(), path)


def old_pickle(path, module):
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=False)


def without_card(path, module):
    save_file(module.state_dict(), path)


def broken_card(path, module):
    save_file(module.state_dict(), path, metadata={"napari_vslp": "{"})


def list_card(path, module):
    save_file(module.state_dict(), path, metadata={"napari_vslp": "[1]"})


def newer(path, module):
    rewrite(path, module, format=FORMAT + 1)


def other_architecture(path, module):
    rewrite(path, module, architecture="unet")


def too_few_colours(path, module):
    rewrite(path, module, colours=[[1, 2, 3]])


def huge(path, module):
    rewrite(path, module, arguments=asdict(THREE) | {"width": 10**9})


def other_width(path, module):
    rewrite(path, module, arguments=asdict(replace(THREE, width=32)))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"data": None},
        {"licence": ["CC BY"]},
        {"tissues": [None, "b", "c"]},
        {"microns_per_pixel": "0.5"},
        {"microns_per_pixel": float("nan")},
        {"seconds": None},
        {"figures": {"loss": "low"}},
        {"arguments": asdict(THREE) | {"depth": True}},
        {"arguments": asdict(THREE) | {"mlp_ratio": float("inf")}},
        {"data": None, "licence": "x" * 5000},
    ],
)
def test_a_card_of_other_kinds_of_values_is_refused_before_anything_is_listed(saved, small, spoilt):
    rewrite(saved, small, **spoilt)
    for read in (read_card, load_model):
        with pytest.raises(VslpError, match="description inside"):
            read(saved)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (missing, "no readable model file"),
        (folder, "no readable model file"),
        (truncated, "damaged or incomplete"),
        (nonsense, "damaged or incomplete"),
        (pickled, "pickle"),
        (old_pickle, "pickle"),
        (without_card, "another program"),
        (broken_card, "description"),
        (list_card, "description"),
        (newer, "format version 2"),
        (other_architecture, "'unet'"),
        (too_few_colours, "description"),
        (huge, "description"),
        (other_width, "do not fit"),
    ],
)
def test_every_bad_file_is_refused_in_one_clear_sentence(saved, small, spoil, sentence):
    spoil(saved, small)
    with pytest.raises(VslpError, match=sentence) as caught:
        load_model(saved)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_a_clear_error(small, tmp_path):
    with pytest.raises(VslpError, match="could not be written"):
        save_model(tmp_path / "none" / "x.safetensors", small, CARD)


def without(path, *left_out):
    """Write a file anew whose card lacks some fields, as older versions wrote it."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["napari_vslp"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = {name: value for name, value in header.items() if name not in left_out}
    save_file(tensors, path, metadata={"napari_vslp": json.dumps(header)})


def test_a_card_of_before_there_was_provenance_still_loads(saved):
    without(saved, "provenance")
    assert load_model(saved)[1] == CARD


@pytest.mark.parametrize("field", ["data", "tissues", "microns_per_pixel"])
def test_a_card_that_lacks_anything_else_is_damaged(saved, field):
    without(saved, field)
    with pytest.raises(VslpError, match="description"):
        load_model(saved)


@pytest.mark.parametrize("microns", [None, 0.25])
def test_a_card_says_how_it_came_to_be_and_may_not_know_its_pixel_size(small, tmp_path, microns):
    card = replace(CARD, microns_per_pixel=microns, provenance={"table": "Tabelle „ä“.csv"})
    path = tmp_path / "m.safetensors"
    save_model(path, small, card)
    assert load_model(path)[1] == card


def synthetic_section():
    """Two round glands, dark nuclei around a pale cell body and lumen, in pink stroma."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:224, :224]
    image = np.ones((224, 224, 3)) * (0.87, 0.62, 0.76)
    gland = np.zeros((224, 224), dtype=bool)
    for row, column in ((70, 75), (150, 150)):
        distance = np.hypot(rows - row, columns - column)
        image[distance < 46] = (0.72, 0.55, 0.75)
        image[(distance > 30) & (distance < 46)] = (0.42, 0.28, 0.58)
        image[distance < 12] = (0.95, 0.92, 0.95)
        gland |= distance < 46
    image += generator.normal(0, 0.05, image.shape)
    return np.clip(image, 0, 1).astype(np.float32), gland


def test_the_bundled_weights_find_glands_and_are_small():
    assert BUNDLED.stat().st_size <= 25e6
    module, card = load_model(BUNDLED)
    assert card.tissues == ("other", "gland")
    assert "CC BY 4.0" in card.attribution
    image, gland = synthetic_section()
    tensor = (torch.from_numpy(image) - torch.tensor(card.mean)) / torch.tensor(card.std)
    with torch.inference_mode():
        logits = module(tensor.permute(2, 0, 1)[None])[0]
    odds = (logits[1] - logits[0]).numpy()
    small_gland = gland[2::4, 2::4]
    assert odds[small_gland].mean() > odds[~small_gland].mean() + 0.5


@pytest.mark.parametrize("low", [0x80, 0x50])
def test_a_header_whose_length_begins_like_a_pickle_is_no_pickle(small, tmp_path, low):
    path = tmp_path / "model.safetensors"
    # The header's length is a multiple of eight, whose low byte comes round every 256.
    for extra in range(300):
        save_model(path, small, replace(CARD, data="x" * extra))
        if path.read_bytes()[0] == low:
            break
    assert path.read_bytes()[0] == low
    assert load_model(path)[1].data == "x" * extra
