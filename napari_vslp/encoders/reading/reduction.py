"""Principal components of an encoder's features: a tenth of the memory, and noise left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_vslp.encoders.encoder import EncoderOutput, resized

# 16 to 48 components serve clicks alike; dividing them by λ_j^¼ or λ_j^½ (whitening) costs up to
# 0.11 mIoU after one click a tissue, because it raises the noise (`benchmarks/clicks.py`).
DIMENSIONS = 32
_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True)
class Reduction:
    """An affine map from D features to at most 32 principal components.

    Each channel is centred and scaled over the image, which takes stain and light out, and each
    stride's block of channels weighs the same; the components are those of the covariance of the
    result (Pearson 1901).

    Attributes
    ----------
    mean
        (D,) float32.
    basis
        (D, d) float32.
    """

    mean: Tensor
    basis: Tensor

    def apply(self, output: EncoderOutput) -> Tensor:
        """Reduce the features of N images to components, (N, d, H/4, W/4) float32.

        Both this map and upsampling are affine, so that each stride's map is reduced before it is
        upsampled: some 32 channels instead of some hundreds.
        """
        total, first = torch.zeros(()), 0
        for maps in output.maps:
            block = slice(first, first + maps.shape[1])
            first = block.stop
            basis = self.basis[block].T
            shift = -(basis @ self.mean[block])
            part = functional.conv2d(maps, basis[:, :, None, None], shift)
            total = total + resized(part, output.grid)
        return total


def fit_reduction(samples: Iterable[EncoderOutput]) -> Reduction:
    """Fit the reduction to an encoder's features of an image.

    Parameters
    ----------
    samples : iterable of EncoderOutput
        Parts of the image, of which every second cell counts; only sums are kept of each.

    Returns
    -------
    Reduction
        On the device of the samples.
    """
    count, total, square = 0, torch.zeros(()), torch.zeros(())
    blocks: tuple[int, ...] = ()
    device = torch.device("cpu")
    for sample in samples:
        blocks, device = sample.blocks, sample.maps[0].device
        flat = _every_second(sample).transpose(0, 1).flatten(1)
        # Summed on the processor, because Metal has neither float64 nor eigenvalues.
        total = total + flat.sum(1).cpu().double()
        square = square + (flat @ flat.T).cpu().double()
        count += flat.shape[1]
    mean = total / count
    basis = _principal(square / count - mean[:, None] * mean, blocks)
    return Reduction(mean.float().to(device), basis.to(device))


def unit_length(features: Tensor) -> Tensor:
    """Scale each pixel's features (…, d, h, w) to length 1, so that products are cosines."""
    return functional.normalize(features, dim=-3)


def _every_second(sample: EncoderOutput) -> Tensor:
    """Return the features of every second row and column of cells, (N, D, h/2, w/2)."""
    rows, columns = ((side + 1) // 2 for side in sample.grid)
    thin = [one[..., ::2, ::2] if one.shape[-2:] == sample.grid else one for one in sample.maps]
    return torch.cat([resized(one, (rows, columns)) for one in thin], dim=1)


def _principal(covariance: Tensor, blocks: tuple[int, ...]) -> Tensor:
    variance = covariance.diagonal().clamp_min(0)
    scale = variance.clamp_min(1e-6 * float(variance.mean()) + 1e-12).rsqrt()
    scale = scale * torch.cat([torch.full((n,), n**-0.5, dtype=torch.float64) for n in blocks])
    values, vectors = torch.linalg.eigh(scale[:, None] * covariance * scale)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    kept = max(1, min(DIMENSIONS, int((values > _SMALLEST_SHARE * values[0]).sum())))
    vectors = vectors[:, :kept] * _signs(vectors[:, :kept])
    basis: Tensor = scale[:, None] * vectors
    return basis.float()


def _signs(vectors: Tensor) -> Tensor:
    """Make the largest entry of each vector positive: eigenvectors have no sign of their own."""
    return vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
