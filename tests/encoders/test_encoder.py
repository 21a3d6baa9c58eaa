"""Encoders: which weights are read, which are refused, and what an image becomes."""

import pickle
import socket
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_vslp.confidence.compose import confidence_of
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click
from napari_vslp.core.weak_labels import as_tissues
from napari_vslp.encoders import timm_features
from napari_vslp.encoders.encoder import Encoder, load_encoder
from napari_vslp.encoders.features import encode_image
from napari_vslp.encoders.interruption import make_interruptible
from napari_vslp.encoders.network import HybridArguments, HybridSegmenter
from napari_vslp.encoders.torchvision_shim import import_timm
from napari_vslp.encoders.views import VIEWS
from napari_vslp.encoders.weights import BUNDLED
from napari_vslp.pipeline import segment
from napari_vslp.raster.contract import open_raster

SMALL = HybridArguments(tissues=2, width=16, depth=1, heads=2, decoder_width=8)
CPU = torch.device("cpu")


def make_encoder(module, tile=512):
    make_interruptible(module)
    grey = (0.5, 0.5, 0.5)
    return Encoder("made up", "abc", ("other", "gland"), module.eval(), grey, grey, CPU, 32, tile)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return make_encoder(HybridSegmenter(SMALL))


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def timm_file(tmp_path_factory):
    torch.manual_seed(0)
    model = import_timm().create_model("test_resnet", pretrained=False)
    path = tmp_path_factory.mktemp("timm") / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path


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


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_any_timm_model_with_a_local_file_is_an_encoder_without_head(name, tmp_path, image):
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    save_file(import_timm().create_model(name, pretrained=False).state_dict(), path)
    encoder = load_encoder(f"timm:{name}@{path}", "cpu")
    found = encode_image(image, encoder, augmentation=False)
    assert encoder.tissues == ()
    assert found.head is None
    assert found.vectors.shape[2:] == (23, 33)
    assert found.vectors.float().isfinite().all()


def test_swin_features_come_with_channels_first(tmp_path):
    options = {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}
    body = import_timm().create_model(
        "swin_tiny_patch4_window7_224", features_only=True, strict_img_size=False, **options
    )
    _, maps = (
        timm_features.TimmFeatures(body).eval().forward_with_features(torch.rand(1, 3, 64, 64))
    )
    assert [(stride, tuple(one.shape[1:])) for stride, one in maps] == [
        (4, (12, 16, 16)),
        (8, (24, 8, 8)),
        (16, (48, 4, 4)),
    ]


def test_a_downloaded_model_is_named_by_the_hash_of_its_weights(monkeypatch):
    torch.manual_seed(0)
    body = import_timm().create_model("test_resnet", pretrained=False, features_only=True)
    monkeypatch.setattr(timm_features, "_create", lambda *_: body)
    encoder = load_encoder("hf-hub:org/made-up", "cpu")
    assert encoder.name == "hf-hub:org/made-up"
    assert len(encoder.weights_hash) == 64
    with torch.no_grad():
        next(body.parameters()).add_(1)
    assert load_encoder("hf-hub:org/made-up-2", "cpu").weights_hash != encoder.weights_hash


def test_a_model_of_one_image_size_is_refused(monkeypatch):
    options = {"pretrained": False, "features_only": True, "dynamic_img_size": False}
    fixed = import_timm().create_model("vit_tiny_patch16_224", depth=3, **options)
    monkeypatch.setattr(timm_features, "_create", lambda *_: fixed)
    with pytest.raises(VslpError, match="one size only"):
        load_encoder("hf-hub:org/fixed", "cpu")


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


def test_without_network_a_hub_name_is_refused_at_once(monkeypatch):
    def unresolved(*_args):
        raise socket.gaierror

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    start = time.perf_counter()
    with pytest.raises(VslpError, match="could not be downloaded"):
        load_encoder("hf-hub:no/such", "cpu")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 200), (64, 64), (90, 131)])
