"""The result of one segmentation, with everything needed to explain and to replay it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.inputs import Box, Inputs
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue

FloatMap = NDArray[np.float32]
FIDELITY, REGULARISATION = "fidelity", "regularisation"
_ROWS = 1024  # hashed at once: labels may lie on the disk


@dataclass(frozen=True)
class TermMap:
    """One term of the energy, pixel by pixel.

    Attributes
    ----------
    map
        (h, w) float32 ≥ 0 (nats per px).
    total
        Its sum (nats).
    title
        What the window calls it.
    """

    map: FloatMap
    total: float
    title: str

    @classmethod
    def of(cls, values: FloatMap, title: str) -> TermMap:
        """Return a map with its sum, in double precision."""
        return cls(values, float(values.sum(dtype=np.float64)), title)


@dataclass(frozen=True)
class EvidenceMap:
    """A map that a source of confidence shows beside its word.

    Attributes
    ----------
    map
        (h, w) float32.
    title
        What the window calls it.
    low, high
        Values shown darkest and brightest.
    """

    map: FloatMap
    title: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Energy:
    """Energies of a solution (nats, summed over pixels).

    Attributes
    ----------
    terms
        Term → the sum of its map. ``fidelity``: what the solution costs beyond each pixel's
        cheapest tissue at the present prices; ``regularisation``: the weighted boundary length;
        others by the name of their term.
    objective
        The value of the minimised functional, E(u).
    bound
        A proven lower bound of E, the dual value; `objective - bound` is the duality gap. With
        a learned regulariser it is one of the convex problem linearised at the solution.
    """

    terms: Mapping[str, float]
    objective: float
    bound: float

    @property
    def fidelity(self) -> float:
        """Sum of the fidelity map."""
        return self.terms.get(FIDELITY, 0.0)

    @property
    def regularisation(self) -> float:
        """Sum of the regularisation map."""
        return self.terms.get(REGULARISATION, 0.0)

    @property
    def total(self) -> float:
        """The sum of all maps shown."""
        return float(sum(self.terms.values()))


@dataclass(frozen=True)
class Segmentation:
    """A segmentation of an image or of a region of it, h × w pixels, into K tissues.

    Attributes
    ----------
    inputs
        What was segmented, word for word: running them again gives this result.
    tissues
        The K tissues by their present names and colours, in the order of `inputs`.
    labels
        (h, w) uint8: 0 where nothing was segmented, i + 1 where `tissues[i]` is.
    confidence
        (K, h, w) float32 in the simplex: stage 1.
    spread
        (h, w) float32 in [0, 1]: how much stage 1 varies between augmented views (predictive
        standard deviation).
    terms
        Name → map of each term of the energy, ``fidelity`` and ``regularisation`` among them.
    margin
        (h, w) float32 ≥ 0: how much dearer the second-best tissue is (nats).
    gap_map
        (h, w) float32 ≥ 0: the duality gap, pixel by pixel.
    prices
        (K,) float64: dual price φ of each tissue (nats per px). Positive: the image holds less
        of it than was asked; negative: more.
    objective, bound
        Of `energy`.
    gap
        Relative duality gap: 0 is a proven optimum.
    shares
        (K,) float64: fraction of the segmented pixels that `labels` give each tissue.
    region
        Top, left, bottom, right (px) of the segmented part of the image.
    image_shape
        Height and width of the whole image (px).
    settings
        As they were used: ``"auto"`` has become a number.
    weights_hash
        SHA-256 of the network's weights.
    start_only
        True when neither clicks nor a trained head told the tissues apart, so that the names
        are a guess and a click a tissue is needed.
    evidence
        Name → map that a source of confidence shows beside its word.
    smoothness_scores
        Where the smoothness was chosen from the image: what blind-spot cross-validation cost with
        each, mean and standard error (nats per px). `settings` hold the number that was used.
    notes
        Sentences the user should read (conversions, fallbacks).
    state
        What a next solve can start from; opaque.
    """

    inputs: Inputs
    tissues: tuple[Tissue, ...]
    labels: NDArray[np.uint8]
    confidence: FloatMap
    spread: FloatMap
    terms: Mapping[str, TermMap]
    margin: FloatMap
    gap_map: FloatMap
    prices: NDArray[np.float64]
    objective: float
    bound: float
    gap: float
    shares: NDArray[np.float64]
    iterations: int
    seconds: float
    region: Box
    image_shape: tuple[int, int]
    settings: Settings
    weights_hash: str = ""
    start_only: bool = False
    evidence: Mapping[str, EvidenceMap] = field(default_factory=dict)
    smoothness_scores: dict[float, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    state: Any = None

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks that were given, in pixels of the whole image."""
        return self.inputs.clicks

    @property
    def pixel_size_um(self) -> tuple[float, float] | None:
        """Height and width of a pixel in µm; None if unknown."""
        return self.inputs.pixel_size_um

    @property
    def fidelity_map(self) -> FloatMap:
        """(h, w) float32 ≥ 0: what each pixel costs beyond its cheapest tissue."""
        return self.terms[FIDELITY].map

    @property
    def regularisation_map(self) -> FloatMap:
        """(h, w) float32 ≥ 0: the weighted boundary length."""
        return self.terms[REGULARISATION].map

    @property
    def energy(self) -> Energy:
        """Energies, summed over pixels."""
        totals = {name: term.total for name, term in self.terms.items()}
        return Energy(totals, self.objective, self.bound)

    @property
    def asked(self) -> dict[str, tuple[float, float]]:
        """Tissue → interval of its share that was asked for."""
        pairs = zip(self.tissues, self.inputs.tissues, strict=True)
        return {shown.name: said.interval for shown, said in pairs}

    @property
    def reached(self) -> dict[str, float]:
        """Tissue → fraction of the segmented pixels reached by `labels`."""
        return {t.name: float(s) for t, s in zip(self.tissues, self.shares, strict=True)}

    def index_of(self, tissue: str) -> int | None:
        """Return the place of the tissue of this id, or None."""
        return next((i for i, t in enumerate(self.tissues) if t.id == tissue), None)

    def dressed(self, inputs: Inputs) -> Segmentation:
        """Return the same result under the present names, colours and pixel size.

        What was segmented stays in `inputs`, word for word.
        """
        present = {t.id: t for t in inputs.tissues}
        looks = tuple(_looking_like(t, present.get(t.id)) for t in self.tissues)
        image = replace(self.inputs.image, pixel_size_um=inputs.pixel_size_um)
        if looks == self.tissues and image == self.inputs.image:
            return self
        return replace(self, tissues=looks, inputs=replace(self.inputs, image=image))

    @property
    def presented(self) -> Inputs:
        """`inputs` under the tissues' present names and colours, as files tell them."""
        looks = {t.id: t for t in self.tissues}
        table = tuple(_looking_like(t, looks.get(t.id)) for t in self.inputs.tissues)
        return replace(self.inputs, tissues=table)

    def of_file(self, path: Path) -> Segmentation:
        """Return the same result, of an image known to lie in this file."""
        image = replace(self.inputs.image, name=path.name, path=str(path.absolute()))
        return replace(self, inputs=replace(self.inputs, image=image))

    def areas_mm2(self) -> dict[str, float] | None:
        """Return the area of each tissue in mm², or None if the pixel size is unknown."""
        if self.pixel_size_um is None:
            return None
        pixel = self.pixel_size_um[0] * self.pixel_size_um[1] * 1e-6
        counts = np.bincount(self.labels.ravel(), minlength=len(self.tissues) + 1)
        return {t.name: float(counts[i + 1]) * pixel for i, t in enumerate(self.tissues)}


def _looking_like(tissue: Tissue, present: Tissue | None) -> Tissue:
    if present is None:
        return tissue
    return replace(tissue, name=present.name, colour=present.colour)


def labels_hash(labels: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of labels (h, w), by which two masks are compared bit for bit."""
    found = sha256()
    for top in range(0, labels.shape[0], _ROWS):
        found.update(np.ascontiguousarray(labels[top : top + _ROWS]).tobytes())
    return found.hexdigest()
