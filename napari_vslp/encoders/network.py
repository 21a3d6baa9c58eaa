"""The bundled network: a convolutional stem, four transformer blocks, a light decoder.

The stem is EfficientNet-Lite0 up to stride 16 (Tan and Le 2019, arXiv 1905.11946), the transformer
is that of timm's vision transformers (Dosovitskiy et al., ICLR 2021) with the conditional position
encoding of Chu et al., ICLR 2023 (arXiv 2102.10882), so that any image size runs without resizing
a table of positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.encoders.timm_network import import_timm

STRIDES = (4, 8, 16)
_MULTIPLE = 32


@dataclass(frozen=True)
class HybridArguments:
    """What fixes the shape of a :class:`HybridSegmenter`, as written into its weights file."""

    tissues: int = 2
    width: int = 192
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 3.0
    decoder_width: int = 64

    def __post_init__(self) -> None:
        # The figures may come from a stranger's file: no size that would fill the memory.
        sizes = (self.tissues, self.width, self.heads, self.decoder_width)
        if any(not 1 <= size <= 4096 for size in sizes) or not 0 <= self.depth <= 64:
            raise ValueError("a size of the network is out of range")
        if any(type(size) is not int for size in (*sizes, self.depth)):
            raise ValueError("a size of the network is no whole number")
        if not 0 < self.mlp_ratio <= 64:
            raise ValueError("the width of the perceptrons is out of range")
        if self.width % self.heads:
            raise ValueError("the width is not a multiple of the number of heads")


class HybridSegmenter(nn.Module):
    """A hybrid of convolutions and a transformer that gives a score per tissue and pixel.

    Parameters
    ----------
    arguments : HybridArguments, optional
        Numbers of tissues, channels and blocks.
    """

    def __init__(self, arguments: HybridArguments | None = None) -> None:
        super().__init__()
        self.arguments = arguments or HybridArguments()
        width, decoder = self.arguments.width, self.arguments.decoder_width
        self.stem = make_stem()
        shallow, middle, deep = self.stem.feature_info.channels()
        self.embed = nn.Conv2d(deep, width, 1)
        self.positions = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.blocks = _make_blocks(self.arguments)
        self.norm = nn.LayerNorm(width)
        self.lateral16 = _project(width, decoder)
        self.lateral8 = _project(middle, decoder)
        self.lateral4 = _project(shallow, decoder)
        self.fuse8 = _SeparableBlock(decoder)
        self.fuse4 = nn.Sequential(_SeparableBlock(decoder), _SeparableBlock(decoder))
        self.head = nn.Conv2d(decoder, self.arguments.tissues, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of an image, one per tissue, at a quarter of its resolution.

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point, any H and W.

        Returns
        -------
        Tensor
            Logits, shape (N, K, ⌈H/4⌉, ⌈W/4⌉).
        """
        return self.forward_with_features(image)[0]

    def features(self, image: Tensor) -> list[tuple[int, Tensor]]:
        """Return the feature maps of an image with their strides in pixels.

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point.

        Returns
        -------
        list of (int, Tensor)
            Strides 4, 8 and 16 with maps of shape (N, C, ⌈H/stride⌉, ⌈W/stride⌉); the last one is
            the transformer's.
        """
        return _crop(self._encode(pad_image(image)), image)

    def forward_with_features(self, image: Tensor) -> tuple[Tensor, list[tuple[int, Tensor]]]:
        """Return :meth:`forward` and :meth:`features` of an image for the price of one pass.

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point.

        Returns
        -------
        tuple of Tensor and list of (int, Tensor)
            Logits of shape (N, K, ⌈H/4⌉, ⌈W/4⌉), and the maps at strides 4, 8 and 16.
        """
        maps = self._encode(pad_image(image))
        logits = self._decode(*maps)
        return _crop([logits], image)[0][1], _crop(maps, image)

    def _encode(self, image: Tensor) -> list[Tensor]:
        shallow, middle, deep = self.stem(image)
        deep = self.embed(deep)
        deep = deep + self.positions(deep)
        size = deep.shape[-2:]
        tokens = self.norm(self.blocks(deep.flatten(2).transpose(1, 2)))
        return [shallow, middle, tokens.transpose(1, 2).unflatten(2, size)]

    def _decode(self, shallow: Tensor, middle: Tensor, deep: Tensor) -> Tensor:
        fused = self.fuse8(self.lateral8(middle) + _double(self.lateral16(deep)))
        fused = self.fuse4(self.lateral4(shallow) + _double(fused))
        logits: Tensor = self.head(fused)
        return logits


class _SeparableBlock(nn.Module):
    """A residual depthwise 5×5 and pointwise convolution, cheap at high resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = maps + self.body(maps)
        return result


def make_stem() -> Any:  # noqa: ANN401
    """Return EfficientNet-Lite0 up to stride 16 with random weights.

    Returns
    -------
    torch.nn.Module
        A timm feature extractor: (N, 3, H, W) to three maps at strides 4, 8 and 16.
    """
    stem = import_timm().create_model(
        "efficientnet_lite0", features_only=True, out_indices=(1, 2, 3), bn_eps=1e-3
    )
    # timm keeps the two stages behind the last map asked for: two thirds of all parameters.
    stem.blocks = stem.blocks[:5]
    return stem


def _make_blocks(arguments: HybridArguments) -> nn.Sequential:
    import_timm()
    from timm.models.vision_transformer import Block

    sizes = (arguments.width, arguments.heads, arguments.mlp_ratio)
    return nn.Sequential(*(Block(*sizes, qkv_bias=True) for _ in range(arguments.depth)))


def _project(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))


def _double(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def pad_image(image: Tensor) -> Tensor:
    """Continue the image to the right and below, mirrored, up to multiples of 32 pixels."""
    height, width = image.shape[-2:]
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    # A reflection cannot be longer than the image itself.
    mode = "reflect" if below < height and right < width else "replicate"
    padded = functional.pad(image, (0, right, 0, below), mode=mode)
    # Channels last: the depthwise convolutions then take two thirds of the time on a CPU.
    return padded.contiguous(memory_format=torch.channels_last)


def _crop(maps: list[Tensor], image: Tensor) -> list[tuple[int, Tensor]]:
    """Cut what `pad_image` added off maps at strides 4, 8, 16."""
    height, width = image.shape[-2:]
    return [
        (stride, one[..., : -(-height // stride), : -(-width // stride)])
        for stride, one in zip(STRIDES, maps, strict=False)
    ]
