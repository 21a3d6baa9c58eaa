"""The word of the pixel rule for white background: glass and empty lumina."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from napari_vslp.confidence.contract import Context, Evidence, Need
from napari_vslp.confidence.head import LEAST_ODDS
from napari_vslp.confidence.names import WHITE
from napari_vslp.encoders.tiling import STRIDE


class White:
    """log w for white tissues and log (1 − w) for others, as sharp as the pixels."""

    name = "white"
    level: Literal["grid"] = "grid"
    needs: frozenset[Need] = frozenset()

    def active(self, context: Context) -> bool:
        """Where a tissue is white background."""
        return WHITE in context.groups

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the belief with the rule's logits added."""
        coarse = white_on_grid(context)
        return Evidence(belief + coarse, coarse, _logits(_white(context), context.is_white))


def white_on_grid(context: Context) -> Tensor:
    """Return the rule's logits at stride 4, shape (K, h, w), or zeros where no tissue is white."""
    grid = context.grid
    if WHITE not in context.groups:
        return torch.zeros(len(context.tissues), *grid)
    white = _white(context)
    # The last cells may reach beyond the image.
    below, right = (grid[i] * STRIDE - white.shape[i] for i in range(2))
    padded = functional.pad(white[None, None], (0, right, 0, below), "replicate")
    return _logits(functional.avg_pool2d(padded, STRIDE)[0, 0], context.is_white)


def _white(context: Context) -> Tensor:
    white: Tensor = torch.from_numpy(context.embedding.white).float()
    return white.clamp(LEAST_ODDS, 1 - LEAST_ODDS)


def _logits(white: Tensor, is_white: Tensor) -> Tensor:
    shape = (-1, *[1] * white.ndim)
    return torch.where(is_white.view(shape), white.log(), torch.log1p(-white))
