"""The result of one segmentation, with everything needed to explain and to replay it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue

FloatMap = NDArray[np.float32]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Energy:
    """Energies of a solution (nats, summed over pixels).

    Attributes
    ----------
    fidelity
        Sum of the fidelity map: what the solution costs beyond each pixel's cheapest tissue at
        the current prices.
    regularisation
        Sum of the regularisation map: weighted boundary length.
    objective
        The value of the minimised functional, E(u).
    bound
        A proven lower bound of E, the dual value; `objective - bound` is the duality gap. With
        a learned regulariser it is one of the convex problem linearised at the solution.
    learned
        Sum of the learned map; 0 without a learned regulariser.
    """

    fidelity: float
    regularisation: float
    objective: float
    bound: float
    learned: float = 0.0

    @property
    def total(self) -> float:
        """Fidelity, regularisation and the learned part: the sum of the maps shown."""
        return self.fidelity + self.regularisation + self.learned


@dataclass(frozen=True)
class Segmentation:
    """A segmentation of an image or of a region of it, h × w pixels, into K tissues.

    Attributes
    ----------
    labels
        (h, w) uint8: 0 where nothing was segmented, i + 1 where `tissues[i]` is.
    confidence
        (K, h, w) float32 in the simplex: stage 1.
    spread
        (h, w) float32 in [0, 1]: how much stage 1 varies between augmented views.
    fidelity_map, regularisation_map
        (h, w) float32 ≥ 0, summing to `energy.fidelity` and `energy.regularisation`.
    margin
        (h, w) float32 ≥ 0: how much dearer the second-best tissue is (nats).
    gap_map
        (h, w) float32 ≥ 0: the duality gap, pixel by pixel.
    prices
        (K,) float64: dual price φ of each tissue (nats per px). Positive: the image holds less
        of it than was asked; negative: more.
    gap
        Relative duality gap: 0 is a proven optimum.
    asked, reached
        Tissue → interval asked, and fraction of the segmented pixels reached by `labels`.
    region
        Top, left, bottom, right (px) of the segmented part of the image.
    image_shape
        Height and width of the whole image (px).
    pixel_size_um
        Height and width of a pixel in µm; None if unknown.
    start_only
        True when neither clicks nor a trained head told the tissues apart, so that the names
        are a guess and a click a tissue is needed.
    learned_map
        (h, w) float32 ≥ 0, summing to `energy.learned`; None without a learned regulariser.
    smoothness_scores
        Where the smoothness was chosen from the image: what guessing hidden blocks cost with
        each, mean and standard error (nats per px). `settings` hold the number that was used.
    notes
        Sentences the user should read (conversions, fallbacks).
    state
        What a next solve can start from; opaque.
    """

    tissues: tuple[Tissue, ...]
    clicks: tuple[Click, ...]
    labels: NDArray[np.uint8]
    confidence: FloatMap
    spread: FloatMap
    fidelity_map: FloatMap
    regularisation_map: FloatMap
    margin: FloatMap
    gap_map: FloatMap
    prices: NDArray[np.float64]
    energy: Energy
    gap: float
    asked: dict[str, tuple[float, float]]
    reached: dict[str, float]
    iterations: int
    seconds: float
    region: Box
    image_shape: tuple[int, int]
    settings: Settings
    pixel_size_um: tuple[float, float] | None = None
    weights_hash: str = ""
    start_only: bool = False
    learned_map: FloatMap | None = None
    smoothness_scores: dict[float, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    state: Any = None

    def areas_mm2(self) -> dict[str, float] | None:
        """Return the area of each tissue in mm², or None if the pixel size is unknown."""
        if self.pixel_size_um is None:
            return None
        pixel = self.pixel_size_um[0] * self.pixel_size_um[1] * 1e-6
        counts = np.bincount(self.labels.ravel(), minlength=len(self.tissues) + 1)
        return {t.name: float(counts[i + 1]) * pixel for i, t in enumerate(self.tissues)}
