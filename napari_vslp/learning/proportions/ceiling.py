"""Labels from masks, for the supervised ceiling that learning from shares is measured against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_vslp.encoders.tiling import STRIDE, pad_to_multiple
from napari_vslp.learning.cohort import Bag, Cohort
from napari_vslp.learning.proportions.bag_images import BagImage, Bags
from napari_vslp.learning.proportions.losses import IGNORED

# Returns (H, W) indices of the cohort's tissues, negative where unknown.
Truth = Callable[[Bag], NDArray[Any]]


def true_labels(cohort: Cohort, bags: Bags, truth: Truth) -> list[Tensor]:
    """Return the most frequent tissue of each cell of each bag.

    Parameters
    ----------
    cohort : Cohort
        Whose tissues the truth counts.
    bags : Bags
        Of that cohort.
    truth : callable
        Returns a bag's mask, (H, W) integers.

    Returns
    -------
    list of Tensor
        One (H/4, W/4) int8 a bag: index among the learnt tissues, or `IGNORED`.
    """
    planes = [cohort.tissues.index(name) for name in bags.tissues]
    return [_pooled(truth(item.bag), planes, item) for item in bags.items]


def _pooled(mask: NDArray[Any], planes: list[int], item: BagImage) -> Tensor:
    whole = torch.from_numpy(mask.astype("int64"))
    shares = torch.stack([(whole == k).float() for k in planes])[None]
    pooled = functional.avg_pool2d(pad_to_multiple(shares, STRIDE), STRIDE)[0]
    most, labels = pooled.max(dim=0)
    known = item.tissue & (most > 0)
    return labels.where(known, torch.tensor(IGNORED)).to(torch.int8)
