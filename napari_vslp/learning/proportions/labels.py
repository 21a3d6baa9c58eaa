"""The labels a student learns from: a teacher's scores cut at each bag's own shares, or masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from napari_vslp.core.progress import Job
from napari_vslp.encoders.tiling import STRIDE, Tile, blend, pad_to_multiple, tiles_of
from napari_vslp.learning.cohort import Cohort
from napari_vslp.learning.contract import Event
from napari_vslp.learning.proportions.bags import BagImage, Bags
from napari_vslp.learning.proportions.learner import ShallowRecipe
from napari_vslp.learning.proportions.losses import (
    IGNORED,
    assign_labels,
    mean_proportions,
    nearest_within,
)
from napari_vslp.learning.proportions.model import Start
from napari_vslp.learning.proportions.shallow import (
    TrainedHead,
    ensemble_scores,
    select_heads,
    shallow_features,
    train_head,
)
from napari_vslp.learning.proportions.views import smooth, turned_scores

# Larger images are read in tiles, so that memory does not grow with them.
_TILE = 1024
_GRID = 32
# Of bags that are read together: sixteen of 224 px.
_MOST_CELLS = 16 * 56**2
Group = Sequence[BagImage]


def first_labels(
    bags: Bags,
    start: Start,
    recipe: ShallowRecipe,
    *,
    seed: int,
    device: torch.device,
    job: Job,
) -> list[Tensor]:
    """Return stage one's labels: small heads on shallow features, averaged, smoothed, cut.

    Parameters
    ----------
    bags : Bags
        N of them.
    start : Start
        Its stem is used.
    recipe : ShallowRecipe
        Sizes and rates.
    seed : int
        Of the first head; the next ones count on.
    device : torch.device
        Where to compute.
    job : Job
        Cancel token and progress.

    Returns
    -------
    list of Tensor
        One (H/4, W/4) int8 a bag: the tissue's index, or `IGNORED` where there is no tissue.
    """
    stem = start.stem.to(device).eval()

    def features_of(group: Group) -> Tensor:
        image = _normalised(group, start.stem_mean, start.stem_std, device)
        tissue = torch.stack([bag.tissue for bag in group]).to(device)
        return shallow_features(stem, image, tissue)

    samples = torch.stack(_samples(bags, features_of, recipe.cells, seed, job))
    bounds = _bounds(bags, device)
    tries = range(seed * recipe.heads, (seed + 1) * recipe.heads)
    heads = [train_head(samples, bounds, one, recipe, job) for one in tries]
    best = select_heads(heads, recipe.kept)
    del samples
    return _cut_all(bags, lambda g: _head_scores(best, features_of(g), g, recipe.blur), job)


def next_labels(
    bags: Bags, network: nn.Module, start: Start, device: torch.device, job: Job
) -> list[Tensor]:
    """Return a student's own labels: its scores over four flips and turns, cut.

    Parameters
    ----------
    bags : Bags
        N of them.
    network : torch.nn.Module
        The student, in evaluation mode.
    start : Start
        Its normalisation.
    device : torch.device
        Where to compute.
    job : Job
        Cancel token and progress.

    Returns
    -------
    list of Tensor
        As :func:`first_labels`.
    """
    network = network.to(device).eval()
    return _cut_all(bags, lambda group: network_scores(network, group, start, device), job)


def network_scores(
    network: nn.Module, group: Group, start: Start, device: torch.device, views: int = 4
) -> Tensor:
    """Return a network's log-probabilities of bags of one size, averaged over views.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    group : sequence of BagImage
        N bags of the same height and width.
    start : Start
        Its normalisation.
    device : torch.device
        Where to compute.
    views : int
        How many flips and turns.

    Returns
    -------
    Tensor
        (N, K, H/4, W/4) float32 on the CPU.
    """
    padded = pad_to_multiple(_normalised(group, start.mean, start.std, device), _GRID)
    shape = (padded.shape[-2], padded.shape[-1])

    def read(tile: Tile) -> Tensor:
        return turned_scores(network, tile.cut(padded), views).flatten(0, 1)

    found: Tensor = blend(tiles_of(shape, _TILE), shape, read)
    found = found.unflatten(0, (len(group), -1))
    rows, columns = group[0].tissue.shape
    return found[..., :rows, :columns]


def cut(scores: Tensor, bag: BagImage) -> Tensor:
    """Label the tissue cells of a bag so that its shares are met at the least cost.

    Parameters
    ----------
    scores : Tensor
        Log-probabilities, shape (K, H/4, W/4).
    bag : BagImage
        Its intervals; within them the scores' own mean decides.

    Returns
    -------
    Tensor
        (H/4, W/4) int8, `IGNORED` outside the tissue.
    """
    scores, tissue = scores[None].float().cpu(), bag.tissue[None]
    reached = mean_proportions(scores.softmax(dim=1), tissue)
    bounds = (torch.from_numpy(bag.lower)[None], torch.from_numpy(bag.upper)[None])
    return assign_labels(scores, nearest_within(reached, bounds), tissue)[0].to(torch.int8)


def one_hot(labels: Tensor, tissues: int) -> Tensor:
    """Return (K, h, w) float32: 1 at the label, 0 everywhere where it is `IGNORED`."""
    planes = torch.arange(tissues)[:, None, None]
    return (labels[None] == planes).float()


def _cut_all(bags: Bags, scores_of: Callable[[Group], Tensor], job: Job) -> list[Tensor]:
    labels: list[Tensor] = []
    for group in _groups(bags):
        job.check()
        done = len(labels) / len(bags.items)
        job.report(Event(stage="Outlining the tissues", fraction=done, kind="labels"))
        labels += [cut(one, bag) for one, bag in zip(scores_of(group), group, strict=True)]
    return labels


def _groups(bags: Bags) -> Iterator[Group]:
    """Yield runs of bags of one size, together no larger than a batch or a tile."""
    group: list[BagImage] = []
    for bag in bags.items:
        room = max(1, _MOST_CELLS // bag.tissue.numel())
        if group and (bag.tissue.shape != group[0].tissue.shape or len(group) >= room):
            yield group
            group = []
        group.append(bag)
    yield group


def _head_scores(
    heads: Sequence[TrainedHead], features: Tensor, group: Group, blur: float
) -> Tensor:
    scores = ensemble_scores(heads, features).cpu()
    # White has no say in what lies beside it: the blur is normalised over tissue.
    weight = torch.stack([bag.tissue for bag in group])[:, None].float()
    return smooth(scores * weight, blur) / smooth(weight, blur).clamp_min(1e-3)


def _samples(
    bags: Bags, features_of: Callable[[Group], Tensor], cells: int, seed: int, job: Job
) -> list[Tensor]:
    """Return (C, cells, 1) float16 of each bag, drawn anew where it has fewer cells."""
    generator = torch.Generator().manual_seed(seed)
    drawn: list[Tensor] = []
    for group in _groups(bags):
        job.check()
        done = len(drawn) / len(bags.items)
        job.report(Event(stage="Reading the tissue", fraction=done, kind="labels"))
        for maps, bag in zip(features_of(group), group, strict=True):
            flat = maps.flatten(1)
            flat = flat[:, bag.tissue.flatten().to(flat.device)]
            drawn.append(flat[:, _draw(flat.shape[1], cells, generator).to(flat.device), None])
    return drawn


def _draw(there: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Return indices: all of them where that fits, else a random choice."""
    if there == wanted:
        return torch.arange(wanted)
    if there > wanted:
        return torch.randperm(there, generator=generator)[:wanted]
    return torch.randint(there, (wanted,), generator=generator)