def test_images_of_any_size_become_features_of_length_one(encoder, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = encode_image(image, encoder, augmentation=True)
    grid = (-(-shape[0] // 4), -(-shape[1] // 4))
    assert found.vectors.shape[0] == 8
    assert found.vectors.shape[1] <= 32
    assert found.vectors.shape[2:] == grid
    assert found.vectors.dtype == torch.float16
    assert found.head is not None
    assert found.head.shape == (8, 2, *grid)
    assert found.white.shape == found.shape == shape
    assert torch.allclose(found.head.float().sum(1), torch.ones(8, *grid), atol=2e-3)
    lengths = found.vectors.float().norm(dim=1)
    assert ((lengths - 1).abs().lt(2e-3) | lengths.lt(1e-3)).all()


def test_a_flipped_image_gives_the_flipped_average(encoder):
    image = np.random.default_rng(0).integers(0, 256, (96, 64, 3), dtype=np.uint8)
    ours = encode_image(image, encoder).head.float().mean(0)
    for view in VIEWS:
        turned = view.apply(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0).numpy()
        theirs = encode_image(turned, encoder).head.float().mean(0)
        assert torch.allclose(theirs, view.apply(ours), atol=1e-3)


def test_smaller_tiles_change_little(image):
    bundled = load_encoder("bundled", "cpu")
    tissue = np.kron(image, np.ones((4, 4, 1), np.uint8))
    whole = encode_image(tissue, bundled, augmentation=False).head
    tiled = encode_image(tissue, replace(bundled, tile=256), augmentation=False).head
    assert (whole - tiled).float().abs().mean() < 0.1
    assert (tiled.float().diff(dim=3).abs().mean((0, 1, 2))).max() < 0.3


class _Full(nn.Module):
    """A network on a device whose memory is full for tiles larger than `limit` pixels."""

    def __init__(self, body, limit, error):
        super().__init__()
        self.body, self.limit, self.error = body, limit, error

    def forward_with_features(self, image):
        if image.shape[-1] > self.limit:
            raise self.error
        return self.body.forward_with_features(image)


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", FULL)
def test_full_memory_falls_back_to_smaller_tiles_and_says_so(encoder, error):
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    full = replace(encoder, module=_Full(encoder.module, 128, error), tile=256)
    said = []
    found = encode_image(image, full, False, job=Job(on_progress=said.append))
    assert any("smaller tiles" in (progress.note or "") for progress in said)
    assert any("smaller tiles" in note for note in found.notes)
    assert found.vectors.shape[2:] == (64, 64)


def test_a_full_gpu_falls_back_to_the_processor(encoder, image, monkeypatch):
    # “meta” stands in for a GPU: the device is only carried along until it is left.
    gpu = replace(encoder, module=_Full(encoder.module, 0, FULL[0]), device=torch.device("meta"))
    monkeypatch.setattr(Encoder, "moved", lambda _, device: replace(encoder, device=device))
    said = []
    found = encode_image(image, gpu, False, job=Job(on_progress=said.append))
    assert any("processor" in note for note in found.notes)
    assert any("processor" in (progress.note or "") for progress in said)
    np.testing.assert_array_equal(found.vectors, encode_image(image, encoder, False).vectors)


def test_moving_leaves_the_first_copy_where_it_is(encoder):
    moved = encoder.moved(CPU)
    assert moved.module is not encoder.module
    assert moved.weights_hash == encoder.weights_hash


def test_memory_that_is_full_everywhere_ends_in_a_sentence(encoder, image):
    full = replace(encoder, module=_Full(encoder.module, 0, FULL[2]))
    with pytest.raises(VslpError, match="smaller region"):
        encode_image(image, full, False)


def test_other_errors_are_not_mistaken_for_full_memory(encoder, image):
    broken = replace(encoder, module=_Full(encoder.module, 0, RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        encode_image(image, broken, False)


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
            encode_image(image, encoder, job=Job(token))
    finally:
        handle.remove()
    assert len(asked) == 1
    assert time.perf_counter() - asked[0] < 0.2


def test_progress_rises_to_one(encoder, image):
    reports = []
    encode_image(image, encoder, job=Job(on_progress=reports.append))
    fractions = [report.fraction for report in reports if report.stage == "Reading the tissue"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1


def test_encoding_is_repeatable(encoder, image):
    first, second = encode_image(image, encoder), encode_image(image, encoder)
    assert torch.equal(first.vectors, second.vectors)


def test_an_image_with_gradients_is_taken_for_its_values(image):
    tensor = torch.from_numpy(image).float().requires_grad_()
    for given in (tensor, tensor.permute(2, 0, 1)):
        np.testing.assert_array_equal(open_raster(given).read(), image)
    settings = Settings(augmentation=False, device="cpu", tolerance=1e-2)
    found = segment(tensor, {"gland": "40±10", "other": "?"}, settings=settings)
    same = segment(image, {"gland": "40±10", "other": "?"}, settings=settings)
    np.testing.assert_array_equal(found.labels, same.labels)


def test_an_embedding_with_gradients_is_taken_for_its_values(encoder, image):
    found = encode_image(image, encoder, augmentation=False)
    tissues = as_tissues({"gland": "40±10", "other": "?"})
    learning = replace(
        found,
        vectors=found.vectors.clone().requires_grad_(),
        head=found.head.clone().requires_grad_(),
    )
    clicks = (Click("gland", 3, 4), Click("other", 60, 90))
    confidences = [
        confidence_of(image, one, tissues, clicks, seed=0, colours=None).mean
        for one in (found, learning)
    ]
    np.testing.assert_array_equal(*confidences)
    np.testing.assert_array_equal(learning.vectors.numpy(), found.vectors.numpy())
    batch = torch.rand(1, 3, 64, 64)
    with_gradients = encoder.encode(batch.clone().requires_grad_())
    assert torch.equal(with_gradients.features, encoder.encode(batch).features)
    assert not with_gradients.features.requires_grad


def test_no_heavy_import_before_it_is_needed():
    code = "import napari_vslp.confidence, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
