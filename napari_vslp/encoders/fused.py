"""The bundled network for reading alone: batch norm folded, activations computed in passing.

In evaluation a batch norm is an affine map of what the convolution before it gives, so the two are
one convolution (Jacob et al., CVPR 2018, arXiv 1712.05877, section 3.2). On a processor oneDNN also
applies the activation, or adds the residual, while it writes a convolution's result: the network's
time is mostly that of moving its maps. Where torch lacks these operators, or they answer otherwise
than plain torch does, plain convolutions with folded batch norms are used.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_vslp.encoders.network import STRIDES, HybridSegmenter, pad_image

Activation = Literal["none", "relu", "relu6"]

_ONEDNN: dict[Activation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
}
_NEAR = 1e-4


class PlainConvolution(nn.Module):
    """A convolution with its activation, or with a residual that is added.

    Parameters
    ----------
    convolution
        With the batch norm folded into it.
    activation
        What follows it; none where a residual is added.
    """

    def __init__(self, convolution: nn.Conv2d, activation: Activation = "none") -> None:
        super().__init__()
        self.convolution, self.activation = convolution, activation

    def forward(self, maps: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return the maps (N, C, h, w) that follow."""
        found: Tensor = self.convolution(maps)
        if residual is not None:
            return found.add_(residual)
        if self.activation == "relu6":
            return functional.relu6(found, inplace=True)
        return found.relu_() if self.activation == "relu" else found


