"""What an evaluation measured, image by image."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_vslp.evaluation.calibration import Bins
from napari_vslp.evaluation.metrics import Scores
from napari_vslp.evaluation.rows import Reading

Vector = NDArray[np.float64]


@dataclass
class Measured:
    """What was measured.

    Attributes
    ----------
    names
        Key of each row, floors first → its name.
    scores
        Key → one entry for each image.
    bins
        Reading → its confidences over all images, sorted for the calibration diagram.
    main_labels
        The labels of the row `MAIN`, int16, packed by zlib: one entry for each image.
    shares
        (K,) for each image: shares in the mask.
    ignored
        For each image: the share of its pixels that the mask leaves out.
    notes
        Sentences of the pipeline, each once.
    weights
        Reading → SHA-256 of its network's weights.
    """

    names: dict[str, str] = field(default_factory=dict)
    scores: dict[str, list[Scores]] = field(default_factory=dict)
    bins: dict[Reading, Bins] = field(default_factory=dict)
    main_labels: list[bytes] = field(default_factory=list)
    shares: list[Vector] = field(default_factory=list)
    ignored: list[float] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    weights: dict[Reading, str] = field(default_factory=dict)

    def add(self, key: str, name: str, scores: Scores) -> None:
        """Add the next image's scores to a row."""
        self.names.setdefault(key, name)
        self.scores.setdefault(key, []).append(scores)

    def add_bins(self, reading: Reading, bins: Bins) -> None:
        """Add the next image's confidences to a reading."""
        before = self.bins.get(reading)
        self.bins[reading] = bins if before is None else before + bins

    def keep(self, labels: NDArray[np.int16]) -> None:
        """Keep the next image's labels of the row `MAIN`, for the pictures of the report."""
        self.main_labels.append(zlib.compress(labels.tobytes()))

    def kept(self, index: int, shape: tuple[int, int]) -> NDArray[np.int16]:
        """Return the labels of the row `MAIN` on one image, (H, W) int16."""
        packed = zlib.decompress(self.main_labels[index])
        return np.frombuffer(packed, np.int16).reshape(shape)
