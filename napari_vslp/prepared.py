"""An image as the encoder saw it, with what the next click or slider move need not redo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box, ImageReference, Paint
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.energy.problem import OUTSIDE, Array, cost_of, edge_weight, fix_pixels
from napari_vslp.raster.contract import Raster, check_region

if TYPE_CHECKING:
    from napari_vslp.confidence.compose import Confidence
    from napari_vslp.encoders.embedding import ImageEmbedding
    from napari_vslp.encoders.reading.unfinished import Unfinished

Scores = dict[float, tuple[float, float]]


def same_pixels(image: Any, sha256: str, region: Box | None) -> NDArray[np.uint8] | None:  # noqa: ANN401 - as open_raster
    """Return the pixels of a region, (h, w, 3) uint8, if they are those of the hash; else None.

    Parameters
    ----------
    image
        As `raster.open_raster` takes it.
    sha256
        Of an `ImageReference`; empty for any pixels.
    region
        Top, left, bottom, right (px); None for the whole image.

    Raises
    ------
    VslpError
        If the image cannot be read.
    """
    from napari_vslp.encoders.cache import content_hash
    from napari_vslp.raster.contract import open_raster

    raster = open_raster(image)
    height, width = raster.shape
    if region is not None and (region[2] > height or region[3] > width):
        return None
    pixels = raster.read(region)
    return pixels if sha256 in ("", content_hash(pixels)) else None


@dataclass
class _Last:
    """The last value of each kind, with what it was made from."""

    confidence: tuple[object, object, Confidence] | None = None
    tv_weight: tuple[object, Array] | None = None
    cost: tuple[Confidence, NDArray[np.uint8], Array] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    content: str | None = None


@dataclass
class Prepared:
    """An image read by the encoder: all that does not depend on the weak labels.

    Attributes
    ----------
    image
        (h, w, 3) uint8: the region to segment.
    features
        What the encoder saw there.
    region
        Top, left, bottom, right (px) in the whole image.
    image_shape
        Height and width (px) of the whole image.
    notes
        What had to be converted or did not fit, in sentences.
    microns_per_pixel
        Side of the pixels that the encoder was trained on (µm); None if that is not known.
    """

    image: NDArray[np.uint8]
    features: ImageEmbedding
    region: Box
    image_shape: tuple[int, int]
    notes: tuple[str, ...] = ()
    microns_per_pixel: float | None = None
    _last: _Last = field(default_factory=_Last, repr=False)

    def refer_to(self, image: ImageReference) -> ImageReference:
        """Return the reference with the size and the hash of what was read."""
        from napari_vslp.encoders.cache import content_hash

        if self._last.content is None:
            self._last.content = content_hash(self.image)
        return replace(image, shape=self.image_shape, sha256=self._last.content)

    def clicks_inside(self, clicks: tuple[Click, ...]) -> tuple[tuple[Click, ...], tuple[str, ...]]:
        """Return the clicks in the region, in its pixels, and a note on those left out."""
        top, left, bottom, right = self.region
        inner = tuple(
            Click(c.tissue, c.row - top, c.column - left)
            for c in clicks
            if top <= c.row < bottom and left <= c.column < right
        )
        left_out = len(clicks) - len(inner)
        if not left_out:
            return inner, ()
        return inner, (f"{left_out} click(s) outside the region were not used.",)

    def confidence_of(
        self,
        tissues: tuple[Tissue, ...],
        clicks: tuple[Click, ...],
        settings: Settings,
        keep_start: bool,
    ) -> Confidence:
        """Return the confidence for tissues and clicks; kept until something it needs changes.

        Parameters
        ----------
        keep_start
            Whether a confidence that was guessed from the shares stays while a slider moves, so
            that its clusters do not swap names under the hand.
        """
        from napari_vslp.confidence.compose import active_sources, confidence_of
        from napari_vslp.confidence.contract import Context, depends_on

        context = Context(
            self.image, self.features, tissues, clicks, settings, kept=self._last.kept
        )
        sources = active_sources(context)
        key = depends_on(context, sources)
        by_shares = any("proportions" in source.needs for source in sources)
        shares = tuple(t.value for t in tissues) if by_shares else ()
        if self._last.confidence is not None:
            old_key, old_shares, found = self._last.confidence
            if old_key == key and (keep_start or old_shares == shares):
                return found
        found = confidence_of(context)
        self._last.confidence = (key, shares, found)
        return found

    def fixed_pixels(
        self, tissues: tuple[Tissue, ...], clicks: tuple[Click, ...], paint: Paint | None
    ) -> NDArray[np.uint8]:
        """Return (h, w) uint8: 0 free, i + 1 where a click or the brush fixed tissue i."""
        fixed = np.zeros(self.image.shape[:2], np.uint8)
        index = {t.id: i + 1 for i, t in enumerate(tissues)}
        for click in clicks:
            fixed[click.row, click.column] = index[click.tissue]
        if paint is None:
            return fixed
        top, left, bottom, right = self.region
        inner = paint.by_position(tissues)[top:bottom, left:right]
        # The brush wins over a click: painting over it is how a click is corrected.
        return np.where(inner > 0, inner, fixed).astype(np.uint8)

    def tv_weight_of(self, settings: Settings) -> Array:
        """Return λg/2 inside the tissue and `OUTSIDE` elsewhere, (h, w) float32."""
        key = (settings.boundary_weight, settings.edges, settings.tissue_only)
        if self._last.tv_weight is not None and self._last.tv_weight[0] == key:
            return self._last.tv_weight[1]
        weight = edge_weight(self.image) if settings.edges else np.ones(self.image.shape[:2])
        tv_weight = (weight * (settings.boundary_weight / 2)).astype(np.float32)
        if settings.tissue_only:
            tv_weight[self.features.white > 0.5] = OUTSIDE
            if not (tv_weight >= 0).any():
                raise VslpError("The region holds white background only: choose one with tissue.")
        self._last.tv_weight = (key, tv_weight)
        return tv_weight

    def with_smoothness(
        self,
        confidence: Confidence,
        settings: Settings,
        start: Segmentation | None,
        job: Job,
    ) -> tuple[Settings, Scores, tuple[str, ...]]:
        """Return the settings with λ as a number, chosen from the image where that was asked for.

        The choice rests on image and confidences alone, so a slider that moves does not renew it.

        Parameters
        ----------
        start
            The last result, whose choice holds as long as what it rested on.
        job
            Cancel token and progress callback.

        Returns
        -------
        Settings, dict, tuple of str
            With a number; what each smoothness tried cost; a sentence on the choice.
        """
        if settings.smoothness != "auto":
            return settings, {}, ()
        if start is not None and _same_choice(start, confidence, settings):
            number, scores = start.settings.boundary_weight, start.smoothness_scores
        else:
            from napari_vslp.energy.blindspot import choose_smoothness

            weight = self.tv_weight_of(replace(settings, smoothness=2.0))
            choice = choose_smoothness(confidence.mean, weight, seed=settings.seed, job=job)
            number = choice.smoothness
            scores = {s: (score.mean, score.error) for s, score in choice.scores.items()}
        note = f"Smoothness {number:g} was chosen from the image."
        if not scores:
            note = (
                "The image is too small or too plain to choose from: "
                f"smoothness {number:g} is used."
            )
        return replace(settings, smoothness=number), scores, (note,)

    def cost_of(self, confidence: Confidence, fixed: NDArray[np.uint8]) -> Array:
        """Return C = −log c with fixed pixels bound, (K, h, w) float32.

        The same array comes back while nothing changed: its identity tells the solver that a
        two-tissue look-up still holds.
        """
        last = self._last.cost
        if last is not None and last[0] is confidence and np.array_equal(last[1], fixed):
            return last[2]
        cost = fix_pixels(cost_of(confidence.mean), fixed)
        self._last.cost = (confidence, fixed, cost)
        return cost


def prepare_region(
    raster: Raster,
    region: Box | None,
    settings: Settings,
    job: Job,
    *,
    unfinished: Unfinished | None = None,
    on_step: Callable[[Prepared], None] | None = None,
) -> Prepared:
    """Read a region with the encoder; the parameters are those of `pipeline.prepare`."""
    region = check_region(region, raster.shape)
    # Only the region is read, so that a huge image costs no more than its region.
    rgb = raster.read(region)
    from napari_vslp.encoders.cache import embed_image
    from napari_vslp.encoders.encoder import load_encoder

    job.report(Progress("Loading the network", 0.0))
    encoder = load_encoder(settings.encoder, settings.device, job)

    def prepared(found: ImageEmbedding) -> Prepared:
        notes = (*raster.notes, *found.notes)
        return Prepared(rgb, found, region, raster.shape, notes, encoder.microns_per_pixel)

    features = embed_image(
        rgb,
        encoder,
        settings.augmentation,
        job=job,
        seed=settings.seed,
        cache=settings.cache,
        unfinished=unfinished,
        on_step=None if on_step is None else lambda found: on_step(prepared(found)),
    )
    return prepared(features)


def _same_choice(start: Segmentation, confidence: Confidence, settings: Settings) -> bool:
    used = start.settings
    same = used.edges == settings.edges and used.tissue_only == settings.tissue_only
    return bool(start.smoothness_scores) and start.confidence is confidence.mean and same


def on_white(fixed: NDArray[np.uint8], tv_weight: Array) -> tuple[str, ...]:
    """Return a sentence if clicked or painted pixels are left out with the white background.

    Parameters
    ----------
    fixed
        (h, w): 0 free, otherwise clicked or painted.
    tv_weight
        (h, w), negative where nothing is segmented.
    """
    count = int(np.count_nonzero(fixed[tv_weight < 0]))
    if not count:
        return ()
    pixels = f"{count} clicked or painted pixels lie"
    pixels = "One clicked or painted pixel lies" if count == 1 else pixels
    return (f"{pixels} on white background, which is left out: no tissue was given there.",)
