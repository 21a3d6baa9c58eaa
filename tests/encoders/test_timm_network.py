"""Models of timm: as sources of features, and with a decoder as networks of our own."""

import json
import socket
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_vslp import segment
from napari_vslp.core.errors import VslpError
from napari_vslp.encoders import timm_network
from napari_vslp.encoders.embedding import compute_embedding
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.timm_network import TimmArguments, TimmSegmenter, import_timm
from napari_vslp.encoders.weights import file_hash, load_model, save_model
from tests.encoders.made import CARD


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_any_timm_model_with_a_local_file_is_an_encoder_without_head(name, tmp_path, image):
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save_file(import_timm().create_model(name, pretrained=False).state_dict(), path)
    encoder = load_encoder(f"timm:{name}@{path}", "cpu")
    found = compute_embedding(image, encoder, augmentation=False)
    assert encoder.tissues == ()
    assert found.head is None
    assert found.vectors.shape[2:] == (23, 33)
    assert found.vectors.float().isfinite().all()


def test_swin_features_come_with_channels_first(tmp_path):
    options = {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}
    body = import_timm().create_model(
        "swin_tiny_patch4_window7_224", features_only=True, strict_img_size=False, **options
    )
    _, maps = timm_network.TimmFeatures(body).eval().forward_with_features(torch.rand(1, 3, 64, 64))
    assert [(stride, tuple(one.shape[1:])) for stride, one in maps] == [
        (4, (12, 16, 16)),
        (8, (24, 8, 8)),
        (16, (48, 4, 4)),
    ]


def test_a_downloaded_model_is_named_by_the_hash_of_its_weights(monkeypatch):
    torch.manual_seed(0)
    body = import_timm().create_model("test_resnet", pretrained=False, features_only=True)
    monkeypatch.setattr(timm_network, "_create", lambda *_: body)
    encoder = load_encoder("hf-hub:org/made-up", "cpu")
    assert encoder.name == "hf-hub:org/made-up"
    assert len(encoder.weights_hash) == 64
    with torch.no_grad():
        next(body.parameters()).add_(1)
    assert load_encoder("hf-hub:org/made-up-2", "cpu").weights_hash != encoder.weights_hash


def test_a_model_of_one_image_size_is_refused(monkeypatch):
    options = {"pretrained": False, "features_only": True, "dynamic_img_size": False}
    fixed = import_timm().create_model("vit_tiny_patch16_224", depth=3, **options)
    monkeypatch.setattr(timm_network, "_create", lambda *_: fixed)
    with pytest.raises(VslpError, match="one size only"):
        load_encoder("hf-hub:org/fixed", "cpu")


def test_without_network_a_hub_name_is_refused_at_once(monkeypatch):
    def unresolved(*_args):
        raise socket.gaierror

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    start = time.perf_counter()
    with pytest.raises(VslpError, match="could not be downloaded"):
        load_encoder("hf-hub:no/such", "cpu")
    assert time.perf_counter() - start < 5


def timm_card(name, tissues=3):
    arguments = TimmArguments(name, tissues, decoder_width=8)
    return replace(CARD, data="made up for timm", arguments=arguments)


@pytest.fixture(scope="module")
def timm_saved(tmp_path_factory):
    """Return the file of a small timm network with random weights."""
    torch.manual_seed(0)
    card = timm_card("test_resnet")
    path = tmp_path_factory.mktemp("timm") / "resnet.safetensors"
    save_model(path, TimmSegmenter(card.arguments).eval(), card)
    return path


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "test_convnext", "test_vit"])
def test_a_timm_network_comes_back_with_its_card(name, tmp_path):
    torch.manual_seed(0)
    card = timm_card(name)
    network = TimmSegmenter(card.arguments).eval()
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    path = tmp_path / "timm.safetensors"
    save_model(path, network, card)
    module, found = load_model(path)
    assert found == card
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())
    assert module.state_dict().keys() == network.state_dict().keys()
    image = torch.rand(1, 3, 90, 130)
    with torch.inference_mode():
        assert torch.allclose(module(image), network(image), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 70), (5, 7), (97, 32)])
@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_timm_networks_take_any_size(name, height, width):
    network = TimmSegmenter(TimmArguments(name, 3, 8)).eval()
    with torch.inference_mode():
        logits, maps = network.forward_with_features(torch.rand(2, 3, height, width))
    assert logits.shape == (2, 3, -(-height // 4), -(-width // 4))
    assert logits.isfinite().all()
    for stride, one in maps:
        assert one.shape[-2:] == (-(-height // stride), -(-width // stride))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "no_such_net"}, "description.*no architecture 'no_such_net'"),
        ({"name": "hf-hub:org/net"}, "description"),
        ({"name": ["test_resnet"]}, "description"),
        ({"name": None}, "description"),
        ({"decoder_width": 10**9}, "description.*out of range"),
        ({"depth": 3}, "description"),
        ({"name": "test_vit"}, "do not fit"),
        ({"decoder_width": 16}, "do not fit"),
    ],
)
def test_a_timm_network_that_cannot_be_built_is_refused(timm_saved, tmp_path, changes, sentence):
    with safe_open(timm_saved, framework="pt") as file:
        header = json.loads(file.metadata()["napari_vslp"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["arguments"] |= changes
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path, metadata={"napari_vslp": json.dumps(header)})
    with pytest.raises(VslpError, match=sentence) as caught:
        load_model(path)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_a_timm_network_segments_images_that_32_does_not_divide(name, tmp_path):
    torch.manual_seed(0)
    card = timm_card(name)
    path = tmp_path / "timm.safetensors"
    save_model(path, TimmSegmenter(card.arguments).eval(), card)
    encoder = load_encoder(str(path), "cpu")
    assert encoder.tissues == card.tissues
    image = np.random.default_rng(0).integers(0, 256, (75, 101, 3), dtype=np.uint8)
    asked = {"tumour": "30±5", "stroma": "50±5", "Lücke": "20±5"}
    result = segment(image, asked, encoder=str(path), device="cpu", tolerance=1e-2)
    assert result.labels.shape == (75, 101)
    assert 0.25 - 1e-3 <= result.reached["tumour"] <= 0.35 + 1e-3
    assert result.weights_hash == file_hash(path)
