"""Teach a regulariser what tissue looks like by hiding blocks of it; no pixel is labelled.

In each crop a quarter of the pixels is hidden in blocks. The tuned total variation fills them in
(u₀), and the network, by its slope ∇R alone, has to correct that towards what stage 1 saw there:

    u_{t+1} = argmin ⟨∇R(u_t), u⟩ + KL(u ‖ u₀),   loss = mean over hidden pixels of −log Σ u c̃

The anchor u₀ keeps it stable: with ∇R ≈ 0, where training begins, it is the total variation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job
from napari_vslp.energy.blindspot import (
    CANDIDATES,
    Score,
    blind_spot_problem,
    block_costs,
    by_minimising,
    corrected,
    draw_blocks,
    score_of,
)
from napari_vslp.energy.problem import Array
from napari_vslp.energy.terms.regulariser import normalised, shown_odds
from napari_vslp.energy.terms.tdv import TDV, Frame, TDVShape
from napari_vslp.learning.contract import Event

# The anchor is mixed with the uniform distribution, so that a correction can overrule it.
_ANCHOR_FLOOR = 0.05
# Down to where nothing visible is smoothed, so that no gain is only that of less smoothness.
TUNED = (0.25, 0.5, *CANDIDATES)


@dataclass(frozen=True)
class Sample:
    """An image with what stage 1 made of it.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB.
    confidence
        c, (K, H, W) float32 in the simplex; K is the same for all samples.
    weight
        g, (H, W) float32, negative outside the tissue.
    """

    image: NDArray[np.uint8]
    confidence: Array
    weight: Array


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    shape
        Of the network.
    steps, batch
        Steps of Adam, and crops in each.
    crop_px
        Side of a crop.
    corrections
        Corrections u₁, u₂ … that are unrolled.
    rate
        Adam's first learning rate; it falls to 0 as a cosine.
    seed
        Of crops, blocks and first weights.
    """

    shape: TDVShape = field(default_factory=TDVShape)
    steps: int = 300
    batch: int = 6
    crop_px: int = 64
    corrections: int = 2
    rate: float = 3e-3
    seed: int = 0


def tune_smoothness(
    samples: Sequence[Sample], *, candidates: Sequence[float] = TUNED, seed: int = 0, job: Job
) -> tuple[float, dict[float, Score]]:
    """Return the λ whose total variation guesses hidden blocks best over all samples.

    Returns
    -------
    float
        λ.
    dict
        Mean cost and standard error over the samples, by λ.
    """
    costs: dict[float, list[float]] = {smoothness: [] for smoothness in candidates}
    for number, sample in enumerate(samples):
        done = number / len(samples)
        job.report(Event(stage="Tuning the smoothness", fraction=done, kind="labels"))
        inside = sample.weight >= 0
        evidence = corrected(sample.confidence, inside)
        blocks = draw_blocks(inside.shape, np.random.default_rng((seed, number)))
        for smoothness in candidates:
            job.check()
            tv_weight = tv_weight_of(sample.weight, smoothness)
            u = by_minimising(blind_spot_problem(evidence, tv_weight, blocks))
            costs[smoothness].append(float(block_costs(u, evidence, blocks, inside).mean()))
    scores = {s: score_of(np.asarray(values)) for s, values in costs.items()}
    return min(scores, key=lambda s: scores[s].mean), scores


def tv_weight_of(weight: Array, smoothness: float) -> Array:
    """Return λg/2 where there is tissue, (H, W) float32."""
    return np.where(weight >= 0, weight * np.float32(smoothness / 2), weight).astype(np.float32)