class OneDnnConvolution(nn.Module):
    """`PlainConvolution` as one call of oneDNN; its weights lie in the order that it prefers."""

    def __init__(self, convolution: nn.Conv2d, activation: Activation = "none") -> None:
        super().__init__()
        self.geometry = (
            [int(one) for one in convolution.padding],
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.activation, self.limits = _ONEDNN[activation]
        weight = convolution.weight.detach().contiguous(memory_format=torch.channels_last)
        operators: Any = torch.ops.mkldnn
        self.weight = operators._reorder_convolution_weight(weight, *self.geometry)
        self.bias = None if convolution.bias is None else convolution.bias.detach()

    def forward(self, maps: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return the maps (N, C, h, w) that follow."""
        pointwise: Any = torch.ops.mkldnn._convolution_pointwise
        given = (self.weight, self.bias, *self.geometry)
        found: Tensor
        if residual is None:
            found = pointwise(maps, *given, self.activation, self.limits, "")
        else:
            found = pointwise.binary(maps, residual, *given, "add", 1.0, None, [], None)
        return found


Convolution = type[PlainConvolution] | type[OneDnnConvolution]


class FusedSegmenter(nn.Module):
    """A `HybridSegmenter` that can only be read with, for a part of the time.

    Parameters
    ----------
    network
        In evaluation mode; it is left as it is and shares its transformer's weights.
    kind
        What its convolutions become.
    """

    def __init__(self, network: HybridSegmenter, kind: Convolution) -> None:
        super().__init__()
        stem = network.stem
        self.first = kind(_folded(stem.conv_stem, stem.bn1), "relu6")
        self.stages = nn.ModuleList(
            nn.ModuleList(_Bottleneck(block, kind) for block in stage) for stage in stem.blocks
        )
        self.tapped = _tapped(network)
        self.embed, self.positions = kind(network.embed), kind(network.positions)
        self.blocks, self.norm = network.blocks, network.norm
        laterals = (network.lateral16, network.lateral8, network.lateral4)
        self.laterals = nn.ModuleList(kind(_folded(*one)) for one in laterals)
        self.fuse8 = _Refinement(network.fuse8.body, kind)
        self.fuse4 = nn.Sequential(*(_Refinement(one.body, kind) for one in network.fuse4))
        self.head = kind(network.head)

    def forward_with_features(self, image: Tensor) -> tuple[Tensor, list[tuple[int, Tensor]]]:
        """Return logits and maps as `HybridSegmenter.forward_with_features` does.

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), float32.
        """
        maps = self._encode(pad_image(image))
        logits = self._decode(*maps)
        sides = [[-(-side // stride) for side in image.shape[-2:]] for stride in STRIDES]
        cut = [one[..., :rows, :columns] for one, (rows, columns) in zip(maps, sides, strict=True)]
        rows, columns = sides[0]
        return logits[..., :rows, :columns], list(zip(STRIDES, cut, strict=True))

    def _encode(self, image: Tensor) -> list[Tensor]:
        maps, tapped = self.first(image), []
        for index, stage in enumerate(self.stages):
            for block in stage:  # type: ignore[attr-defined]
                maps = block(maps)
            if index in self.tapped:
                tapped.append(maps)
        deep = self.embed(maps)
        deep = self.positions(deep, deep)
        count, width, rows, columns = deep.shape
        # Channels last already: neither order of axes copies anything.
        tokens = deep.permute(0, 2, 3, 1).reshape(count, rows * columns, width)
        tokens = self.norm(self.blocks(tokens)).view(count, rows, columns, width)
        return [*tapped[:2], tokens.permute(0, 3, 1, 2)]

    def _decode(self, shallow: Tensor, middle: Tensor, deep: Tensor) -> Tensor:
        lateral16, lateral8, lateral4 = self.laterals
        fused = self.fuse8(lateral8(middle, _double(lateral16(deep))))
        fused = self.fuse4(lateral4(shallow, _double(fused)))
        logits: Tensor = self.head(fused)
        return logits


class _Bottleneck(nn.Module):
    """A block of EfficientNet-Lite: expand (but for the first), depthwise, project, add."""

    def __init__(self, block: Any, kind: Convolution) -> None:  # noqa: ANN401 - timm's
        super().__init__()
        names = [("conv_dw", "bn1"), ("conv_pw", "bn2")]
        if hasattr(block, "conv_pwl"):
            names = [("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")]
        pairs = [(getattr(block, conv), getattr(block, norm)) for conv, norm in names]
        self.inner = nn.Sequential(*(kind(_folded(*pair), "relu6") for pair in pairs[:-1]))
        self.last = kind(_folded(*pairs[-1]))
        self.adds = bool(block.has_skip)

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.last(self.inner(maps), maps if self.adds else None)
        return found


class _Refinement(nn.Module):
    """The decoder's residual block: depthwise, pointwise, ReLU, add."""

    def __init__(self, body: Any, kind: Convolution) -> None:  # noqa: ANN401
        super().__init__()
        self.depthwise = kind(_folded(body[0], body[1]))
        self.pointwise = kind(_folded(body[2], body[3]), "relu")

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.pointwise(self.depthwise(maps))
        return found.add_(maps)


def for_reading(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a network that answers the same to rounding, in less time.

    Parameters
    ----------
    network
        In evaluation mode. Others than a `HybridSegmenter` come back as they are.
    device
        Where it will compute.

    Returns
    -------
    torch.nn.Module
        With ``forward_with_features``.
    """
    if not isinstance(network, HybridSegmenter):
        return network
    kind = OneDnnConvolution if device.type == "cpu" and _onednn_works() else PlainConvolution
    return FusedSegmenter(network, kind).requires_grad_(requires_grad=False).eval()


@cache
def _onednn_works() -> bool:
    """Return whether oneDNN's fused operators are there and answer what plain torch answers."""
    draw = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 8, 6, 6, generator=draw).contiguous(memory_format=torch.channels_last)
    try:
        return all(
            _agrees(maps, groups, activation, draw) for groups in (1, 8) for activation in _ONEDNN
        )
    except (AttributeError, RuntimeError, TypeError):
        return False


def _agrees(maps: Tensor, groups: int, activation: Activation, draw: torch.Generator) -> bool:
    layer = nn.Conv2d(8, 8, 3, padding=1, groups=groups).requires_grad_(requires_grad=False)
    layer.weight.copy_(4 * torch.rand(layer.weight.shape, generator=draw) - 2)
    with torch.inference_mode():
        ours, plain = OneDnnConvolution(layer, activation), PlainConvolution(layer, activation)
        added = (ours(maps, maps), plain(maps, maps)) if activation == "none" else (maps, maps)
        pairs = ((ours(maps), plain(maps)), added)
        return all(torch.allclose(a, b, rtol=_NEAR, atol=_NEAR) for a, b in pairs)


def _folded(convolution: nn.Conv2d, norm: Any) -> nn.Conv2d:  # noqa: ANN401 - timm's
    return fuse_conv_bn_eval(convolution, norm)


def _tapped(network: HybridSegmenter) -> tuple[int, ...]:
    """Return behind which stages the stem's maps at strides 4 and 8 are taken."""
    names = network.stem.feature_info.module_name()
    return tuple(int(name.split(".")[1]) for name in names[:2])


def _double(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
