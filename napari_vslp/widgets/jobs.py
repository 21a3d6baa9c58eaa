"""What the working thread does: from the pixels and weak labels to a result, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.progress import Job, Progress
from napari_vslp.segmentation import Segmentation
from napari_vslp.settings import Settings
from napari_vslp.tissues import Click, Tissue, check_clicks, check_tissues
from napari_vslp.widgets.source import Source

if TYPE_CHECKING:
    from napari_vslp.prepared import Prepared

Key = tuple[Any, ...]


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
    """A result with what the next solve need not do again."""

    result: Segmentation
    prepared: Prepared
    key: Key


def key_of(request: Request) -> Key:
    """Return what the encoder's view depends on: pixels, region and the encoder's settings."""
    chosen = request.settings
    return (
        id(request.source.data),
        request.source.region,
        chosen.encoder,
        chosen.augmentation,
        chosen.device,
        chosen.seed,
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
    key = key_of(request)
    prepared = request.prepared if request.key == key else None
    if prepared is None:
        prepared = _prepare(request, job)
    return Outcome(_fuse(prepared, request, job), prepared, key)


def _prepare(request: Request, job: Job) -> Prepared:
    from napari_vslp.widgets.warmup import load_libraries

    job.report(Progress("Starting", 0.0))
    load_libraries(job)
    from napari_vslp import pipeline

    source, region = request.source, request.source.region
    if region is None or isinstance(source.data, np.ndarray):
        return pipeline.prepare(source.data, region=region, settings=request.settings, job=job)
    top, left, bottom, right = region
    job.report(Progress("Reading the region", 0.0))
    pixels = np.asarray(source.data[top:bottom, left:right])  # a lazy slide is read only here
    seen = pipeline.prepare(pixels, settings=request.settings, job=job)
    return replace(seen, region=region, image_shape=source.shape)


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
