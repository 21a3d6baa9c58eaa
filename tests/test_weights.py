"""The network, its one file format and the weights that come with the package."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_vslp.confidence.card import ARCHITECTURE, FORMAT, ModelCard
from napari_vslp.confidence.network import HybridArguments, HybridSegmenter
from napari_vslp.confidence.weights import BUNDLED, file_hash, load_model, save_model
from napari_vslp.errors import VslpError

SMALL = HybridArguments(tissues=3, width=16, depth=1, heads=2, decoder_width=8)
CARD = ModelCard(
    tissues=("tumour", "stroma", "Lücke"),
    colours=((1, 2, 3), (4, 5, 6), (7, 8, 9)),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.4, 0.3),
    microns_per_pixel=0.5,
    data="made up",
    licence="CC0",
    attribution="nobody",
    figures={"dice": 0.5},
    seed=3,
    seconds=1.5,
    machine="a test",
    arguments=SMALL,
)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return HybridSegmenter(SMALL).eval()


@pytest.fixture
def saved(small, tmp_path):
    path = tmp_path / "small.safetensors"
    save_model(path, small, CARD)
    return path


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 70), (5, 7), (97, 32)])
def test_any_size_gives_logits_and_features_at_their_strides(small, height, width):
    with torch.inference_mode():
        logits, maps = small.forward_with_features(torch.rand(2, 3, height, width))
    assert logits.shape == (2, 3, -(-height // 4), -(-width // 4))
    assert [stride for stride, _ in maps] == [4, 8, 16]
    for stride, one in maps:
        assert one.shape[-2:] == (-(-height // stride), -(-width // stride))
    assert torch.isfinite(logits).all()


def test_forward_and_features_are_what_the_joint_pass_gives(small):
    image = torch.rand(1, 3, 50, 40)
    with torch.inference_mode():
        logits, maps = small.forward_with_features(image)
        assert torch.equal(small(image), logits)
        for (_, one), (_, other) in zip(small.features(image), maps, strict=True):
            assert torch.equal(one, other)


def test_a_saved_model_comes_back_with_its_card(small, saved):
    module, card = load_model(saved)
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(module(image), small(image))
    assert card == CARD
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
    rewrite(path, module, arguments=asdict(SMALL) | {"width": 10**9})


def other_width(path, module):
    rewrite(path, module, arguments=asdict(replace(SMALL, width=32)))


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
