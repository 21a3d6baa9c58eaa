"""Edge weights: boundaries are cheap where the image itself has an edge, and dear elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

# Chosen together on EBHI-Seg and WSSS4LUAD (docs/accuracy.md): sharp, strong edges. The gain keeps
# one λ meaning about as much smoothness with edges as without.
GAIN = 8.0
FLOOR = 0.08
SIGMA_PX = 1.0
# Squared slope of glass, noise and all: less than one grey value a pixel.
_FLAT = 1 / 255**2


def edge_weight(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return g = 8 / (1 + (β|∇I_σ|²)²), never below 0.08.

    1/β is the median of |∇I_σ|² over the pixels that are not flat, so that neither the strength of
    the stain matters nor how much glass there is; σ = 1 px.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (H, W) float32 in [0.08, 8]; 1 everywhere in an image that is flat.

    Notes
    -----
    The edge-stopping function of Perona & Malik (1990), squared, as the weight of geodesic total
    variation, Bresson et al. (2007).
    """
    grey = image.astype(np.float32).mean(axis=2) / 255
    smooth = gaussian_filter(grey, SIGMA_PX, mode="nearest")
    squared = np.zeros_like(smooth)
    for axis in range(2):
        if smooth.shape[axis] > 1:
            squared += np.square(np.gradient(smooth, axis=axis))
    # Glass would lower the scale, until all tissue passed for edges.
    steep = squared[squared > _FLAT]
    if not steep.size:
        return np.ones_like(smooth)
    scale = float(np.median(steep))
    weight: NDArray[np.float32] = np.maximum(FLOOR, GAIN / (1 + np.square(squared / scale)))
    return weight.astype(np.float32)
