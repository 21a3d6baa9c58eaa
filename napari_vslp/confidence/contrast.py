"""What clicks say by contrast (CVM): each tissue's clicks against those of all other tissues.

Every click of a tissue gives a contrast map and a small two-phase segmentation of its own
(`contrast_maps`), all of them one batch of convex problems. What the clicks of tissue k claim,

    a_k = mean over its clicks p of  (1 − μ) u_p + μ z_p   in [0, 1],

becomes the residual scale · (a_k − ½) on the logits of each clicked tissue, so that where no
clicked tissue claims a place, one without clicks does. The small part of z decides where no click
or several have found something. Where a trained head tells all tissues apart, a click only
corrects it: as far as its tissue misses a margin there, and near it (the largest over its clicks).

The cosines are those of `ImageEmbedding.vectors`, which `encoders.reading.reduction` centred per
image before they were scaled to length 1: raw cosines would all lie in a narrow band.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from napari_vslp.confidence.clicks import CORRECTIVE, Clicks, cells_of, missing_margin, nearness
from napari_vslp.confidence.contract import Context, Evidence, Need
from napari_vslp.confidence.contrast_maps import (
    ContrastOptions,
    Maps,
    chan_vese,
    contrast_of_click,
)
from napari_vslp.core.segmentation import EvidenceMap
from napari_vslp.encoders.tiling import upsample

# By how much a tissue leads where its clicks claim a place and others do not (nats), where nothing
# else tells the tissues apart. On a trained head: by how much it should lead at a click.
SCALE = 6.0
MARGIN = 4.0
# μ: how much the contrast itself counts beside what is found.
CONTRAST_PART = 0.2
# Of each kind of map, as many are remembered as fit.
MOST_BYTES = 2**26


class Contrast:
    """The residual of the clicks by contrast; the nearness of `Clicks` where all are of a kind."""

    name = "contrast"
    level: Literal["grid"] = "grid"
    needs: frozenset[Need] = frozenset({"clicks"})
    Options = ContrastOptions

    def active(self, context: Context) -> bool:
        """Where there are clicks and they are to say contrast."""
        return bool(context.clicks) and context.settings.clicks_say == self.name

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the belief with the clicks' residual, and maps of contrast and result."""
        clicked = context.owners.unique().tolist()
        if len(clicked) < 2:
            said = Clicks()(belief, context)
            return Evidence(said.belief, notes=(_ask_for_others(context, clicked[0]),))
        options: ContrastOptions = context.settings.of(self.name, ContrastOptions)
        cells = cells_of(context.clicks, context.grid).tolist()
        # In order of place and without repeats: the order of clicks must not matter.
        pairs = sorted(set(zip(context.owners.tolist(), cells, strict=True)))
        z, u = _segmented(pairs, context, options)
        claims = torch.from_numpy((1 - CONTRAST_PART) * u + CONTRAST_PART * z)
        weights = _weights(pairs, belief, context)
        residual = torch.zeros(len(context.tissues), *context.grid)
        maps: dict[str, EvidenceMap] = {}
        for tissue in clicked:
            mine = [i for i, (owner, _) in enumerate(pairs) if owner == tissue]
            if weights is None:
                residual[tissue] = SCALE * (claims[mine].mean(0) - 0.5)
            else:
                residual[tissue] = (claims[mine] * weights[mine]).amax(0)
            maps |= _shown(tissue, z[mine].mean(0), u[mine].mean(0), context)
        return Evidence(belief + residual, maps=maps)


