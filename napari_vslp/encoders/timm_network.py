"""Any timm encoder with a light decoder on top, as one network that can be trained and saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple
from napari_vslp.encoders.timm_features import TimmFeatures
from napari_vslp.encoders.torchvision_shim import import_timm


@dataclass(frozen=True)
class TimmArguments:
    """What fixes the shape of a :class:`TimmSegmenter`, as written into its weights file."""

    name: str
    tissues: int = 2
    decoder_width: int = 64

    def __post_init__(self) -> None:
        # As in HybridArguments: the figures may come from a stranger's file.
        if any(not 1 <= size <= 4096 for size in (self.tissues, self.decoder_width)):
            raise ValueError("a size of the network is out of range")
        if not import_timm().is_model(self.name):
            raise ValueError(f"timm has no architecture {self.name!r}")


class TimmSegmenter(nn.Module):
    """A timm encoder whose maps are projected, summed at stride 4 and refined into scores.

    Parameters
    ----------
    arguments : TimmArguments
        Architecture and numbers of tissues and channels.
    features : TimmFeatures, optional
        The encoder with its weights; one with random weights if not given.
    """

    def __init__(self, arguments: TimmArguments, features: TimmFeatures | None = None) -> None:
        super().__init__()
        self.arguments = arguments
        self.features = features or TimmFeatures(_random_body(arguments.name))
        self.features.requires_grad_(requires_grad=True)
        self.multiple = self.features.multiple
        width = arguments.decoder_width
        self.project = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))
            for channels in _channels(self.features)
        )
        self.refine = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(width, arguments.tissues, 1)

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

    def forward_with_features(self, image: Tensor) -> tuple[Tensor, list[tuple[int, Tensor]]]:
        """Return the logits, and the encoder's maps with their strides (px).

        Parameters
        ----------
        image : Tensor
            Normalised image, shape (N, 3, H, W), floating point.
        """
        padded = pad_to_multiple(image, self.multiple)
        _, maps = self.features.forward_with_features(padded)
        size = [side // STRIDE for side in padded.shape[-2:]]
        fused = sum(
            functional.interpolate(project(one), size=size, mode="bilinear", align_corners=False)
            for project, (_, one) in zip(self.project, maps, strict=True)
        )
        logits: Tensor = self.head(self.refine(fused))
        height, width = image.shape[-2:]
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        kept = [(s, one[..., : -(-height // s), : -(-width // s)]) for s, one in maps]
        return logits[..., :rows, :columns], kept


def _random_body(name: str) -> Any:  # noqa: ANN401
    create, options = import_timm().create_model, {"pretrained": False, "features_only": True}
    try:
        # As in timm_features: vision transformers need it.
        return create(name, dynamic_img_size=True, **options)
    except TypeError:
        return create(name, **options)


def _channels(features: TimmFeatures) -> list[int]:
    channels = features.body.feature_info.channels()
    return [int(channels[i]) for i in features.chosen]
