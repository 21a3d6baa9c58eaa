"""The learned regulariser: a total deep variation of every tissue's membership, with its gradient.

R(u | I, c) = Σ_k Σ_x r(u_k, I, c̃_k)(x), r ≥ 0. Every tissue passes through the same small network,
one against the rest, so that one file serves any number of tissues in any order. After Kobler,
Effland, Kunisch & Pock, "Total deep variation for linear inverse problems" (CVPR 2020), with image
and confidences shown to the network beside u, and ½log(1 + y²) as readout, so that r makes a map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn
from torch.nn import functional

# Half of the first filters' side: they look so far beyond every pixel that has features.
REACH_PX = 2
MARGIN_PX = 8
_BINOMIAL = (1.0, 3.0, 3.0, 1.0)
FIRST_SIDE = 2 * REACH_PX + 1
COLOURS = 3


@dataclass(frozen=True)
class TDVShape:
    """Sizes of the network.

    Attributes
    ----------
    channels
        Feature maps at every scale.
    blocks
        Macro-blocks; each goes down the scales and up again.
    scales
        Each half as fine as the one before.
    image, confidence
        Whether the network is shown the image, and the tissue's corrected log-odds.
    """

    channels: int = 12
    blocks: int = 1
    scales: int = 4
    image: bool = True
    confidence: bool = True

    @property
    def shown(self) -> int:
        """Maps that the network is shown beside u."""
        return COLOURS * self.image + int(self.confidence)

    @property
    def multiple(self) -> int:
        """Sides of what the network sees are multiples of this many px."""
        return 1 << (self.scales - 1)


class Frame:
    """A linear map from images of H × W px to frames of h × w px, and its transpose.

    What lies outside the tissue, be it the image's border or white background, repeats the nearest
    tissue pixel: boundaries with it are free, as those of the total variation are.

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


def activation(y: Tensor) -> Tensor:
    """Return φ(y) = ½ log(1 + y²), the log-Student function."""
    return torch.log1p(y * y) / 2


def slope(y: Tensor) -> Tensor:
    """Return φ′(y) = y / (1 + y²)."""
    return y / (1 + y * y)


class MicroBlock(nn.Module):
    """x ↦ x + K₂ φ(K₁ x) of F feature maps, both K 3 × 3 convolutions without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Parameter(_random(channels, channels, 3))
        self.second = nn.Parameter(_random(channels, channels, 3))

    def push(self, x: Tensor, tape: list[Tensor]) -> Tensor:
        """Return the block's output, of x's shape (N, F, h, w); K₁x goes onto the tape."""
        inner = functional.conv2d(x, self.first, padding=1)
        tape.append(inner)
        return x + functional.conv2d(activation(inner), self.second, padding=1)

    def pull(self, grad: Tensor, tape: list[Tensor]) -> Tensor:
        """Return the transposed Jacobian times a gradient: g + K₁ᵀ(φ′(K₁x) · K₂ᵀ g).

        Takes (N, F, h, w) and returns the same shape; what `push` left is taken off the tape.
        """
        inner = functional.conv_transpose2d(grad, self.second, padding=1)
        inner = inner * slope(tape.pop())
        return grad + functional.conv_transpose2d(inner, self.first, padding=1)


class Resample(nn.Module):
    """Blur and take every second pixel, or its transpose; then mix the channels, 1 × 1."""

    blur: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Parameter(_random(channels, channels, 1))
        row = torch.tensor(_BINOMIAL) / sum(_BINOMIAL)
        kernel = (row[:, None] * row).expand(channels, 1, 4, 4)
        self.register_buffer("blur", kernel.clone(), persistent=False)

    def down(self, x: Tensor) -> Tensor:
        """Return x, (N, F, 2h, 2w), at half the size: (N, F, h, w)."""
        return functional.conv2d(self._shrink(x), self.mix)

    def pull_down(self, grad: Tensor) -> Tensor:
        """Return the transpose of `down`, (N, F, h, w) to (N, F, 2h, 2w)."""
        return self._grow(functional.conv_transpose2d(grad, self.mix))

    def up(self, x: Tensor) -> Tensor:
        """Return x, (N, F, h, w), at twice the size; 4 makes constants stay what they are."""
        return functional.conv2d(4 * self._grow(x), self.mix)

    def pull_up(self, grad: Tensor) -> Tensor:
        """Return the transpose of `up`, (N, F, 2h, 2w) to (N, F, h, w)."""
        return 4 * self._shrink(functional.conv_transpose2d(grad, self.mix))

    def _shrink(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.blur, stride=2, padding=1, groups=len(self.blur))

    def _grow(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, self.blur, stride=2, padding=1, groups=len(self.blur))


class MacroBlock(nn.Module):
    """Micro-blocks down the scales and up again, each scale's features added on the way up."""

    def __init__(self, shape: TDVShape) -> None:
        super().__init__()
        steps = range(shape.scales - 1)
        # Lists keep the types; the module lists beside them own the weights.
        self._descent = [MicroBlock(shape.channels) for _ in range(shape.scales)]
        self._ascent = [MicroBlock(shape.channels) for _ in steps]
        self._downs = [Resample(shape.channels) for _ in steps]
        self._ups = [Resample(shape.channels) for _ in steps]
        self.descent, self.ascent = nn.ModuleList(self._descent), nn.ModuleList(self._ascent)
        self.downs, self.ups = nn.ModuleList(self._downs), nn.ModuleList(self._ups)

    def push(self, x: Tensor, tape: list[Tensor]) -> Tensor:
        """Return the block's features, of x's shape."""
        kept = []
        for scale, block in enumerate(self._descent):
            x = block.push(x, tape)
            if scale < len(self._downs):
                kept.append(x)
                x = self._downs[scale].down(x)
        for scale in reversed(range(len(self._ups))):
            x = kept[scale] + self._ups[scale].up(x)
            x = self._ascent[scale].push(x, tape)
        return x

    def pull(self, grad: Tensor, tape: list[Tensor]) -> Tensor:
        """Return the transposed Jacobian times a gradient, (N, F, h, w), the same way backwards."""
        kept = []
        for scale in range(len(self._ups)):
            grad = self._ascent[scale].pull(grad, tape)
            kept.append(grad)
            grad = self._ups[scale].pull_up(grad)
        for scale in reversed(range(len(self._descent))):
            if scale < len(self._downs):
                grad = kept[scale] + self._downs[scale].pull_down(grad)
            grad = self._descent[scale].pull(grad, tape)
        return grad


