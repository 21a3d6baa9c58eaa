"""The image as the learned regulariser sees it: with a margin, and nothing beyond the tissue.

What lies outside, be it the image's border or white background, repeats the nearest tissue pixel:
boundaries with it are free, as those of the total variation are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

# Half of the first filters' side: they look so far beyond every pixel that has features.
REACH_PX = 2
MARGIN_PX = 8


class Frame:
    """A linear map from images of H × W px to frames of h × w px, and its transpose.

    Parameters
    ----------
    inside
        (H, W) bool tissue mask, somewhere true.
    multiple
        The features' sides are multiples of this (px).

    Attributes
    ----------
    shape
        h and w of the frame.
    counted
        (h − 4, w − 4) float32, 1 where the features of a tissue pixel lie.
    device
        Where the tensors lie.
    """

    def __init__(self, inside: NDArray[np.bool_], multiple: int, device: str = "cpu") -> None:
        self.size = inside.shape
        outer = MARGIN_PX + REACH_PX
        padded = [(outer, outer + -(side + 2 * MARGIN_PX) % multiple) for side in self.size]
        there = np.pad(inside, padded)
        rows, columns = np.indices(there.shape)
        if not there.all():
            rows, columns = distance_transform_edt(
                ~there, return_distances=False, return_indices=True
            )
        source = (rows - outer) * self.size[1] + (columns - outer)
        self.shape = there.shape
        inner = there[REACH_PX:-REACH_PX, REACH_PX:-REACH_PX]
        self.counted = torch.from_numpy(inner.astype(np.float32)).to(device)
        self._source = torch.from_numpy(source.ravel().astype(np.int64)).to(device)

    def spread(self, maps: Tensor) -> Tensor:
        """Return maps (N, H, W) in the frame, (N, h, w)."""
        return maps.flatten(1)[:, self._source].view(len(maps), *self.shape)

    def gather(self, maps: Tensor) -> Tensor:
        """Return the transpose of `spread`: (N, h, w) to (N, H, W)."""
        flat = maps.new_zeros(len(maps), self.size[0] * self.size[1])
        return flat.index_add(1, self._source, maps.flatten(1)).view(len(maps), *self.size)

    def crop(self, maps: Tensor) -> Tensor:
        """Return maps of features (N, h − 4, w − 4) on the image's pixels, 0 outside the mask."""
        top, left = MARGIN_PX, MARGIN_PX
        bottom, right = top + self.size[0], left + self.size[1]
        return (maps * self.counted)[:, top:bottom, left:right]
