"""The bundled network with its layers fused answers what it answered before."""

import copy

import pytest
import torch
from torch import nn

from napari_vslp.encoders import fused
from napari_vslp.encoders.fused import (
    FusedSegmenter,
    OneDnnConvolution,
    PlainConvolution,
    for_reading,
)
from napari_vslp.encoders.weights import BUNDLED, load_model

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return load_model(BUNDLED)[0]


def kinds(network):
    return {type(one) for one in network.modules()} & {OneDnnConvolution, PlainConvolution}


@pytest.mark.parametrize("kind", [PlainConvolution, OneDnnConvolution])
@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 96, 128), (1, 50, 70)])
def test_logits_and_maps_are_the_same_but_for_rounding(network, kind, shape):
    if kind is OneDnnConvolution and not fused._onednn_works():
        pytest.skip("this torch has no fused operators of oneDNN")
    image = torch.randn(shape[0], 3, *shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, maps = network.forward_with_features(image)
        ours, our_maps = FusedSegmenter(network, kind).forward_with_features(image)
    assert torch.allclose(ours, logits, atol=1e-4)
    for (stride, one), (our_stride, our) in zip(maps, our_maps, strict=True):
        assert our_stride == stride
        assert torch.allclose(our, one, atol=5e-4 * float(one.abs().max()))


def test_the_network_itself_is_left_as_it_is(network):
    before = copy.deepcopy(network.state_dict())
    for_reading(network, CPU)
    assert all(torch.equal(before[name], one) for name, one in network.state_dict().items())


def test_without_onednn_plain_convolutions_are_fused(network, monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr(OneDnnConvolution, "__init__", missing)
    fused._onednn_works.cache_clear()
    try:
        assert kinds(for_reading(network, CPU)) == {PlainConvolution}
    finally:
        fused._onednn_works.cache_clear()


def test_onednn_that_answers_otherwise_is_not_trusted(network, monkeypatch):
    def wrong(_, maps, residual=None):
        return maps + 1 if residual is None else residual

    monkeypatch.setattr(OneDnnConvolution, "forward", wrong)
    fused._onednn_works.cache_clear()
    try:
        assert kinds(for_reading(network, CPU)) == {PlainConvolution}
    finally:
        fused._onednn_works.cache_clear()


def test_other_networks_are_read_as_they_are():
    other = nn.Conv2d(3, 2, 1)
    assert for_reading(other, CPU) is other
