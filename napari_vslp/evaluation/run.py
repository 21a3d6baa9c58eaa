"""Every way of labelling on every image: one pass of each network, one solve for each row."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.evaluation.baselines import BASELINES, BaselineInput, foreground_of
from napari_vslp.evaluation.masks import parse_labels
from napari_vslp.evaluation.metrics import Bins, Scores, Truth, bins_of
from napari_vslp.evaluation.rows import MAIN, ROWS, UPPER_BOUND_ROWS, Reading, Row
from napari_vslp.evaluation.samples import Sample, check_samples, samples_of
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.pipeline import fuse, prepare
from napari_vslp.prepared import Prepared

Vector = NDArray[np.float64]
STAGE = "Measuring the images"


@dataclass(frozen=True)
class Study:
    """What is to be measured.

    Attributes
    ----------
    samples
        N images with masks.
    tissues
        K names.
    settings
        The network (`encoder`), smoothness, edges, device and seed.
    upper_bound
        A network that learnt from masks (the supervised upper bound), if there is one.
    labels
        Value of the masks → tissue; see `masks.read_mask`.
    source
        Where the images come from, in words.
    """

    samples: tuple[Sample, ...]
    tissues: tuple[str, ...]
    settings: Settings
    upper_bound: str | None = None
    labels: Mapping[int, int] | None = None
    source: str = ""

    @property
    def foreground(self) -> int:
        """Index of the tissue of interest; see `baselines.foreground_of`."""
        return foreground_of(self.tissues, np.stack([one.shares for one in self.samples]))

    @property
    def rows(self) -> tuple[Row, ...]:
        """The ways of using the networks."""
        return ROWS + (UPPER_BOUND_ROWS if self.upper_bound is not None else ())


@dataclass
class Measured:
    """What was measured.

    Attributes
    ----------
    names
        Key of each row, baselines first → its name.
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


def read_study(
    table: Path,
    masks: Path,
    settings: Settings,
    *,
    images: Path | None = None,
    tissues: Sequence[str] | None = None,
    labels: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    upper_bound: str | None = None,
) -> Study:
    """Read a table of images with their shares, and pair the images with their masks.

    Parameters
    ----------
    table
        As for training.
    masks, images
        Folders; by default the images lie where the table says.
    settings
        The network (`encoder`), smoothness, edges, device and seed.
    tissues
        Columns to take; None for all.
    labels
        What the values of the masks mean, such as ``tumor=0,stroma=1+2``.
    split
        Only rows with this split.
    limit
        How many images are drawn at random; None for all.
    upper_bound
        A network that learnt from masks.

    Raises
    ------
    VslpError
        If the table, a folder or the labels cannot be used, or a mask is missing.
    """
    cohort = read_cohort(table, images=images, tissues=tissues, split=split)
    return Study(
        samples_of(cohort, masks, limit=limit, seed=settings.seed),
        cohort.tissues,
        settings,
        upper_bound,
        None if labels is None else parse_labels(labels, cohort.tissues),
        source=cohort.path.name + (f", split {split}" if split else ""),
    )


def evaluate(study: Study, job: Job | None = None) -> Measured:
    """Measure all rows on all images.

    Raises
    ------
    VslpError
        If a network, an image or a mask cannot be used; images and masks are checked first.
    Cancelled
        If the job was told to stop.
    """
    job = job or Job()
    _check_networks(study, job)
    check_samples(study.samples, study.labels, job)
    found = Measured()
    for index, sample in enumerate(study.samples):
        job.check()
        job.report(Progress(STAGE, index / len(study.samples)))
        _Work.of(study, sample, found, job).measure()
    job.report(Progress(STAGE, 1.0))
    return found


def _check_networks(study: Study, job: Job) -> None:
    from napari_vslp.encoders.encoder import load_encoder

    for spec in (study.settings.encoder, study.upper_bound):
        if spec is not None:
            load_encoder(spec, study.settings.device, job)


@dataclass(frozen=True)
class _Work:
    """One image on the bench; `job` tells of no progress, only whether to stop."""

    study: Study
    sample: Sample
    truth: Truth
    prepared: dict[Reading, Prepared]
    found: Measured
    job: Job

    @classmethod
    def of(cls, study: Study, sample: Sample, found: Measured, job: Job) -> _Work:
        """Read the image, each network once."""
        raster, region, labels = sample.read(study.labels)
        # The bars of one image's stages would flicker: only the images are counted.
        quiet = Job(job.cancel)
        prepared = {
            reading: prepare(
                raster,
                region=region,
                settings=reading.settings(study.settings, study.upper_bound),
                job=quiet,
            )
            for reading in dict.fromkeys(row.reading for row in study.rows)
        }
        return cls(study, sample, Truth(labels, len(study.tissues)), prepared, found, quiet)

    def measure(self) -> None:
        """Measure all rows on it."""
        found, truth = self.found, self.truth
        found.shares.append(truth.shares)
        found.ignored.append(1 - float(truth.counted.mean()))
        for reading, prepared in self.prepared.items():
            found.weights[reading] = prepared.features.weights_hash
        self._baselines(next(iter(self.prepared.values())))
        for row in self.study.rows:
            if row.typed == "nothing":
                self._alone(row)
            else:
                self._typed(row)

    def _baselines(self, prepared: Prepared) -> None:
        study = self.study
        # The white is the pixel rule's, the same for every network.
        white = prepared.features.white
        given = BaselineInput(
            prepared.image, white, self.sample.shares, study.tissues, study.foreground
        )
        for one in BASELINES:
            self.found.add(one.key, one.name, self.truth.compare(one.labels(given)))

    def _table(self, row: Row) -> tuple[Tissue, ...]:
        seed = (self.study.settings.seed, self.sample.number)
        return row.table(self.study.tissues, self.sample.shares, seed)

    def _alone(self, row: Row) -> None:
        prepared, settings = self.prepared[row.reading], self.study.settings
        known = prepared.confidence_of(self._table(row), (), settings, keep_start=False)
        self.found.add_bins(row.reading, bins_of(known.mean, self.truth.labels))
        labels = known.mean.argmax(0).astype(np.int16)
        self._add(row, labels, known.mean, (*prepared.notes, *known.notes))

    def _typed(self, row: Row) -> None:
        settings = row.settings(self.study.settings)
        result = fuse(self.prepared[row.reading], self._table(row), settings=settings, job=self.job)
        # 0 is “nothing here” in a result; no setting here leaves pixels out.
        labels = result.labels.astype(np.int16) - np.int16(1)
        self._add(row, labels, result.confidence, result.notes)
        if row.key == MAIN:
            self.found.keep(labels)

    def _add(
        self,
        row: Row,
        labels: NDArray[np.int16],
        confidence: NDArray[np.float32],
        notes: tuple[str, ...],
    ) -> None:
        error = bins_of(confidence, self.truth.labels).error
        self.found.add(row.key, row.name, self.truth.compare(labels, error))
        self.found.notes.update(dict.fromkeys(notes))
