"""Whether a learned regulariser is any good: it must guess hidden blocks better than smoothness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.energy.blindspot import (
    LOOSE,
    Score,
    blind_spot_problem,
    block_costs,
    by_minimising,
    corrected,
    draw_blocks,
    score_of,
)
from napari_vslp.energy.minimise import Warm, minimise
from napari_vslp.energy.problem import Array, Problem
from napari_vslp.energy.solver import Solution
from napari_vslp.energy.terms.linearised import minimise_with_terms
from napari_vslp.energy.terms.regulariser import BoundTDV
from napari_vslp.energy.terms.tdv import TDV
from napari_vslp.learning.contract import Event
from napari_vslp.learning.regulariser.train import Sample, tv_weight_of

STRENGTHS = (0.025, 0.05, 0.1, 0.2, 0.4)
STANDARD_ERRORS = 2.0
WINDOW_PX = 128
ROUNDS = 3


@dataclass(frozen=True)
class Verdict:
    """What the test on images that taught nothing has found.

    Attributes
    ----------
    accepted
        Whether the learned one costs less by more than two standard errors.
    plain, learned
        Cost of the best total variation, and with the learned part (nats per hidden px).
    difference
        Learned less plain, image by image.
    images
        How many there were.
    """

    accepted: bool
    plain: Score
    learned: Score
    difference: Score
    images: int

    def figures(self) -> dict[str, float]:
        """Return the numbers by name, for the file's card."""
        return {
            "hidden_cost_plain": self.plain.mean,
            "hidden_cost_learned": self.learned.mean,
            "difference": self.difference.mean,
            "difference_standard_error": self.difference.error,
            "images": float(self.images),
        }


@dataclass(frozen=True)
class Candidate:
    """A regulariser to be tested: λ, and a network with its strength s if there is one."""

    smoothness: float
    network: TDV | None = None
    strength: float = 0.0


def blind_spot_costs(
    samples: Sequence[Sample], candidate: Candidate, *, seed: int = 0, job: Job
) -> NDArray[np.float64]:
    """Return what guessing hidden blocks costs a candidate in a window of each sample.

    Parameters
    ----------
    seed
        Of windows and blocks: the same for all candidates, so that they can be compared image by
        image.

    Returns
    -------
    ndarray
        (N,) float64 (nats per hidden px).
    """
    costs = np.empty(len(samples))
    for number, sample in enumerate(samples):
        done = number / len(samples)
        job.report(Event(stage="Testing the regulariser", fraction=done, kind="check"))
        rng = np.random.default_rng((seed, number))
        part = _window(sample.weight.shape, rng)
        weight = np.ascontiguousarray(sample.weight[part])
        whole = corrected(sample.confidence, sample.weight >= 0)
        evidence = np.ascontiguousarray(whole[:, part[0], part[1]])
        blocks = draw_blocks(weight.shape, rng)
        problem = blind_spot_problem(evidence, tv_weight_of(weight, candidate.smoothness), blocks)
        if candidate.network is None:
            u = by_minimising(problem)
        else:
            shown = np.where(blocks > 0, np.float32(1 / len(evidence)), evidence)
            image, network = np.ascontiguousarray(sample.image[part]), candidate.network
            strength, inside = candidate.strength, weight >= 0
            term = BoundTDV(network, strength, image=image, evidence=shown, inside=inside)
            found, _ = minimise_with_terms(
                problem,
                {"learned": term},
                _solve,
                tolerance=1e-3,
                rounds=ROUNDS,
                job=Job(job.cancel),
            )
            u = found.solution.state.u
        costs[number] = _mean_cost(u, evidence, blocks, weight >= 0)
    return costs


def tune_strength(
    samples: Sequence[Sample], smoothness: float, network: TDV, *, seed: int, job: Job
) -> float:
    """Return the s of `STRENGTHS` that guesses best on samples that did not teach."""
    means = {
        s: blind_spot_costs(samples, Candidate(smoothness, network, s), seed=seed, job=job).mean()
        for s in STRENGTHS
    }
    return min(means, key=lambda s: means[s])


def judge(plain: NDArray[np.float64], learned: NDArray[np.float64]) -> Verdict:
    """Compare the costs of the same images with and without the learned part, (N,) each."""
    difference = score_of(learned - plain)
    accepted = difference.mean + STANDARD_ERRORS * difference.error < 0
    return Verdict(accepted, score_of(plain), score_of(learned), difference, len(plain))


def _solve(problem: Problem, warm: Warm | None, _: bool) -> tuple[Solution, Warm]:
    return minimise(problem, warm=warm, stop=LOOSE)


def _window(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[slice, slice]:
    tops = [int(rng.integers(0, max(0, side - WINDOW_PX) + 1)) for side in shape]
    return slice(tops[0], tops[0] + WINDOW_PX), slice(tops[1], tops[1] + WINDOW_PX)


def _mean_cost(
    u: Array, evidence: Array, blocks: NDArray[np.int32], inside: NDArray[np.bool_]
) -> float:
    costs = block_costs(u, evidence, blocks, inside)
    return float(costs.mean()) if len(costs) else 0.0