def _bounds(bags: Bags, device: torch.device) -> tuple[Tensor, Tensor]:
    lower, upper = bags.bounds()
    return torch.from_numpy(lower).float().to(device), torch.from_numpy(upper).float().to(device)


def _normalised(
    group: Group, mean: Sequence[float], std: Sequence[float], device: torch.device
) -> Tensor:
    images = torch.stack([bag.pixels for bag in group]).to(device).float() / 255
    centre, spread = (images.new_tensor(v)[:, None, None] for v in (mean, std))
    return ((images - centre) / spread).contiguous(memory_format=torch.channels_last)


def true_labels(cohort: Cohort, bags: Bags) -> list[Tensor] | None:
    """Return the most frequent tissue of each cell of each bag, for the supervised upper bound.

    Parameters
    ----------
    cohort : Cohort
        With its truth, whose numbers count the cohort's tissues.
    bags : Bags
        Of that cohort.

    Returns
    -------
    list of Tensor or None
        One (H/4, W/4) int8 a bag: index among the learnt tissues, or `IGNORED`; None if the
        cohort has no masks.
    """
    truth = cohort.truth
    if truth is None:
        return None
    planes = [cohort.tissues.index(name) for name in bags.tissues]
    return [_pooled(truth(item.bag), planes, item) for item in bags.items]


def _pooled(mask: NDArray[Any], planes: list[int], item: BagImage) -> Tensor:
    whole = torch.from_numpy(mask.astype("int64"))
    shares = torch.stack([(whole == k).float() for k in planes])[None]
    pooled = functional.avg_pool2d(pad_to_multiple(shares, STRIDE), STRIDE)[0]
    most, labels = pooled.max(dim=0)
    known = item.tissue & (most > 0)
    return labels.where(known, torch.tensor(IGNORED)).to(torch.int8)
