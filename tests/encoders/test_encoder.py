"""Encoders: which weights are loaded, which are refused, and how a pass is run and stopped."""

import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.encoders.embedding import compute_embedding
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.encoders.timm_network import import_timm
from napari_vslp.encoders.weights import BUNDLED


def test_the_bundled_encoder_knows_gland_and_is_kept_in_memory():
    first = load_encoder("bundled", "cpu")
    assert first.tissues == ("other", "gland")
    assert len(first.weights_hash) == 64
    start = time.perf_counter()
    assert load_encoder("bundled", "cpu") is first
    assert load_encoder(device="cpu") is first
    assert time.perf_counter() - start < 0.1


def test_encoding_gives_stride_4_and_the_simplex():
    seen = load_encoder("bundled", "cpu").encode(torch.rand(2, 3, 64, 96))
    assert seen.features.shape == (2, sum(seen.blocks), 16, 24)
    assert len(seen.blocks) == 3
    assert seen.features.dtype == torch.float32
    assert seen.probabilities is not None
    assert seen.probabilities.shape == (2, 2, 16, 24)
    assert torch.allclose(seen.probabilities.sum(1), torch.ones(2, 16, 24))


def test_a_batch_gives_what_its_images_give_alone(encoder):
    batch = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    both = encoder.encode(batch)
    for index in range(2):
        alone, part = encoder.encode(batch[index : index + 1]), both.of(index)
        assert torch.allclose(alone.features, part.features, atol=1e-5)
        assert torch.allclose(alone.probabilities, part.probabilities, atol=1e-5)


def test_a_replaced_file_is_read_again(timm_file, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(timm_file.read_bytes())
    spec = f"timm:test_resnet@{path}"
    first = load_encoder(spec, "cpu")
    save_file(import_timm().create_model("test_resnet", pretrained=False).state_dict(), path)
    assert load_encoder(spec, "cpu").weights_hash != first.weights_hash


def _bad_files(folder, timm_file):
    whole = BUNDLED.read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "pickle.safetensors").write_bytes(pickle.dumps({"a": 1}))
    torch.save({"a": torch.zeros(1)}, folder / "zip.safetensors")
    (folder / "other.safetensors").write_bytes(timm_file.read_bytes())
    (folder / "bundled.safetensors").write_bytes(whole)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{}/missing.safetensors", "no readable model file"),
        ("{}", "no readable model file"),
        ("{}/cut.safetensors", "damaged|incomplete"),
        ("{}/empty.safetensors", "damaged|incomplete"),
        ("{}/pickle.safetensors", "pickle"),
        ("{}/zip.safetensors", "pickle"),
        ("{}/other.safetensors", "another program"),
        ("timm:test_resnet@{}/missing.safetensors", "no readable model file"),
        ("timm:test_resnet@{}/cut.safetensors", "damaged|incomplete"),
        ("timm:test_resnet@{}/pickle.safetensors", "pickle"),
        ("timm:test_resnet@{}/zip.safetensors", "pickle"),
        ("timm:test_resnet@{}/bundled.safetensors", "not those of test_resnet"),
        ("timm:test_vit@{}/other.safetensors", "not those of test_vit"),
        ("timm:test_resnet@", "names no file"),
        ("timm:no_such_net@{}/other.safetensors", "no architecture"),
        ("timm:no_such_net", "no architecture"),
        ("timm:test_resnet", "could not be downloaded"),
        ("hf-hub:no/such", "could not be downloaded"),
        ("hf-hub:", "could not be downloaded|cannot be used"),
        ("nowhere", "no readable model file"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_in_one_sentence(spec, says, tmp_path, timm_file):
    _bad_files(tmp_path, timm_file)
    start = time.perf_counter()
    with pytest.raises(VslpError, match=says) as caught:
        load_encoder(spec.format(tmp_path), "cpu")
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert time.perf_counter() - start < 5


def test_moving_leaves_the_first_copy_where_it_is(encoder):
    moved = encoder.to(torch.device("cpu"))
    assert moved.module is not encoder.module
    assert moved.weights_hash == encoder.weights_hash


def test_cancel_stops_within_200_ms_inside_a_tile(monkeypatch):
    encoder = load_encoder("bundled", "cpu")
    image = np.zeros((512, 512, 3), np.uint8)
    token, asked = CancelToken(), []
    layers = [layer for layer in encoder.module.modules() if isinstance(layer, nn.LayerNorm)]

    def ask(*_):
        asked.append(time.perf_counter())
        token.cancel()

    handle = layers[0].register_forward_hook(ask)
    try:
        with pytest.raises(Cancelled):
            compute_embedding(image, encoder, job=Job(token))
    finally:
        handle.remove()
    assert len(asked) == 1
    assert time.perf_counter() - asked[0] < 0.2


def test_no_heavy_import_before_it_is_needed():
    code = "import napari_vslp.confidence, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
