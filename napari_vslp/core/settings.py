"""What a user may set about a segmentation, beside the weak labels themselves."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.tissues import TRUST_MODES, Trust

Backend = Literal["auto", "numba", "torch"]
Smoothness = float | Literal["auto"]
DEFAULT_SMOOTHNESS = 2.0
# The regulariser that nothing had to be learnt for.
TOTAL_VARIATION = "tv"


@dataclass(frozen=True)
class Settings:
    """Settings of one segmentation; the defaults suit most H&E images.

    Attributes
    ----------
    encoder
        ``"bundled"``, the name of a model in the library, the path of a ``.safetensors`` file, or
        a hub name (``"hf-hub:…"``).
    augmentation
        Whether the eight flips and rotations are averaged in stage 1.
    smoothness
        λ ≥ 0, the weight of the boundary length (nats per px); 0 switches it off; ``"auto"``
        chooses it from the image (`napari_vslp.energy.blindspot`).
    edges
        Whether boundaries are cheaper where the image has an edge.
    colours
        Whether the image's own colours help to tell the tissues apart
        (`napari_vslp.confidence.colours`).
    regulariser
        ``"tv"``, or the path of a learned regulariser that is added to it
        (`napari_vslp.energy.terms.tdv`).
    trust
        How the proportions are met; see `napari_vslp.energy.penalties`.
    trust_strength
        ρ > 0 of the robust, quadratic and Kullback–Leibler trust modes (nats).
    tissue_only
        Whether white background is left out, so that shares are shares of tissue.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    backend
        The solver: ``"numba"`` (CPU), ``"torch"`` (any device) or ``"auto"``.
    tolerance
        Relative duality gap at which the solver stops.
    max_iterations
        Where the solver stops at the latest.
    seed
        Of everything that draws random numbers.
    cache
        Whether what the encoder saw is remembered on disk, so that it looks at an image once.
    """

    encoder: str = "bundled"
    augmentation: bool = True
    smoothness: Smoothness = DEFAULT_SMOOTHNESS
    edges: bool = True
    colours: bool = True
    regulariser: str = TOTAL_VARIATION
    trust: Trust = "interval"
    trust_strength: float = 1.0
    tissue_only: bool = False
    device: str = "auto"
    backend: Backend = "auto"
    tolerance: float = 1e-4
    max_iterations: int = 3000
    seed: int = 0
    cache: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if isinstance(self.smoothness, str):
            if self.smoothness != "auto":
                raise VslpError(f"Smoothness must be a number or auto, not “{self.smoothness}”.")
        elif not (math.isfinite(self.smoothness) and 0 <= self.smoothness <= 1000):
            raise VslpError("Smoothness must lie between 0 and 1000; 2 is a good start.")
        if not self.regulariser:
            raise VslpError("The regulariser must be tv or a file that was learnt.")
        if not (math.isfinite(self.trust_strength) and self.trust_strength > 0):
            raise VslpError("The strength of the trust must be above 0; 1 is a good start.")
        if self.trust not in TRUST_MODES:
            raise VslpError(f"Trust must be one of {', '.join(TRUST_MODES)}, not “{self.trust}”.")
        if self.backend not in ("auto", "numba", "torch"):
            raise VslpError(f"The solver must be auto, numba or torch, not “{self.backend}”.")
        if not 0 < self.tolerance < 1 or self.max_iterations < 1:
            raise VslpError("Tolerance must lie between 0 and 1, and iterations be at least 1.")

    @property
    def boundary_weight(self) -> float:
        """λ as a number; the usual one while it is still to be chosen."""
        return DEFAULT_SMOOTHNESS if isinstance(self.smoothness, str) else self.smoothness

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return asdict(self)
