"""The TV weight of an image by blind-spot cross-validation: blocks are held out and guessed.

In blocks of 10–16 px, a quarter of the pixels, the cost is set to zero, so that only the
regulariser fills them from what is around. A good one guesses what stage 1 saw there. No mask is
needed, and what the guess costs is comparable between any two regularisers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job, Progress
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.penalties.constraints import Free
from napari_vslp.energy.problem import CONFIDENCE_FLOOR, Array, Problem
from napari_vslp.energy.solver import Stop

Blocks = NDArray[np.int32]
# Puts labels u, (K, H, W), to a problem in which blocks are held out.
Solve = Callable[[Problem], Array]

CANDIDATES = (1.0, 2.0, 4.0, 8.0, 16.0)
SIDES_PX = (10, 16)
# One block a cell: of 13² px on average, a quarter of 26².
CELL_PX = 26
WINDOW_PX = 156
# So much of an image, counted over tissues, is looked at: about a second for all candidates.
MOST_VALUES = 300_000
LEAST_BLOCKS = 8
# On real scores the cost hardly ever stops falling with λ, because stage 1's own boundaries are
# smooth; its masks want more. Of all λ this close to the best one the smoothest is taken.
STANDARD_ERRORS = 2.0
LOOSE = Stop(tolerance=3e-3, max_iterations=150)


@dataclass(frozen=True)
class Score:
    """What guessing the blocks held out cost.

    Attributes
    ----------
    mean
        Over the pixels held out (nats per px).
    error
        Its standard error, from block to block.
    """

    mean: float
    error: float


@dataclass(frozen=True)
class Choice:
    """The smoothness chosen for an image.

    Attributes
    ----------
    smoothness
        λ.
    scores
        The score of every candidate; empty where the image had nothing to say.
    """

    smoothness: float
    scores: dict[float, Score]


def draw_blocks(shape: tuple[int, int], rng: np.random.Generator) -> Blocks:
    """Draw blocks to hide, one at a random place of each cell of a grid that is itself shifted.

    Returns
    -------
    ndarray
        `shape` int32: 0 visible, i + 1 in the i-th block.
    """
    blocks = np.zeros(shape, np.int32)
    shift = rng.integers(0, CELL_PX, 2)
    count = 0
    for top in range(-int(shift[0]), shape[0], CELL_PX):
        for left in range(-int(shift[1]), shape[1], CELL_PX):
            side = int(rng.integers(SIDES_PX[0], SIDES_PX[1] + 1))
            row = top + int(rng.integers(0, CELL_PX - side + 1))
            column = left + int(rng.integers(0, CELL_PX - side + 1))
            bottom, right = row + side, column + side
            if row < 0 or column < 0 or bottom > shape[0] or right > shape[1]:
                continue
            count += 1
            blocks[row:bottom, column:right] = count
    return blocks


def corrected(confidence: Array, inside: NDArray[np.bool_]) -> Array:
    """Return the confidences without stage 1's preference for one tissue, (K, H, W) float32.

    c̃ = c/c̄ normalised, c̄ the mean over the image: what the pixel itself says, so that guessing
    the commonest tissue everywhere wins nothing.

    Parameters
    ----------
    confidence
        (K, H, W) float32 in the simplex.
    inside
        (H, W) bool tissue mask.
    """
    prior = np.maximum(confidence[:, inside].mean(axis=1), CONFIDENCE_FLOOR)
    likelihood = confidence / prior[:, None, None]
    likelihood /= likelihood.sum(axis=0)
    floored: Array = np.maximum(likelihood, np.float32(CONFIDENCE_FLOOR)).astype(np.float32)
    return floored


def blind_spot_problem(evidence: Array, tv_weight: Array, blocks: Blocks) -> Problem:
    """Return the energy with cost −log c̃ where visible, zero in the blocks, and no shares.

    Parameters
    ----------
    evidence
        c̃ from `corrected`, (K, H, W) float32.
    tv_weight
        (H, W) float32 λg/2, or `OUTSIDE`.
    """
    cost = np.where(blocks > 0, np.float32(0), -np.log(evidence)).astype(np.float32)
    tissues = len(cost)
    free = Free(np.zeros(tissues), np.ones(tissues), np.full(tissues, 1 / tissues))
    return Problem(np.ascontiguousarray(cost), tv_weight, free)


def block_costs(
    u: Array, evidence: Array, blocks: Blocks, inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean of −log Σ_k u_k c̃_k over each block, (n,) float64 (nats per px).

    Only tissue pixels count; a block that holds none is left out.
    """
    there = (blocks > 0) & inside
    guessed = np.maximum((u * evidence).sum(axis=0)[there], CONFIDENCE_FLOOR)
    numbers = blocks[there]
    pixels = np.bincount(numbers)
    sums = np.bincount(numbers, weights=-np.log(guessed.astype(np.float64)))
    return np.asarray(sums[pixels > 0] / pixels[pixels > 0], np.float64)


