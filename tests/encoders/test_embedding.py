"""The embedding of an image: its shapes, its symmetries, and what happens when memory is full."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.core.settings import Settings
from napari_vslp.demo import tumour_nest
from napari_vslp.encoders.cache_files import EmbeddingCache
from napari_vslp.encoders.embedding import compute_embedding
from napari_vslp.encoders.encoder import Encoder, load_encoder
from napari_vslp.encoders.reading.plan import VIEWS
from napari_vslp.encoders.tiling import tiles_of
from napari_vslp.pipeline import segment
from napari_vslp.raster.contract import open_raster


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_image_that_may_not_be_written_to_is_read_without_a_warning(encoder):
    image = np.zeros((1, 1, 3), np.uint8)  # so small that no other order of axes needs a copy
    image.flags.writeable = False
    assert compute_embedding(image, encoder, augmentation=False).vectors.shape[2:] == (1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 200), (64, 64), (90, 131)])
def test_images_of_any_size_become_features_of_length_one(encoder, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = compute_embedding(image, encoder, augmentation=True)
    grid = (-(-shape[0] // 4), -(-shape[1] // 4))
    assert found.vectors.shape[0] == 1
    assert found.vectors.shape[1] <= 32
    assert found.vectors.shape[2:] == grid
    assert found.vectors.dtype == torch.float16
    assert found.head is not None
    assert found.head.shape == (4, 2, *grid)
    assert found.white.shape == found.shape == shape
    assert torch.allclose(found.head.float().sum(1), torch.ones(4, *grid), atol=2e-3)
    lengths = found.vectors.float().norm(dim=1)
    assert ((lengths - 1).abs().lt(2e-3) | lengths.lt(1e-3)).all()


def test_a_flipped_image_gives_nearly_the_flipped_average():
    bundled, tissue = load_encoder("bundled", "cpu"), tumour_nest().image[:192, :256].copy()
    ours = compute_embedding(tissue, bundled).head.float().mean(0)
    for view in VIEWS[1::3]:
        turned = view.apply(torch.from_numpy(tissue).permute(2, 0, 1)).permute(1, 2, 0).numpy()
        theirs = compute_embedding(turned, bundled).head.float().mean(0)
        assert (theirs - view.apply(ours)).abs().mean() < 0.04


def test_smaller_tiles_change_little(image):
    bundled = load_encoder("bundled", "cpu")
    tissue = np.kron(image, np.ones((4, 4, 1), np.uint8))
    whole = compute_embedding(tissue, bundled, augmentation=False).head
    tiled = compute_embedding(tissue, replace(bundled, tile=256), augmentation=False).head
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
    found = compute_embedding(image, full, False, job=Job(on_progress=said.append))
    assert any("smaller tiles" in (progress.note or "") for progress in said)
    assert any("smaller tiles" in note for note in found.notes)
    assert found.vectors.shape[2:] == (64, 64)


def test_a_full_gpu_falls_back_to_the_processor(encoder, image, monkeypatch):
    # “meta” stands in for a GPU: the device is only carried along until it is left.
    gpu = replace(encoder, module=_Full(encoder.module, 0, FULL[0]), device=torch.device("meta"))
    monkeypatch.setattr(Encoder, "to", lambda _, device: replace(encoder, device=device))
    said = []
    found = compute_embedding(image, gpu, False, job=Job(on_progress=said.append))
    assert any("processor" in note for note in found.notes)
    assert any("processor" in (progress.note or "") for progress in said)
    np.testing.assert_array_equal(found.vectors, compute_embedding(image, encoder, False).vectors)


def test_memory_that_is_full_everywhere_ends_in_a_sentence(encoder, image):
    full = replace(encoder, module=_Full(encoder.module, 0, FULL[2]))
    with pytest.raises(VslpError, match="smaller region"):
        compute_embedding(image, full, False)


def test_other_errors_are_not_mistaken_for_full_memory(encoder, image):
    broken = replace(encoder, module=_Full(encoder.module, 0, RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        compute_embedding(image, broken, False)


@pytest.mark.parametrize("side", [64, 130, 300])
def test_no_tile_of_the_only_view_is_computed_twice(encoder, runs, side):
    """Nine tiles fit the components; what they gave is used again."""
    tiled = replace(encoder, tile=64)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    compute_embedding(pixels, tiled, augmentation=False)
    padded = -(-side // 32) * 32
    tiles = tiles_of((padded, padded), 64, 32, fit=32)
    assert sum(batch[0] for batch in runs) == len(tiles)


def test_every_view_and_magnification_of_many_tiles_is_blended(encoder):
    pixels = np.random.default_rng(0).integers(0, 256, (140, 200, 3), dtype=np.uint8)
    found = compute_embedding(pixels, replace(encoder, tile=64), augmentation=True)
    assert (found.vectors.shape[0], found.head.shape[0]) == (1, 4)
    assert torch.allclose(found.head.float().sum(1), torch.ones(4, 35, 50), atol=2e-3)
    # Seams would show: a network that is local gives nearly the same in whatever tiles.
    whole = compute_embedding(pixels, replace(encoder, tile=512), augmentation=True)
    assert (found.head - whole.head).float().abs().mean() < 0.05


def test_progress_rises_to_one(encoder, image):
    reports = []
    compute_embedding(image, encoder, job=Job(on_progress=reports.append))
    fractions = [report.fraction for report in reports if report.stage == "Reading the tissue"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1


def test_encoding_is_repeatable(encoder, image):
    first, second = compute_embedding(image, encoder), compute_embedding(image, encoder)
    assert torch.equal(first.vectors, second.vectors)


def test_an_image_with_gradients_is_taken_for_its_values(image):
    tensor = torch.from_numpy(image).float().requires_grad_()
    for given in (tensor, tensor.permute(2, 0, 1)):
        np.testing.assert_array_equal(open_raster(given).read(), image)
    settings = Settings(augmentation=False, device="cpu", tolerance=1e-2)
    found = segment(tensor, {"gland": "40±10", "other": "?"}, settings=settings)
    same = segment(image, {"gland": "40±10", "other": "?"}, settings=settings)
    np.testing.assert_array_equal(found.labels, same.labels)


def test_an_embedding_with_gradients_is_taken_for_its_values(encoder, image, tmp_path):
    found = compute_embedding(image, encoder, augmentation=False)
    learning = replace(
        found,
        vectors=found.vectors.clone().requires_grad_(),
        head=found.head.clone().requires_grad_(),
    )
    np.testing.assert_array_equal(learning.vectors.numpy(), found.vectors.numpy())
    assert EmbeddingCache(tmp_path).put("a" * 64, learning) == ""
    batch = torch.rand(1, 3, 64, 64)
    with_gradients = encoder.encode(batch.clone().requires_grad_())
    assert torch.equal(with_gradients.features, encoder.encode(batch).features)
    assert not with_gradients.features.requires_grad
