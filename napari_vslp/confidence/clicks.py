"""What clicks say: a kernel residual on the logits that the rest of stage 1 gives.

A click wants its tissue to lead by a margin T where it lies. What is missing there, δ, is spread
to places that look alike and are not too far, by kernel ridge regression (the mean of a Gaussian
process; Rasmussen and Williams 2006, eq. 2.25) with the kernel

    k(x, y) = exp(κ (cos(f_x, f_y) − 1)) · (ε + (1 − ε) exp(−|x − y|² / 2ρ²)).

A click where its tissue leads already has δ = 0: it changes nothing and holds the others off.
Clicks that say the same share the work, so that many of one tissue do not outvote one of another.
Without a head all tissues start alike, and the same formula is a soft nearest-prototype rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from napari_vslp.confidence.contract import Context, Evidence, Need
from napari_vslp.core.tissues import Click
from napari_vslp.encoders.tiling import STRIDE


@dataclass(frozen=True)
class ClickKernel:
    """Constants of the kernel, one set for all images; tuned by ``benchmarks/clicks.py``.

    Attributes
    ----------
    sharpness
        κ: how alike a place must look.
    reach
        ρ (px): how far a click's word carries in full.
    floor
        ε in [0, 1]: how much of it is left far away.
    margin
        T (nats): by how much a clicked tissue should lead.
    ridge
        Noise variance of a click, relative to the kernel's 1.
    """

    sharpness: float = 2.0
    reach: float = 32.0
    floor: float = 0.7
    margin: float = 6.0
    ridge: float = 0.03


# Where nothing else tells the tissues apart a click must speak for all of the image; where a
# trained head does, it corrects a place: carried far, it undoes what the head had right. Floor
# and reach are those with which the audit's own clicks bring most (docs/accuracy.md).
KERNEL = ClickKernel()
CORRECTIVE = ClickKernel(reach=48.0, floor=0.2)


@dataclass(frozen=True)
class ClickOptions:
    """What may be told about clicks beyond the clicks themselves.

    Attributes
    ----------
    kernel
        How far and how strongly a click speaks; by default as far as nothing else does, with
        constants that were tuned once for all images.
    """

    kernel: ClickKernel | None = None


class Clicks:
    """The residual of the clicks on the logits that the others gave in each view."""

    name = "clicks"
    level: Literal["grid"] = "grid"
    needs: frozenset[Need] = frozenset({"clicks"})
    Options = ClickOptions

    def active(self, context: Context) -> bool:
        """Where there are clicks and they are to say nearness."""
        return bool(context.clicks) and context.settings.clicks_say == "nearness"

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the belief with the clicks' residual."""
        chosen: ClickOptions = context.settings.of(self.name, ClickOptions)
        kernel = chosen.kernel or (CORRECTIVE if context.told else KERNEL)
        cells = cells_of(context.clicks, context.grid)
        near = nearness(cells, context.grid, kernel)
        alike = likeness(context.embedding.vectors[0], cells, near, kernel)
        residuals = [residual_logits(alike, one, cells, context.owners, kernel) for one in belief]
        return Evidence(belief + torch.stack(residuals))


def cells_of(clicks: Sequence[Click], grid: tuple[int, int]) -> Tensor:
    """Return the cell of each click on a grid at stride 4, as a flat index, shape (n,), int64."""
    cells = [(c.row // STRIDE) * grid[1] + c.column // STRIDE for c in clicks]
    return torch.tensor(cells, dtype=torch.int64)


def nearness(cells: Tensor, grid: tuple[int, int], kernel: ClickKernel = KERNEL) -> Tensor:
    """Return ε + (1 − ε) exp(−d² / 2ρ²) of each clicked cell and all cells.

    Parameters
    ----------
    cells : Tensor
        Flat indices, shape (n,).
    grid : tuple of int
        h and w.
    kernel : ClickKernel
        Its reach and floor.

    Returns
    -------
    Tensor
        Shape (n, h·w), float32 in (0, 1].
    """
    scale = STRIDE / kernel.reach
    rows = (torch.arange(grid[0]) - (cells // grid[1])[:, None]) * scale
    columns = (torch.arange(grid[1]) - (cells % grid[1])[:, None]) * scale
    # The Gaussian of the distance is the product of one of the rows and one of the columns.
    near = torch.exp(rows**2 / -2)[:, :, None] * torch.exp(columns**2 / -2)[:, None, :]
    return (kernel.floor + (1 - kernel.floor) * near).flatten(1)


def likeness(vectors: Tensor, cells: Tensor, near: Tensor, kernel: ClickKernel = KERNEL) -> Tensor:
    """Return k(x, y) of each clicked cell x and all cells y, (n, h·w) float32.

    Parameters
    ----------
    vectors : Tensor
        Features of length 1, shape (d, h, w), float16.
    cells : Tensor
        Flat indices, shape (n,), int64.
    near : Tensor
        From `nearness`, shape (n, h·w).
    kernel : ClickKernel
        Its sharpness.
    """
    flat = vectors.flatten(1).float()
    cosine = flat[:, cells].T @ flat
    return cosine.sub_(1).mul_(kernel.sharpness).exp_().mul_(near)


def residual_logits(
    alike: Tensor, logits: Tensor, cells: Tensor, owners: Tensor, kernel: ClickKernel = KERNEL
) -> Tensor:
    """Return what clicks add to the logits of one view.

    Parameters
    ----------
    alike : Tensor
        From `likeness`, shape (n, h·w), float32.
    logits : Tensor
        Without the clicks, shape (K, h, w), float32.
    cells, owners : Tensor
        Flat index and tissue of each click, shape (n,), int64.
    kernel : ClickKernel
        Its margin and ridge.

    Returns
    -------
    Tensor
        Shape (K, h, w), float32.
    """
    missing = torch.zeros(len(cells), len(logits))
    missing[torch.arange(len(cells)), owners] = missing_margin(logits, cells, owners, kernel.margin)
    system = alike[:, cells] + kernel.ridge * torch.eye(len(cells))
    weights = torch.linalg.solve(system, missing)
    residual: Tensor = weights.T @ alike
    return residual.view_as(logits)


def missing_margin(logits: Tensor, cells: Tensor, owners: Tensor, margin: float) -> Tensor:
    """Return δ ≥ 0: by how much each click's tissue falls short of the margin, shape (n,)."""
    at = logits.flatten(1)[:, cells].T
    own = at.gather(1, owners[:, None])[:, 0]
    rivals = at.scatter(1, owners[:, None], -torch.inf).amax(1)
    missing: Tensor = margin - (own - rivals)
    return missing.clamp_min(0)