def score_of(costs: NDArray[np.float64]) -> Score:
    """Return mean and standard error of independent costs, (N ≥ 2,) float64 (nats)."""
    return Score(float(costs.mean()), float(costs.std(ddof=1) / np.sqrt(len(costs))))


def by_minimising(problem: Problem) -> Array:
    """Return the minimiser, (K, H, W), loosely: boundaries a pixel off change no choice."""
    found, _ = minimise(problem, stop=LOOSE)
    return found.state.u


def choose_smoothness(
    confidence: Array,
    weight: Array,
    *,
    candidates: Sequence[float] = CANDIDATES,
    default: float = 2.0,
    seed: int = 0,
    job: Job | None = None,
) -> Choice:
    """Choose λ for an image by hiding blocks of it.

    Parameters
    ----------
    confidence
        c, (K, H, W) float32.
    weight
        g, (H, W) float32, negative outside the tissue.
    candidates
        Values of λ.
    default
        Taken where the image is too small or too plain to tell.
    seed
        Of the blocks.
    job
        Cancel and progress.

    Returns
    -------
    Choice
        The largest λ whose cost is within two standard errors of the lowest one.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    inside = weight >= 0
    evidence = corrected(confidence, inside)
    if float(np.ptp(evidence[:, inside], axis=1).max(initial=0.0)) < 0.1:
        return Choice(default, {})
    rng, costs = np.random.default_rng(seed), []
    parts = list(_windows(inside, len(confidence), rng))
    for number, part in enumerate(parts):
        seen = np.ascontiguousarray(evidence[:, part[0], part[1]])
        g = weight[part]
        blocks = draw_blocks(g.shape, rng)
        row = []
        for turn, smoothness in enumerate(candidates):
            job.check()
            done = (number + turn / len(candidates)) / len(parts)
            job.report(Progress("Choosing the smoothness", done))
            tv_weight = np.where(g >= 0, g * np.float32(smoothness / 2), g)
            u = by_minimising(blind_spot_problem(seen, tv_weight, blocks))
            row.append(block_costs(u, seen, blocks, g >= 0))
        costs.append(np.stack(row))
    table = np.concatenate(costs, axis=1) if costs else np.zeros((len(candidates), 0))
    if table.shape[1] < LEAST_BLOCKS:
        return Choice(default, {})
    scores = {s: score_of(line) for s, line in zip(candidates, table, strict=True)}
    return Choice(smoothest(scores), scores)


def smoothest(scores: Mapping[float, Score]) -> float:
    """Return the largest λ that costs at most two standard errors more than the best one.

    The rule of one standard error (Breiman et al., "Classification and regression trees", 1984),
    with two, picked on real tissue with masks (docs/accuracy.md).
    """
    best = min(scores.values(), key=lambda score: score.mean)
    limit = best.mean + STANDARD_ERRORS * best.error
    return max(smoothness for smoothness, score in scores.items() if score.mean <= limit)


def _windows(
    inside: NDArray[np.bool_], tissues: int, rng: np.random.Generator
) -> Iterator[tuple[slice, slice]]:
    """Yield parts of the image in random order: each once, a small image again and again."""
    height, width = inside.shape
    parts = [
        (slice(top, top + WINDOW_PX), slice(left, left + WINDOW_PX))
        for top in _starts(height)
        for left in _starts(width)
    ]
    parts = [part for part in parts if inside[part].mean() > 0.25]
    left_over = MOST_VALUES
    for _ in range(4):
        for index in rng.permutation(len(parts)):
            if left_over <= 0:
                return
            left_over -= inside[parts[index]].size * tissues
            yield parts[index]


def _starts(length: int) -> list[int]:
    """Return where windows of equal spacing begin, so that they cover the length."""
    count = -(-length // WINDOW_PX)
    return [int(start) for start in np.linspace(0, max(0, length - WINDOW_PX), count)]
