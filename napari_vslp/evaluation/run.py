"""Every way of labelling on every image: one pass of each network, one solve for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.evaluation.calibration import bins_of
from napari_vslp.evaluation.floors import FLOORS, Seen, foreground_of
from napari_vslp.evaluation.measured import Measured
from napari_vslp.evaluation.metrics import Truth
from napari_vslp.evaluation.rows import CEILING_ROWS, MAIN, ROWS, Reading, Row
from napari_vslp.evaluation.samples import Sample, check_samples
from napari_vslp.pipeline import fuse, prepare
from napari_vslp.prepared import Prepared

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
    ceiling
        The network that learnt from masks, if there is one.
    labels
        Value of the masks → tissue; see `masks.read_mask`.
    source
        Where the images come from, in words.
    """

    samples: tuple[Sample, ...]
    tissues: tuple[str, ...]
    settings: Settings
    ceiling: str | None = None
    labels: Mapping[int, int] | None = None
    source: str = ""

    @property
    def foreground(self) -> int:
        """Index of the tissue of interest; see `floors.foreground_of`."""
        return foreground_of(self.tissues, np.stack([one.shares for one in self.samples]))

    @property
    def rows(self) -> tuple[Row, ...]:
        """The ways of using the networks."""
        return ROWS + (CEILING_ROWS if self.ceiling is not None else ())


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

    for spec in (study.settings.encoder, study.ceiling):
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
                settings=reading.settings(study.settings, study.ceiling),
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
        self._floors(next(iter(self.prepared.values())))
        for row in self.study.rows:
            if row.typed == "nothing":
                self._alone(row)
            else:
                self._typed(row)

    def _floors(self, prepared: Prepared) -> None:
        study = self.study
        # The white is the pixel rule's, the same for every network.
        white = prepared.features.white
        seen = Seen(prepared.image, white, self.sample.shares, study.tissues, study.foreground)
        for floor in FLOORS:
            self.found.add(floor.key, floor.name, self.truth.compare(floor.labels(seen)))

    def _table(self, row: Row) -> tuple[Tissue, ...]:
        seed = (self.study.settings.seed, self.sample.row)
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
