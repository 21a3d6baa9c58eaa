"""The one way from an image and its weak labels to a segmentation; everybody calls it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, ImageReference, Inputs, Paint
from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import (
    FIDELITY,
    REGULARISATION,
    FloatMap,
    Segmentation,
    TermMap,
)
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue, admitting, check_tissues, clicks_by_id
from napari_vslp.core.weak_labels import ClicksLike, TissuesLike, as_clicks, as_tissues
from napari_vslp.energy.minimise import Warm, minimise_on_device, solver_device, stopped_early
from napari_vslp.energy.penalties.contract import penalty_of
from napari_vslp.energy.problem import Problem, check_fixed
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Solution
from napari_vslp.energy.terms.contract import BoundTerm, TermContext, active_terms
from napari_vslp.prepared import Prepared, on_white, prepare_region
from napari_vslp.raster.contract import Raster, open_raster
from napari_vslp.raster.pixel_size import check_pixel_size, compared

if TYPE_CHECKING:
    from napari_vslp.confidence.compose import Confidence
    from napari_vslp.encoders.reading.unfinished import Unfinished


def segment(
    image: ArrayLike | Raster | str | Path,
    tissues: TissuesLike,
    *,
    clicks: ClicksLike = (),
    painted: NDArray[np.uint8] | None = None,
    region: Box | None = None,
    pixel_size_um: tuple[float, float] | None = None,
    settings: Settings | None = None,
    job: Job | None = None,
    **options: Any,  # noqa: ANN401
) -> Segmentation:
    """Segment an image from tissue proportions and clicks.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB, or whatever else `open_raster` reads (docs/reading.md): arrays, lazy
        ones too, of which only the region is read, a `Raster`, or the path of a file.
    tissues
        Such as ``{"gland": "60±5", "other": "40"}``; see `weak_labels.as_tissues`.
    clicks
        Such as ``[("gland", 120, 64)]`` (row and column, px); see `weak_labels.as_clicks`.
    painted
        (H, W) integers: 0 free, i + 1 where the i-th tissue was painted and is kept.
    region
        Top, left, bottom, right (px); None for the whole image.
    pixel_size_um
        Height and width of a pixel (µm), or one number for both; read from a file that states it.
    settings, **options
        `Settings`, or single fields of it by name (``smoothness=4``).
    job
        Cancel token and progress callback.

    Returns
    -------
    Segmentation
        Labels, confidences, energy maps, gap and areas.

    Raises
    ------
    VslpError
        With one sentence, if anything given cannot be used.
    Cancelled
        If the job was told to stop.
    """
    options = {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in options.items()}
    chosen = replace(settings or Settings(), **options)
    table = as_tissues(tissues)
    check_tissues(table, chosen.trust)
    size = check_pixel_size(pixel_size_um)
    raster = open_raster(image)
    path = Path(image).absolute() if isinstance(image, str | os.PathLike) else None
    inputs = Inputs(
        ImageReference(
            name=path.name if path is not None else "",
            path=str(path or ""),
            shape=raster.shape,
            pixel_size_um=size or raster.pixel_size_um,
        ),
        table,
        clicks_by_id(as_clicks(clicks), table),
        None if painted is None else Paint.of(painted, [t.id for t in table], raster.shape),
        region,
        chosen,
    )
    # What can be refused is refused before the network runs.
    inputs.check()
    return run(inputs, prepare(raster, region=region, settings=chosen, job=job), job=job)


def prepare(
    image: ArrayLike | Raster | str | Path,
    *,
    region: Box | None = None,
    settings: Settings | None = None,
    job: Job | None = None,
    unfinished: Unfinished | None = None,
    on_step: Callable[[Prepared], None] | None = None,
) -> Prepared:
    """Read an image with the encoder: the slow part, that no later click or slider repeats.

    Parameters
    ----------
    image, region, settings, job
        As in `segment`.
    unfinished
        What an earlier call that was cancelled left there is not read again.
    on_step
        Told on the way what there is so far; what is returned is the same without it.

    Returns
    -------
    Prepared
        What `run` needs, as often as proportions and clicks change.

    Raises
    ------
    VslpError
        If the image, the region or the encoder cannot be used.
    Cancelled
        If the job was told to stop.
    """
    chosen, token = settings or Settings(), job or Job()
    raster = open_raster(image)
    return prepare_region(raster, region, chosen, token, unfinished=unfinished, on_step=on_step)


def run(
    inputs: Inputs,
    prepared: Prepared,
    *,
    start: Segmentation | None = None,
    live: bool = False,
    job: Job | None = None,
) -> Segmentation:
    """Fuse the confidences with the proportions: the fast part, which everybody calls.

    Parameters
    ----------
    inputs
        What was said; clicks and paint in pixels of the whole image.
    prepared
        From `prepare`, with the region and options of `inputs`.
    start
        The previous result of this image with the same tissues: a warm start.
    live
        Whether a slider is moving: a few iterations from `start`, refined by a later call.
    job
        Cancel token and progress callback.

    Returns
    -------
    Segmentation
        Of the prepared region.

    Raises
    ------
    VslpError
        With one sentence, if anything said cannot be.
    Cancelled
        If the job was told to stop.
    """
    began = time.perf_counter()
    settings, job, table = inputs.options, job or Job(), inputs.tissues
    inputs = replace(inputs, image=prepared.refer_to(inputs.image))
    inputs.check()
    other_size = compared(inputs.pixel_size_um, prepared.microns_per_pixel)
    inner, notes = prepared.clicks_inside(inputs.clicks)
    confidence = prepared.confidence_of(table, inner, settings, keep_start=live)
    fixed = prepared.fixed_pixels(table, inner, inputs.paint)
    asked = admitting(table, {table[k - 1].id for k in np.unique(fixed) if k})
    penalty = penalty_of(asked, settings.trust, settings.trust_strength)
    settings, scores, chosen = prepared.with_smoothness(confidence, settings, start, job)
    tv_weight = prepared.tv_weight_of(settings)
    check_fixed(fixed, tv_weight >= 0, table, penalty)
    notes = (*notes, *on_white(fixed, tv_weight))
    cost = prepared.cost_of(confidence, fixed)
    problem = Problem(cost, tv_weight, penalty)
    warm = _warm_state(start, table)
    terms: dict[str, TermMap] = {}
    active = active_terms(settings)
    if not active:
        found, warm = minimise_on_device(problem, warm, settings, live=live, job=job)
    else:
        device, mask = solver_device(settings), tv_weight >= 0
        context = TermContext(prepared.image, confidence.mean, mask, device, settings)
        bound = {term.name: term.bind(context) for term in active}
        found, maps, warm = _minimise_with_terms(problem, bound, warm, settings, live, job)
        terms = {t.name: TermMap(*maps[t.name], t.title) for t in active}
        chosen = (*chosen, *(note for term in bound.values() for note in term.notes))
    early = "" if live else stopped_early(found, settings)
    labels = round_labels(
        found.state.u, confidence.mean, tv_weight >= 0, *penalty.bounds(), fixed=fixed
    )
    result = _result(prepared, inputs, confidence, found, labels, terms)
    return replace(
        result,
        smoothness_scores=scores,
        settings=settings,
        seconds=time.perf_counter() - began,
        notes=(*result.notes, *filter(None, [other_size, early]), *notes, *chosen),
        state=warm,
    )


def fuse(
    prepared: Prepared,
    tissues: Sequence[Tissue],
    *,
    clicks: Sequence[Click] = (),
    painted: NDArray[np.uint8] | None = None,
    pixel_size_um: tuple[float, float] | None = None,
    settings: Settings | None = None,
    start: Segmentation | None = None,
    live: bool = False,
    job: Job | None = None,
) -> Segmentation:
    """Run tissues and clicks on a prepared image: `run` for scripts that have no `Inputs`.

    Parameters
    ----------
    prepared, start, live, job
        As in `run`.
    tissues, clicks, painted, pixel_size_um, settings
        As in `segment`; clicks and `painted` in pixels of the whole image.

    Returns
    -------
    Segmentation
        Of the prepared region.
    """
    table, shape = tuple(tissues), prepared.image_shape
    inputs = Inputs(
        ImageReference(shape=shape, pixel_size_um=pixel_size_um),
        table,
        clicks_by_id(tuple(clicks), table),
        None if painted is None else Paint.of(painted, [t.id for t in table], shape),
        prepared.region,
        settings or Settings(),
    )
    return run(inputs, prepared, start=start, live=live, job=job)


def replay(
    inputs: Inputs, path: Path, *, job: Job | None = None
) -> tuple[Segmentation, NDArray[np.uint8]]:
    """Run inputs on their image, read anew from its file.

    Parameters
    ----------
    inputs
        As a result or a session file holds them.
    path
        Where the image lies now.
    job
        Cancel token and progress callback.

    Returns
    -------
    Segmentation
        Under the same inputs, but for the image's present path.
    ndarray
        (h, w, 3) uint8: the pixels of the region.

    Raises
    ------
    VslpError
        If the image cannot be read or holds other pixels than those that were segmented.
    Cancelled
        If the job was told to stop.
    """
    raster = open_raster(path)
    prepared = prepare(raster, region=inputs.region, settings=inputs.options, job=job)
    found, asked = prepared.refer_to(inputs.image), inputs.image
    # A session that was saved before anything was segmented knows no hash.
    if found.shape != asked.shape or asked.sha256 not in ("", found.sha256):
        raise VslpError(
            f"“{path}” is not the image that was segmented: its pixels are other ones. "
            "Name the right file."
        )
    return run(inputs, prepared, job=job).of_file(path), prepared.image


def _minimise_with_terms(  # noqa: PLR0917 - one call site above, in this order
    problem: Problem,
    terms: Mapping[str, BoundTerm],
    warm: Warm | None,
    settings: Settings,
    live: bool,
    job: Job,
) -> tuple[Solution, dict[str, tuple[FloatMap, float]], Warm]:
    """Minimise the energy with further terms; return their maps and sums by name, too."""
    from napari_vslp.energy.terms.linearised import minimise_with_terms

    def solve(convex: Problem, start: Warm | None, moving: bool) -> tuple[Solution, Warm]:
        return minimise_on_device(convex, start, settings, live=moving, job=job)

    found, left = minimise_with_terms(
        problem, terms, solve, warm=warm, live=live, tolerance=settings.tolerance, job=job
    )
    return found.solution, found.maps, left


def _warm_state(start: Segmentation | None, tissues: tuple[Tissue, ...]) -> Warm | None:
    """Return the previous state if it belongs to these tissues, in this order."""
    if start is None or not isinstance(start.state, Warm):
        return None
    same = [t.id for t in start.tissues] == [t.id for t in tissues]
    return start.state if same else None


def _result(  # noqa: PLR0917 - one call site above, in this order
    prepared: Prepared,
    inputs: Inputs,
    confidence: Confidence,
    found: Solution,
    labels: NDArray[np.uint8],
    more_terms: Mapping[str, TermMap],
) -> Segmentation:
    audit = found.certificate
    counts = np.bincount(labels.ravel(), minlength=len(inputs.tissues) + 1)[1:]
    terms = {
        FIDELITY: TermMap.of(audit.fidelity, "doubt: numbers"),
        REGULARISATION: TermMap.of(audit.regularisation, "doubt: boundary"),
        **more_terms,
    }
    return Segmentation(
        inputs=inputs,
        tissues=inputs.tissues,
        labels=labels,
        confidence=confidence.mean,
        spread=confidence.spread,
        terms=terms,
        margin=audit.margin,
        gap_map=audit.gap_map,
        prices=found.state.price,
        objective=audit.objective,
        bound=audit.objective - audit.gap,
        gap=audit.relative_gap,
        shares=counts / max(1, int(counts.sum())),
        iterations=found.iterations,
        seconds=0.0,
        region=prepared.region,
        image_shape=prepared.image_shape,
        settings=inputs.options,
        weights_hash=prepared.features.weights_hash,
        start_only=confidence.start_only,
        evidence=confidence.maps,
        notes=(*prepared.notes, *confidence.notes),
        versions=installed_versions(),
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of this package and of what its numbers depend on."""
    found = {}
    for name in ("napari-vslp", "numpy", "torch", "timm", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