class TDV(nn.Module):
    """The network r, its energy and its gradient.

    Parameters
    ----------
    shape
        Its sizes.
    """

    def __init__(self, shape: TDVShape) -> None:
        super().__init__()
        self.shape = shape
        self.filters = nn.Parameter(_random(shape.channels, 1, FIRST_SIDE))
        self.seen = nn.Parameter(_random(shape.channels, max(1, shape.shown), FIRST_SIDE))
        self._macros = [MacroBlock(shape) for _ in range(shape.blocks)]
        self.macros = nn.ModuleList(self._macros)
        # Small, so that training begins at the total variation's own solution.
        self.readout = nn.Parameter(0.1 * _random(1, shape.channels, 1))

    def first_filters(self) -> Tensor:
        """Return the filters on u: of zero mean, so that constants cost nothing by themselves.

        Of the shape of `filters`. Their norms are at most 1; otherwise scale and smoothness would
        be told twice.
        """
        centred = self.filters - self.filters.mean((2, 3), keepdim=True)
        norm = centred.square().sum((1, 2, 3), keepdim=True).sqrt()
        bounded: Tensor = centred / norm.clamp_min(1)
        return bounded

    def look(self, shown: Tensor | None) -> Tensor | float:
        """Return what the maps shown beside u add to the first features; it is linear.

        Parameters
        ----------
        shown
            (N, `shape.shown`, h, w) float32 in the frame, or None.
        """
        if shown is None or not self.shape.shown:
            return 0.0
        return functional.conv2d(shown, self.seen)

    def energy(self, u: Tensor, seen: Tensor | float, tape: list[Tensor] | None = None) -> Tensor:
        """Return r where there are features, (N, 1, h − 4, w − 4) nats, ≥ 0.

        Parameters
        ----------
        u
            (N, 1, h, w) float32 in [0, 1]: one tissue against the rest, N of them.
        seen
            From `look`.
        tape
            Takes what `pull` needs, if it is to follow.
        """
        tape = [] if tape is None else tape
        x = functional.conv2d(u, self.first_filters()) + seen
        for macro in self._macros:
            x = macro.push(x, tape)
        y = functional.conv2d(x, self.readout)
        tape.append(y)
        return activation(y)

    def pull(self, weight: Tensor, tape: list[Tensor]) -> Tensor:
        """Return ∂/∂u Σ weight·r, (N, 1, h, w), written out: the chain rule, block by block.

        Parameters
        ----------
        weight
            (…, h − 4, w − 4) float32: 1 at pixels that count, 0 elsewhere.
        tape
            As `energy` left it; used up.
        """
        grad = functional.conv_transpose2d(weight * slope(tape.pop()), self.readout)
        for macro in reversed(self._macros):
            grad = macro.pull(grad, tape)
        pulled: Tensor = functional.conv_transpose2d(grad, self.first_filters())
        return pulled

    def energy_and_gradient(
        self, u: Tensor, seen: Tensor | float, frame: Frame
    ) -> tuple[Tensor, Tensor]:
        """Return the per-pixel energy summed over tissues and ∇_u R, on the image's own grid.

        Parameters
        ----------
        u
            (N, H, W) float32 memberships: the K tissues of one image or of several.
        seen
            From `look`, in the frame.
        frame
            How the image lies in what the network sees.

        Returns
        -------
        Tensor
            (N, H, W) r of every tissue; 0 outside the mask (nats).
        Tensor
            (N, H, W) gradient of its sum with respect to u (nats).
        """
        tape: list[Tensor] = []
        energy = self.energy(frame.spread(u)[:, None], seen, tape)
        grad = self.pull(frame.counted, tape)
        return frame.crop(energy[:, 0]), frame.gather(grad[:, 0])


def _random(out: int, into: int, side: int) -> Tensor:
    drawn: Tensor = torch.randn(out, into, side, side) / (into * side * side) ** 0.5
    return drawn