class _Memory:
    """Maps of one image, the least recently used of which go first.

    Each is made from its key alone and never from what is remembered, so that a result does not
    depend on what was clicked before.
    """

    def __init__(self) -> None:
        self._maps: OrderedDict[Hashable, Any] = OrderedDict()

    def get(
        self, keys: Sequence[Hashable], make: Callable[[list[Any]], Sequence[Any]], size: int
    ) -> list[Any]:
        """Return what belongs to the keys; `make` is asked once for all that are missing.

        Parameters
        ----------
        size
            Bytes of one.
        """
        missing = [key for key in dict.fromkeys(keys) if key not in self._maps]
        if missing:
            self._maps.update(zip(missing, make(missing), strict=True))
        for key in keys:
            self._maps.move_to_end(key)
        found = [self._maps[key] for key in keys]
        while len(self._maps) > max(len(set(keys)), MOST_BYTES // size):
            self._maps.popitem(last=False)
        return found


def similarity(vectors: Tensor, cells: Sequence[int]) -> list[Maps]:
    """Return S_p of some cells: the cosine with every cell, averaged over the views.

    Parameters
    ----------
    vectors
        (V, d, h, w) float16, of length 1 in each cell.
    cells
        Flat indices.

    Returns
    -------
    list of ndarray
        (h·w,) float32 each. Each is computed alone: a product of many at once may round otherwise.
    """
    found = [torch.zeros(vectors.shape[2] * vectors.shape[3]) for _ in cells]
    for view in vectors.flatten(2):
        flat = view.float()
        for total, cell in zip(found, cells, strict=True):
            total.add_(flat.T @ flat[:, cell])
    return [total.div_(len(vectors)).numpy() for total in found]


def _segmented(
    pairs: Sequence[tuple[int, int]], context: Context, options: ContrastOptions
) -> tuple[Maps, Maps]:
    """Return z and u of each clicked cell, (n, h, w) float32.

    A click's map depends on it and on the clicks of other tissues alone, so that after one more
    click those of its own tissue are remembered.
    """
    memory: dict[str, _Memory] = context.once(
        "contrast", lambda: {"similarity": _Memory(), "segmented": _Memory()}
    )
    grid, size = context.grid, 4 * context.grid[0] * context.grid[1]
    vectors = context.embedding.vectors
    cells = sorted({cell for _, cell in pairs})
    told = memory["similarity"].get(cells, lambda some: similarity(vectors, some), size)
    alike = dict(zip(cells, told, strict=True))
    keys = [
        (cell, tuple(sorted({c for o, c in pairs if o != owner})), options) for owner, cell in pairs
    ]

    def make(some: list[Any]) -> list[tuple[Maps, Maps]]:
        z = np.stack(
            [
                contrast_of_click(alike[cell], [alike[q] for q in others], cell, options)
                for cell, others, _ in some
            ]
        ).reshape(-1, *grid)
        return list(zip(z, chan_vese(z, options).u, strict=True))

    found = memory["segmented"].get(keys, make, 2 * size)
    return np.stack([z for z, _ in found]), np.stack([u for _, u in found])


def _weights(pairs: Sequence[tuple[int, int]], belief: Tensor, context: Context) -> Tensor | None:
    """Return by how much each click raises its tissue, (n, h, w) nats; None without a full head.

    At the click that is what its tissue misses of the margin, so nothing where the head is right.
    """
    if not context.told:
        return None
    owners = torch.tensor([owner for owner, _ in pairs])
    cells = torch.tensor([cell for _, cell in pairs])
    missing = missing_margin(belief.mean(0), cells, owners, MARGIN)
    near = nearness(cells, context.grid, CORRECTIVE).view(-1, *context.grid)
    return near * missing[:, None, None]


def _shown(tissue: int, contrast: Maps, found: Maps, context: Context) -> dict[str, EvidenceMap]:
    """Return the two maps of a tissue at the image's size."""
    name = context.tissues[tissue].name
    full = upsample(torch.from_numpy(np.stack([contrast, found]))[None], context.embedding.shape)[0]
    plain = re.sub(r"[^\w-]+", "-", name).strip("-") or "tissue"
    titles = {"contrast": f"contrast: {name}", "contrast-result": f"found by contrast: {name}"}
    return {
        f"{kind}-{tissue + 1}-{plain}": EvidenceMap(np.ascontiguousarray(one.numpy()), title)
        for (kind, title), one in zip(titles.items(), full, strict=True)
    }


def _ask_for_others(context: Context, clicked: int) -> str:
    name = context.tissues[clicked].name
    return (
        f"All clicks are in {name}: click in another tissue too, so that they can be contrasted. "
        "Until then they speak for what is near and alike."
    )
