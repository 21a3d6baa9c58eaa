"""From relaxed labels to one tissue a pixel, with the areas kept to the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_vslp.energy.penalties.contract import Vector
from napari_vslp.energy.problem import Array

# Where u ties (plateaus that only the area constraint splits), confidence decides.
TIE_WEIGHT = np.float32(1e-3)
ROUNDS = 20


def round_labels(  # noqa: PLR0917 - as the mathematics lists them
    u: Array,
    confidence: Array,
    inside: NDArray[np.bool_],
    low: Vector,
    high: Vector,
    fixed: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Give every tissue pixel its largest u, then move the least certain ones to keep the areas.

    Parameters
    ----------
    u, confidence
        (K, H, W) float32.
    inside
        (H, W) bool tissue mask.
    low, high
        (K,) shares that the labels must keep, met to one pixel.
    fixed
        (H, W) uint8, 0 free: pixels that keep their tissue.

    Returns
    -------
    ndarray
        (H, W) uint8, k + 1 for tissue k and 0 outside.
    """
    labels = largest(u)
    if fixed is not None:
        bound = fixed > 0
        labels[bound] = fixed[bound] - 1
    pixels = int(np.count_nonzero(inside))
    limits = np.floor(low * pixels + 1e-6), np.ceil(high * pixels - 1e-6)
    movable = inside if fixed is None else inside & (fixed == 0)
    _keep_areas(labels, u, confidence, inside, movable, limits)
    return np.where(inside, labels + 1, 0).astype(np.uint8)


def largest(u: Array) -> NDArray[np.uint8]:
    """Return the index of the largest u at every pixel, the first one in a tie."""
    best, labels = u[0].copy(), np.zeros(u.shape[1:], np.uint8)
    for k in range(1, len(u)):
        better = u[k] > best
        labels[better] = k
        np.maximum(best, u[k], out=best)
    return labels


def _keep_areas(  # noqa: PLR0917 - likewise
    labels: NDArray[np.uint8],
    u: Array,
    confidence: Array,
    inside: NDArray[np.bool_],
    movable: NDArray[np.bool_],
    limits: tuple[Vector, Vector],
) -> None:
    """Move pixels between tissues, dearest need first, until all areas lie in their limits.

    A few rounds of that are enough for most images. With many tissues some areas may still be off;
    then the least flow of pixels between tissues that brings all of them into their limits moves
    the rest at once.
    """
    fewest, most = limits
    for _ in range(ROUNDS):
        counts = np.bincount(labels[inside], minlength=len(u)).astype(np.float64)
        excess, lack = counts - most, fewest - counts
        if excess.max() <= 0 and lack.max() <= 0:
            return
        pairs = _pairs(counts, fewest, most)
        if not _move_cheapest(labels, u, confidence, movable, pairs):
            break
    _move_by_flow(labels, u, confidence, inside, movable, limits)


def _pairs(counts: Vector, fewest: Vector, most: Vector) -> list[tuple[int, int, float]]:
    """Return the moves (source, target, at most so many pixels) of the tissue farthest off."""
    excess, lack = counts - most, fewest - counts
    if excess.max() >= lack.max():
        source = int(excess.argmax())
        # Who is short of pixels is served before who merely has room.
        room = np.maximum(lack if lack.max() > 0 else most - counts, 0)
        return [(source, k, min(excess[source], n)) for k, n in enumerate(room) if n > 0]
    target = int(lack.argmax())
    spare = np.maximum(excess if excess.max() > 0 else counts - fewest, 0)
    return [(k, target, min(lack[target], n)) for k, n in enumerate(spare) if n > 0]


