"""What the working thread does: from the pixels and weak labels to a result, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.inputs import Box
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue, check_clicks, check_tissues
from napari_vslp.encoders.cache import content_hash
from napari_vslp.encoders.model_names import model_fingerprint
from napari_vslp.qt.viewer.source import Source

if TYPE_CHECKING:
    from napari_vslp.prepared import Prepared
    from napari_vslp.review.overview import Overview


@dataclass(frozen=True)
class Key:
    """What the encoder's view depends on.

    Attributes
    ----------
    content
        SHA-256 of the pixels in the region, so that edited pixels are seen and the same ones in
        another array are recognised.
    region
        Top, left, bottom, right (px), or None for the whole image.
    encoder, stamp
        The model, and when its file was written and how large it is.
    augmentation, device, seed
        As in `Settings`.
    data
        The array that was hashed; two keys are equal whatever it was.
    """

    content: str
    region: Box | None
    encoder: str
    stamp: tuple[int, int] | None
    augmentation: bool
    device: str
    seed: int
    data: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Request:
    """Everything that a solve needs, taken from the window when it starts.

    Attributes
    ----------
    source
        The pixels.
    prepared, key
        What the encoder saw last, and what it was made from (see `key_of`).
    live
        Whether a slider is moving.
    """

    source: Source
    tissues: tuple[Tissue, ...]
    clicks: tuple[Click, ...]
    painted: NDArray[np.uint8] | None
    pixel_size_um: tuple[float, float] | None
    settings: Settings
    prepared: Prepared | None = None
    key: Key | None = None
    start: Segmentation | None = None
    live: bool = False


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
    prepared: Prepared
    key: Key
    overview: Overview | None = None
    steps: tuple[Progress, ...] = ()


def key_of(request: Request, content: str) -> Key:
    """Return what the encoder's view of pixels with that hash depends on."""
    chosen = request.settings
    return Key(
        content=content,
        region=request.source.region,
        encoder=chosen.encoder,
        stamp=model_fingerprint(chosen.encoder),
        augmentation=chosen.augmentation,
        device=chosen.device,
        seed=chosen.seed,
        data=request.source.data,
    )


def solve(request: Request, job: Job) -> Outcome:
    """Look at the image unless that was done before, then fuse.

    Raises
    ------
    VslpError
        With one sentence, if anything asked for cannot be done.
    Cancelled
        If the job was told to stop.
    """
    # What is wrong in the table is said at once, not after the encoder's seconds.
    check_tissues(request.tissues, request.settings.trust)
    check_clicks(request.clicks, request.tissues, request.source.shape)
    content, pixels = _known_content(request), None
    if content is None:
        pixels = _read(request.source, job)
        content = content_hash(pixels)
        job.check()
    key = key_of(request, content)
    prepared = request.prepared if request.key == key else None
    if prepared is None:
        prepared = _prepare(request, _read(request.source, job) if pixels is None else pixels, job)
    if request.live:
        return Outcome(_fuse(prepared, request, job), prepared, key)
    from napari_vslp.review.overview import look_over

    heard, steps = _recording(job)
    result = _fuse(prepared, request, heard)
    return Outcome(result, prepared, key, look_over(result, job), tuple(steps))


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
    last, source = request.key, request.source
    if last is None or last.data is not source.data or last.region != source.region:
        return None
    return last.content if request.live or _is_lazy(source) else None


def _is_lazy(source: Source) -> bool:
    return not isinstance(source.data, np.ndarray)


def _read(source: Source, job: Job) -> NDArray[Any]:
    """Return the pixels in the region; of a lazy slide only those are read."""
    if _is_lazy(source):
        job.report(Progress("Reading the region", 0.0))
    if source.region is None:
        return np.asarray(source.data)
    top, left, bottom, right = source.region
    return np.asarray(source.data[top:bottom, left:right])


def _prepare(request: Request, pixels: NDArray[Any], job: Job) -> Prepared:
    from napari_vslp.qt.work.warmup import load_libraries

    job.report(Progress("Starting", 0.0))
    load_libraries(job)
    from napari_vslp import pipeline

    source, region = request.source, request.source.region
    if not _is_lazy(source):
        return pipeline.prepare(source.data, region=region, settings=request.settings, job=job)
    seen = pipeline.prepare(pixels, settings=request.settings, job=job)
    return seen if region is None else replace(seen, region=region, image_shape=source.shape)


def _fuse(prepared: Prepared, request: Request, job: Job) -> Segmentation:
    from napari_vslp import pipeline

    return pipeline.fuse(
        prepared,
        request.tissues,
        clicks=request.clicks,
        painted=request.painted,
        pixel_size_um=request.pixel_size_um,
        settings=request.settings,
        start=request.start,
        live=request.live,
        job=job,
    )
