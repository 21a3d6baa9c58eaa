"""The bundled network: sizes in, logits and feature maps out."""

import pytest
import torch


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