def train_regulariser(
    samples: Sequence[Sample],
    smoothness: float,
    recipe: Recipe,
    *,
    job: Job,
    check: Callable[[int, float], None] | None = None,
) -> TDV:
    """Train a network; the same samples, recipe and seed give the same one.

    Parameters
    ----------
    samples
        At least two, each at least as large as a crop.
    smoothness
        λ of the total variation it corrects.
    check
        Told the step and its loss.

    Raises
    ------
    VslpError
        If there are too few or too small samples.
    Cancelled
        If the job was told to stop.
    """
    check_samples(samples, recipe.crop_px)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = TDV(recipe.shape)
    rng = np.random.default_rng(recipe.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    frame = Frame(np.ones((recipe.crop_px,) * 2, np.bool_), network.shape.multiple)
    for step in range(recipe.steps):
        job.check()
        crops = [_crop(samples, smoothness, recipe.crop_px, rng) for _ in range(recipe.batch)]
        loss = _loss(network, frame, crops, recipe.corrections)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        value = float(loss.detach())
        job.report(_event(step + 1, recipe.steps, value))
        if check is not None:
            check(step, value)
    return network.eval().requires_grad_(requires_grad=False)


def _event(step: int, steps: int, loss: float) -> Event:
    """Return what to report after a step; every one is a check, since there is one round only."""
    return Event(
        stage="Learning shapes",
        fraction=step / steps,
        kind="check",
        round=0,
        rounds=1,
        step=step,
        steps=steps,
        figures={"loss": loss},
    )


def check_samples(samples: Sequence[Sample], crop_px: int) -> None:
    """Raise `VslpError` unless the samples can teach."""
    if len(samples) < 2:
        raise VslpError("A regulariser needs at least two images to learn from: add some more.")
    if len({len(s.confidence) for s in samples}) > 1:
        raise VslpError("All images must have the same tissues: use one table for them all.")
    smallest = min(min(s.weight.shape) for s in samples)
    if smallest < crop_px:
        raise VslpError(
            f"An image is only {smallest} px wide or high; a regulariser learns from images of at "
            f"least {crop_px} px: leave the small ones out."
        )


@dataclass(frozen=True)
class _Crop:
    """One crop: what is shown, the anchor u₀, c̃ and what is hidden, (…, h, w)."""

    colours: Array
    odds: Array
    anchor: Array
    evidence: Array
    hidden: NDArray[np.bool_]


def _crop(
    samples: Sequence[Sample], smoothness: float, side: int, rng: np.random.Generator
) -> _Crop:
    sample = samples[int(rng.integers(len(samples)))]
    whole = corrected(sample.confidence, sample.weight >= 0)
    top, left = (int(rng.integers(0, length - side + 1)) for length in sample.weight.shape)
    part = (..., slice(top, top + side), slice(left, left + side))
    flips = tuple(axis for axis in (-1, -2) if rng.integers(2))
    transposed = bool(rng.integers(2))

    def cut(values: Array) -> Array:
        out = np.flip(values[part], flips)
        return np.ascontiguousarray(np.swapaxes(out, -1, -2) if transposed else out)

    evidence, weight = cut(whole), cut(sample.weight)
    blocks = draw_blocks((side, side), rng)
    anchor = by_minimising(blind_spot_problem(evidence, tv_weight_of(weight, smoothness), blocks))
    seen = np.where(blocks > 0, np.float32(1 / len(evidence)), evidence)
    hidden = (blocks > 0) & (weight >= 0)
    return _Crop(cut(normalised(sample.image)), shown_odds(seen), anchor, evidence, hidden)


def _loss(network: TDV, frame: Frame, crops: Sequence[_Crop], corrections: int) -> Tensor:
    """Return −log Σ u c̃ after some anchored corrections, averaged over the hidden pixels."""
    anchor = torch.from_numpy(np.stack([one.anchor for one in crops]))
    evidence = torch.from_numpy(np.stack([one.evidence for one in crops]))
    hidden = torch.from_numpy(np.stack([one.hidden for one in crops]))
    count, tissues = anchor.shape[:2]
    logits = torch.log(anchor * (1 - _ANCHOR_FLOOR) + _ANCHOR_FLOOR / tissues)
    seen, u = network.look(_shown(network.shape, frame, crops)), anchor
    for _ in range(corrections):
        _, slope = network.energy_and_gradient(u.flatten(0, 1), seen, frame)
        u = torch.softmax(logits - slope.view(count, tissues, *slope.shape[1:]), dim=1)
    guessed = (u * evidence).sum(1).clamp_min(1e-4)
    return -guessed.log()[hidden].mean()


def _shown(shape: TDVShape, frame: Frame, crops: Sequence[_Crop]) -> Tensor | None:
    if not shape.shown:
        return None
    tissues, maps = len(crops[0].odds), []
    if shape.image:
        colours = torch.from_numpy(np.stack([one.colours for one in crops]))
        spread = frame.spread(colours.flatten(0, 1)).unflatten(0, (len(crops), -1))
        maps.append(spread.repeat_interleave(tissues, dim=0))
    if shape.confidence:
        odds = torch.from_numpy(np.concatenate([one.odds for one in crops]))
        maps.append(frame.spread(odds)[:, None])
    return torch.cat(maps, dim=1)
