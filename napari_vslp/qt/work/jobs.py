"""What the working thread does: from the pixels and the inputs to a result, without Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vslp.core.inputs import Box, Inputs
from napari_vslp.core.options import key_of
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.encoders.cache import content_hash
from napari_vslp.encoders.model_names import model_fingerprint
from napari_vslp.encoders.reading.unfinished import Unfinished
from napari_vslp.qt.viewer.source import Source
from napari_vslp.raster.contract import Raster, open_raster

if TYPE_CHECKING:
    from napari_vslp.prepared import Prepared
    from napari_vslp.review.overview import Overview

Show = Callable[[Segmentation], None]

# A look takes a sixth of the time at most. It is solved roughly: at 1500² px 99 % of its labels
# are those of the full search, which would take five times as long, and more are still to be read.
_RARELY = 5
_ROUGH_GAP = 3e-2
_ROUGH_ITERATIONS = 50


@dataclass(frozen=True)
class Key:
    """What the image embedding depends on.

    Attributes
    ----------
    content
        SHA-256 of the pixels in the region as they are seen, so that edited ones are noticed and
        the same ones in another array are recognised.
    region
        Top, left, bottom, right (px), or None for the whole image.
    fingerprint
        When the model's file was written and how large it is.
    options
        Names and values of the options by which the image is read.
    data
        The array that was hashed; two keys are equal whatever it was.
    """

    content: str
    region: Box | None
    fingerprint: tuple[int, int] | None
    options: tuple[object, ...]
    data: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Request:
    """Everything that a solve needs, taken from the session when it starts.

    Attributes
    ----------
    source
        The pixels.
    inputs
        What is to be segmented.
    embedding, key
        What the encoder saw last, and what it was made from (see `embedding_key`).
    start
        The result that came last.
    live
        Whether a slider is moving.
    unfinished
        Where a reading that was cancelled waits to go on.
    """

    source: Source
    inputs: Inputs
    embedding: Prepared | None = None
    key: Key | None = None
    start: Segmentation | None = None
    live: bool = False
    unfinished: Unfinished | None = None


@dataclass(frozen=True)
class Outcome:
    """A result with what the next solve need not do again.

    Attributes
    ----------
    overview
        What is doubtful in it; None while a slider moves, when nobody looks it over.
    steps
        The solver's reports, one a certificate.
    """

    result: Segmentation
    embedding: Prepared
    key: Key
    overview: Overview | None = None
    steps: tuple[Progress, ...] = ()


def embedding_key(request: Request, content: str) -> Key:
    """Return what the embedding of pixels with that hash depends on."""
    options = request.inputs.options
    extras = {name: key_of(one, "reading") for name, one in sorted(options.extras.items())}
    usual = {name: key_of(type(one)(), "reading") for name, one in options.extras.items()}
    return Key(
        content=content,
        region=request.inputs.region,
        fingerprint=model_fingerprint(options.encoder),
        options=(
            *key_of(options, "reading"),
            *((name, key) for name, key in extras.items() if key != usual[name]),
        ),
        data=request.source.data,
    )


def solve(request: Request, job: Job, show: Show | None = None) -> Outcome:
    """Look at the image unless that was done before, then fuse.

    Parameters
    ----------
    request
        What to do.
    job
        Cancel token and progress.
    show
        Given quick results while the image is still being read; the outcome is the same without.

    Raises
    ------
    VslpError
        With one sentence, if anything asked for cannot be done.
    Cancelled
        If the job was told to stop.
    """
    # What is wrong in the table is said at once, not after the encoder's seconds.
    request.inputs.check()
    # The whole image, of which only the region is read: how bright white is must not depend on it.
    raster = open_raster(request.source.data)
    content = _known_content(request)
    if content is None:
        if _is_lazy(request.source):
            job.report(Progress("Reading the region", 0.0))
        # Held until the end, so that preparing the same region reads nothing again.
        pixels = raster.read(request.inputs.region)
        content = content_hash(pixels)
        job.check()
    key = embedding_key(request, content)
    embedding = request.embedding if request.key == key else None
    if embedding is None:
        looks = None if show is None else _Looks(request, job, show)
        embedding = _prepare(raster, request, job, looks)
    if request.live:
        return Outcome(_run(embedding, request, job), embedding, key)
    from napari_vslp.review.overview import look_over

    heard, steps = _recording(job)
    result = _run(embedding, request, heard)
    return Outcome(result, embedding, key, look_over(result, job), tuple(steps))


def _recording(job: Job) -> tuple[Job, list[Progress]]:
    """Return a job that passes everything on, and the list in which it keeps the solver's steps."""
    steps: list[Progress] = []

    def hear(progress: Progress) -> None:
        if progress.iteration is not None:
            steps.append(progress)
        job.report(progress)

    return Job(job.cancel, hear), steps


def _known_content(request: Request) -> str | None:
    """Return the last hash where the pixels need not be looked at again.

    Nobody edits pixels while a slider moves, and a slide on disk is not read for every click.
    """
    last, data = request.key, request.source.data
    if last is None or last.data is not data or last.region != request.inputs.region:
        return None
    return last.content if request.live or _is_lazy(request.source) else None


def _is_lazy(source: Source) -> bool:
    return not isinstance(source.data, np.ndarray)


@dataclass
class _Looks:
    """Makes a quick result of what was read so far, as often as that costs little."""

    request: Request
    job: Job
    show: Show
    _cost_s: float = 0.0
    _last: float = field(default=-math.inf)

    def __call__(self, prepared: Prepared) -> None:
        began = time.monotonic()
        if began - self._last < _RARELY * self._cost_s:
            return
        options = self.request.inputs.options
        rough = replace(
            options,
            tolerance=max(options.tolerance, _ROUGH_GAP),
            max_iterations=min(options.max_iterations, _ROUGH_ITERATIONS),
        )
        inputs = replace(self.request.inputs, options=rough)
        found = _run(
            prepared, replace(self.request, inputs=inputs, live=True), Job(self.job.cancel)
        )
        self.show(found)
        self._last = time.monotonic()
        self._cost_s = self._last - began


def _prepare(raster: Raster, request: Request, job: Job, looks: _Looks | None) -> Prepared:
    from napari_vslp.qt.work.warmup import load_libraries

    job.report(Progress("Starting", 0.0))
    load_libraries(job)
    from napari_vslp import pipeline

    inputs = request.inputs
    return pipeline.prepare(
        raster,
        region=inputs.region,
        settings=inputs.options,
        job=job,
        unfinished=request.unfinished,
        on_step=looks,
    )


def _run(embedding: Prepared, request: Request, job: Job) -> Segmentation:
    from napari_vslp import pipeline

    return pipeline.run(request.inputs, embedding, start=request.start, live=request.live, job=job)
