"""Small networks, images and files that the tests of the encoders share."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_vslp.core.progress import Job
from napari_vslp.encoders.encoder import Encoder
from napari_vslp.encoders.network import HybridSegmenter
from napari_vslp.encoders.timm_network import import_timm
from tests.encoders.made import THREE, TWO, make_encoder, write_model


@pytest.fixture(scope="session")
def small() -> HybridSegmenter:
    """Return a network of three tissues with random weights."""
    torch.manual_seed(0)
    return HybridSegmenter(THREE).eval()


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """Return an encoder of two tissues with random weights."""
    torch.manual_seed(0)
    return make_encoder(HybridSegmenter(TWO))


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def timm_file(tmp_path_factory):
    torch.manual_seed(0)
    model = import_timm().create_model("test_resnet", pretrained=False)
    path = tmp_path_factory.mktemp("timm") / "weights.safetensors"
    save_file(model.state_dict(), path)
    return path


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes of all batches that the network is shown from now on."""
    seen, encode = [], Encoder.encode

    def spy(self: Encoder, batch: torch.Tensor, job: Job | None = None) -> object:
        seen.append(tuple(batch.shape))
        return encode(self, batch, job)

    monkeypatch.setattr(Encoder, "encode", spy)
    return seen


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return write_model(tmp_path / "lung.safetensors")
