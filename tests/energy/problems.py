"""Random problems with a known answer, for the tests and the benchmarks of the energy."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_vslp.core.registries import PENALTIES
from napari_vslp.energy.problem import Problem, cost_of


def random_problem(
    tissues: int = 3,
    shape: tuple[int, int] = (64, 80),
    smoothness: float = 2.0,
    mode: str = "interval",
    tolerance: float = 0.01,
    shift: float = 0.1,
    seed: int = 0,
    anisotropic: bool = False,
) -> Problem:
    """Return smooth random tissues seen through noise, asked for `shift` more of the first one.

    Parameters
    ----------
    tolerance
        Half-width of the interval, a fraction; 0 for `measured`.
    """
    rng = np.random.default_rng(seed)
    fields = np.stack([_blobs(rng, shape, max(2.0, shape[0] / 24)) for _ in range(tissues)])
    truth = fields.argmax(0)
    logits = 1.2 * (np.arange(tissues)[:, None, None] == truth)
    logits = logits + rng.standard_normal((tissues, *shape))
    logits = logits + 0.3 * np.stack([_blobs(rng, shape, 3.0) for _ in range(tissues)])
    share = np.exp(logits)
    confidence = (share / share.sum(0)).astype(np.float32)
    areas = np.bincount(truth.ravel(), minlength=tissues) / truth.size
    target = (areas + shift * (np.arange(tissues) == 0)) / (1 + shift)
    width = 0.0 if mode == "measured" else tolerance
    low, high = np.maximum(0, target - width), np.minimum(1, target + width)
    penalty = PENALTIES.get(mode)(low, high, target)
    weight = rng.uniform(0.3, 1, shape).astype(np.float32)
    tv_weight = np.float32(smoothness / 2) * weight
    return Problem(cost_of(confidence), tv_weight, penalty, anisotropic)


def _blobs(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    field = gaussian_filter(rng.standard_normal(shape), sigma)
    return np.asarray(field / field.std())