def _move_cheapest(
    labels: NDArray[np.uint8],
    u: Array,
    confidence: Array,
    movable: NDArray[np.bool_],
    pairs: list[tuple[int, int, float]],
) -> bool:
    """Move, over all allowed pairs, the pixels that lose least; return whether any moved."""
    need = int(max((n for *_, n in pairs), default=0))
    indices, losses, targets = [], [], []
    for source, target, count in pairs:
        at = np.flatnonzero((labels == source) & movable)
        loss = (u[source].ravel()[at] - u[target].ravel()[at]) + TIE_WEIGHT * (
            confidence[source].ravel()[at] - confidence[target].ravel()[at]
        )
        if len(at) > int(count):
            chosen = np.argpartition(loss, int(count) - 1)[: int(count)]
            at, loss = at[chosen], loss[chosen]
        indices.append(at)
        losses.append(loss)
        targets.append(np.full(len(at), target, np.uint8))
    if need == 0 or not indices or not sum(map(len, indices)):
        return False
    order = np.argsort(np.concatenate(losses), kind="stable")
    where, to = np.concatenate(indices)[order], np.concatenate(targets)[order]
    # One pixel may be offered to several receivers: it goes where it loses least.
    _, first = np.unique(where, return_index=True)
    best = np.sort(first)[:need]
    labels.reshape(-1)[where[best]] = to[best]
    return True


def _move_by_flow(  # noqa: PLR0917 - likewise
    labels: NDArray[np.uint8],
    u: Array,
    confidence: Array,
    inside: NDArray[np.bool_],
    movable: NDArray[np.bool_],
    limits: tuple[Vector, Vector],
) -> None:
    """Bring all areas into their limits by the cheapest whole flow f_kl of pixels from k to l.

    A pixel costs what those of its tissue lose on average by the move. The limits make a matrix
    of differences on the K × K moves, which is totally unimodular: the linear programme has whole
    solutions. Where fixed pixels leave no way, such as those of a tissue that was painted beyond
    its share, the areas miss their limits by as few pixels in all as can be.
    """
    counts = np.bincount(labels[inside], minlength=len(u)).astype(np.float64)
    fewest, most = limits
    if (counts <= most).all() and (counts >= fewest).all():
        return
    own = [np.flatnonzero((labels == k) & movable) for k in range(len(u))]
    losses = {
        (k, other): _loss(u, confidence, k, other, own[k])
        for k in range(len(u))
        for other in range(len(u))
        if k != other and own[k].size
    }
    flow = _least_flow(losses, own, counts, limits) if losses else {}
    for k in range(len(u)):
        left = np.ones(len(own[k]), bool)
        for other in range(len(u)):
            moved = round(flow.get((k, other), 0.0))
            if moved:
                free = np.flatnonzero(left)
                order = np.argsort(losses[k, other][free], kind="stable")[:moved]
                labels.reshape(-1)[own[k][free[order]]] = other
                left[free[order]] = False


def _loss(
    u: Array, confidence: Array, source: int, target: int, at: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return what each of the pixels loses by the move, (n,) float32."""
    lost = u[source].ravel()[at] - u[target].ravel()[at]
    less = confidence[source].ravel()[at] - confidence[target].ravel()[at]
    return np.asarray(lost + TIE_WEIGHT * less, np.float32)


def _least_flow(
    losses: dict[tuple[int, int], NDArray[np.float32]],
    own: list[NDArray[np.intp]],
    counts: Vector,
    limits: tuple[Vector, Vector],
) -> dict[tuple[int, int], float]:
    """Return how many pixels go from tissue to tissue."""
    from scipy.optimize import linprog

    moves, (fewest, most) = list(losses), limits
    balance = np.zeros((len(counts), len(moves)))
    given = np.zeros_like(balance)
    for column, (source, target) in enumerate(moves):
        balance[source, column], balance[target, column] = -1, 1
        given[source, column] = 1
    # A whole move is never free, or pixels might be sent round in circles.
    cost = [max(float(loss.mean()), 0.0) + float(TIE_WEIGHT) for loss in losses.values()]
    # A pixel beyond a limit costs more than any way of moves that brings it back.
    missed = len(counts) * max(cost) + 1
    slack = np.vstack([-np.eye(len(counts))] * 2 + [np.zeros((len(counts),) * 2)])
    found = linprog(
        cost + [missed] * len(counts),
        A_ub=np.hstack([np.vstack([balance, -balance, given]), slack]),
        b_ub=np.concatenate([most - counts, counts - fewest, [len(at) for at in own]]),
        bounds=(0, None),
        method="highs-ds",
    )
    return dict(zip(moves, found.x[: len(moves)], strict=True))
